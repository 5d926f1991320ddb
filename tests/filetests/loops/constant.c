// Loops whose end is constant are executed to it, exactly, whatever their contents need.
// test: verify
int grid[100][100];
unsigned char region[65536];

void nest(void)
{
    for (int i = 0; i < 100; i++)
        for (int j = 0; j < 100; j++)
            grid[i][j] = i * j;
}

void region_by_hand(void)
{
    for (unsigned i = 0; i < 65536; i++)
        region[i] = 0;
}

void one_too_far(void)
{
    for (unsigned i = 0; i <= 65536; i++)
        region[i] = 0;
//      ^^^^^^^^^ refuted[index-upper-bound] i == 65536
}

// What was written is known afterwards.
int sum_of_squares(void)
{
    int squares[12];
    int sum = 0;
    for (int i = 0; i < 12; i++)
        squares[i] = i * i;
    for (int i = 0; i < 12; i++)
        sum += squares[i];
    return 1000 / (sum - 506);
    //     ^^^^^^^^^^^^^^^^^^ refuted[divisor-nonzero] i == 12 && sum == 506
}

int sum_of_many(void)
{
    int numbers[300];
    int sum = 0;
    for (int i = 0; i < 300; i++)
        numbers[i] = i;
    for (int i = 0; i < 300; i++)
        sum += numbers[i];
    return 1000 / (sum - 44849);
}

// The input decides some iterations, constants the rest.
int mixed(const int *p, int n)
{
    int found = 0;
    for (int i = 0; i < 8; i++) {
        if (i == n)
            break;
        found += i;
    }
    return 100 / (28 - found);
    //     ^^^^^^^^^^^^^^^^^^ refuted[divisor-nonzero] found == 28 && i == 8
}
// summary: mixed: 3 proved, 1 refuted
// summary: nest: 7 proved
// summary: one_too_far: 1 proved, 1 refuted
// summary: region_by_hand: 2 proved
// summary: sum_of_many: 10 proved
// summary: sum_of_squares: 10 proved, 1 refuted

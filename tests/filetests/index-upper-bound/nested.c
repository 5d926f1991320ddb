// Arrays in structures, arrays of arrays, and writes.
// test: verify
struct point {
    int x;
    int y;
};

struct shape {
    unsigned count;
    struct point points[4];
    int colour;
};

// The count is any number: nothing bounds it.
void trusting(struct shape *s, int x)
{
    s->points[s->count].x = x;
//  ^^^^^^^^^^^^^^^^^^^ refuted[index-upper-bound] s->count >= 4
}

int careful(struct shape *s, int x)
{
    if (s->count >= 4)
        return -1;
    s->points[s->count].x = x;
//  ^^^^^^^^^^^^^^^^^^^ proved[index-upper-bound]
    s->count++;
    return 0;
}

// The array is inside a larger object: its own length counts.
void into_the_next_member(struct shape *s, unsigned i)
{
    if (i <= 4)
        s->points[i].y = 0;
//      ^^^^^^^^^^^^ refuted[index-upper-bound] i == 4
}

int grid[3][5];

int swapped(unsigned row, unsigned column)
{
    if (row >= 5 || column >= 3)
        return -1;
    return grid[row][column];
    //     ^^^^^^^^^ refuted[index-upper-bound] row >= 3
}

int in_order(unsigned row, unsigned column)
{
    if (row >= 3 || column >= 5)
        return -1;
    return grid[row][column];
    //     ^^^^^^^^^^^^^^^^^ proved[index-upper-bound]
}

void fill(int n)
{
    int squares[16];
    int i;

    for (i = 0; i <= 16; i++)
        squares[i] = n;
//      ^^^^^^^^^^ refuted[index-upper-bound]
}

int sum(void)
{
    int i, total = 0;
    static const short weights[10] = {1, 2, 3};

    for (i = 0; i < 10; i++)
        total ^= weights[i];
        //       ^^^^^^^^^^ proved[index-upper-bound]
    return total;
}
// summary: careful: 12 proved
// summary: fill: 2 proved, 1 refuted
// summary: in_order: 2 proved
// summary: into_the_next_member: 2 proved, 1 refuted
// summary: sum: 3 proved
// summary: swapped: 1 proved, 1 refuted
// summary: trusting: 4 proved, 1 refuted

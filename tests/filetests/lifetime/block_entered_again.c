// A local of a block is another object each time the block is entered (C11 6.2.4p6).
// test: verify
int last_of_two(void)
{
    int *p = 0;
    int sum = 0;
    for (int i = 0; i < 2; i++) {
        int x = i;
        if (p)
            sum += *p;
//          ^^^^^^^^^ unreachable[signed-overflow]
            //     ^^ refuted[lifetime]
            //     ^^ unreachable[initialized]
            //     ^^ unreachable[valid-read]
        p = &x;
    }
    return sum;
}
int last_of_many(int n)
{
    int *p = 0;
    int sum = 0;
    for (int i = 0; i < n; i++) {
        int x = 1;
        int *q = &x;
        sum = *q + i / 2;
        if (i > 2)
            *p = 2;
//          ^^ refuted[lifetime]
        p = q;
    }
    return sum;
}
int present(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        int x = i;
        int *p = &x;
        *p /= 2;
        sum ^= x + *p / 2;
    }
    return sum;
}
int outer(int n)
{
    int x = 1;
    int *p = &x;
    for (int i = 0; i < n; i++) {
        int y = *p;
        int *q = &y;
        x = *q;
    }
    return *p;
}
// summary: last_of_many: 8 proved, 1 refuted
// summary: last_of_two: 2 proved, 1 refuted, 3 unreachable
// summary: outer: 13 proved
// summary: present: 14 proved

// Counters of loops.
// test: verify
int count(int n)
{
    int i, total = 0;

    for (i = 0; i < n; i++)
    //                 ^^^ proved[signed-overflow]
        total ^= i;
    return total;
}

int count_inclusive(void)
{
    int i, total = 0;

    for (i = 1; i <= 100; i++)
    //                    ^^^ proved[signed-overflow]
        total += 2;
//      ^^^^^^^^^^ proved[signed-overflow]
    return total;
}
// summary: count: 1 proved
// summary: count_inclusive: 2 proved

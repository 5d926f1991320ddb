// Pointers to locals that are gone.
// test: verify
int dangling(int c)
{
    int *p;
    int outer = 1;

    p = &outer;
    if (c) {
        int inner = 2;
        p = &inner;
    }
    return *p;
    //     ^^ refuted[lifetime] c != 0
}

int alive(int c)
{
    int *p;
    int outer = 1;
    int other = 2;

    p = &outer;
    if (c)
        p = &other;
    return *p;
    //     ^^ proved[initialized]
}
// summary: alive: 4 proved
// summary: dangling: 3 proved, 1 refuted

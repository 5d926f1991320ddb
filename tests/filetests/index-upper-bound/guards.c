// Bounds checks in front of an array access, right and wrong.
// test: verify
int table[8];

// Off by one: the index equal to the length passes.
int off_by_one(int i)
{
    if (i < 0 || i > 8)
        return -1;
    return table[i];
    //     ^^^^^^^^ refuted[index-upper-bound] i == 8
}

int guarded(int i)
{
    if (i < 0 || i >= 8)
        return -1;
    return table[i];
    //     ^^^^^^^^ proved[index-upper-bound]
    //     ^^^^^^^^ proved[index-lower-bound]
}

int unsigned_guard(unsigned i)
{
    if (i < 8)
        return table[i];
        //     ^^^^^^^^ proved[index-upper-bound]
    return 0;
}

int no_guard(unsigned i)
{
    return table[i];
    //     ^^^^^^^^ refuted[index-upper-bound] i >= 8
}

int guard_of_other(unsigned i, unsigned j)
{
    if (i < 8)
        return table[j];
        //     ^^^^^^^^ refuted[index-upper-bound] i < 8 && j >= 8
    return 0;
}

int masked(unsigned i)
{
    return table[i & 7];
    //     ^^^^^^^^^^^^ proved[index-upper-bound]
}

int masked_too_wide(unsigned i)
{
    return table[i & 15];
    //     ^^^^^^^^^^^^^ refuted[index-upper-bound] i % 16 >= 8
}

int remainder_of(unsigned i)
{
    return table[i % 8];
    //     ^^^^^^^^^^^^ proved[index-upper-bound]
}

int remainder_too_large(unsigned i)
{
    return table[i % 9];
    //     ^^^^^^^^^^^^ refuted[index-upper-bound] i % 9 == 8
}

int halved(unsigned char i)
{
    if (i > 15)
        return 0;
    return table[i / 2];
    //     ^^^^^^^^^^^^ proved[index-upper-bound]
}

int next(unsigned i)
{
    if (i < 8)
        return table[i + 1];
        //     ^^^^^^^^^^^^ refuted[index-upper-bound] i == 7
    return 0;
}

int chosen(unsigned i, int high)
{
    unsigned at;

    if (i >= 5)
        return 0;
    at = high ? i + 4 : i;
    return table[at];
    //     ^^^^^^^^^ refuted[index-upper-bound] i == 4 && high != 0
}

int last(void)
{
    return table[7];
    //     ^^^^^^^^ proved[index-upper-bound]
}
// summary: chosen: 1 proved, 1 refuted
// summary: guard_of_other: 1 refuted
// summary: guarded: 2 proved
// summary: halved: 2 proved
// summary: last: 1 proved
// summary: masked: 1 proved
// summary: masked_too_wide: 1 refuted
// summary: next: 1 proved, 1 refuted
// summary: no_guard: 1 refuted
// summary: off_by_one: 1 proved, 1 refuted
// summary: remainder_of: 1 proved
// summary: remainder_too_large: 1 refuted
// summary: unsigned_guard: 1 proved

// Signed indices that may be negative.
// test: verify
static int levels[16];

int only_upper(int i)
{
    if (i >= 16)
        return 0;
    return levels[i];
    //     ^^^^^^^^^ refuted[index-lower-bound] i < 0
}

int both(int i)
{
    if (i < 0 || i >= 16)
        return 0;
    return levels[i];
    //     ^^^^^^^^^ proved[index-lower-bound]
}

int minus_one(int i)
{
    if (i < 0 || i > 16)
        return 0;
    return levels[i - 1];
    //     ^^^^^^^^^^^^^ refuted[index-lower-bound] i == 0
}

int minus_one_guarded(int i)
{
    if (i < 1 || i > 16)
        return 0;
    return levels[i - 1];
    //     ^^^^^^^^^^^^^ proved[index-lower-bound]
    //     ^^^^^^^^^^^^^ proved[index-upper-bound]
}

// A plain char is signed on x86.
int character(char c)
{
    if (c >= 16)
        return 0;
    return levels[c];
    //     ^^^^^^^^^ refuted[index-lower-bound] c < 0
}

int unsigned_character(unsigned char c)
{
    return levels[c / 16];
    //     ^^^^^^^^^^^^^^ proved[index-upper-bound]
}

int remainder_of_signed(int i)
{
    return levels[i % 16];
    //     ^^^^^^^^^^^^^^ refuted[index-lower-bound] i < 0
}

int compared_as_unsigned(int i)
{
    if ((unsigned)i >= 16)
        return 0;
    return levels[i];
    //     ^^^^^^^^^ proved[index-lower-bound]
    //     ^^^^^^^^^ proved[index-upper-bound]
}

int countdown(void)
{
    int i, total = 0;

    for (i = 15; i >= 0; i--)
        total ^= levels[i];
        //       ^^^^^^^^^ proved[index-lower-bound]
    return total;
}

int countdown_too_far(void)
{
    int i = 15, total = 0;

    while (i >= -1) {
        total ^= levels[i];
        //       ^^^^^^^^^ refuted[index-lower-bound]
        i--;
    }
    return total;
}
// summary: both: 2 proved
// summary: character: 1 proved, 1 refuted
// summary: compared_as_unsigned: 2 proved
// summary: countdown: 3 proved
// summary: countdown_too_far: 2 proved, 1 refuted
// summary: minus_one: 2 proved, 1 refuted
// summary: minus_one_guarded: 3 proved
// summary: only_upper: 1 proved, 1 refuted
// summary: remainder_of_signed: 1 proved, 1 refuted
// summary: unsigned_character: 2 proved

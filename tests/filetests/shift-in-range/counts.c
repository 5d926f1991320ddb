// Shift counts against the width of the promoted left operand.
// test: verify
unsigned bit(unsigned n)
{
    return 1u << n;
    //     ^^^^^^^ refuted[shift-in-range] n >= 32
}

unsigned bit_guarded(unsigned n)
{
    return n < 32 ? 1u << n : 0;
    //              ^^^^^^^ proved[shift-in-range]
}

unsigned bit_masked(unsigned n)
{
    return 1u << (n & 31);
}

unsigned bit_off_by_one(unsigned n)
{
    if (n > 32)
        return 0;
    return 1u << n;
    //     ^^^^^^^ refuted[shift-in-range] n == 32
}

unsigned long long wide(unsigned n)
{
    if (n >= 64)
        return 0;
    return 1ull << n;
    //     ^^^^^^^^^ proved[shift-in-range]
}

unsigned long long not_wide_enough(unsigned n)
{
    if (n >= 64)
        return 0;
    return 1u << n;
    //     ^^^^^^^ refuted[shift-in-range] n >= 32 && n < 64
}

unsigned right(unsigned value, int n)
{
    if (n > 31)
        return 0;
    return value >> n;
    //     ^^^^^^^^^^ refuted[shift-in-range] n < 0
}

unsigned right_guarded(unsigned value, int n)
{
    if (n < 0 || n > 31)
        return 0;
    return value >> n;
    //     ^^^^^^^^^^ proved[shift-in-range]
}

unsigned mask_of(unsigned bits)
{
    if (bits == 0 || bits > 32)
        return 0;
    return ~0u >> (32 - bits);
    //     ^^^^^^^^^^^^^^^^^^ proved[shift-in-range]
}

unsigned mask_of_wrong(unsigned bits)
{
    if (bits > 32)
        return 0;
    return ~0u >> (32 - bits);
    //     ^^^^^^^^^^^^^^^^^^ refuted[shift-in-range] bits == 0
}

// The promoted type of a char is int: 8 is in range.
int promoted(unsigned char c, unsigned n)
{
    if (n > 8)
        return 0;
    return c >> n;
    //     ^^^^^^ proved[shift-in-range]
}
// summary: bit: 1 refuted
// summary: bit_guarded: 1 proved
// summary: bit_off_by_one: 1 refuted
// summary: mask_of: 1 proved
// summary: mask_of_wrong: 1 refuted
// summary: not_wide_enough: 1 refuted
// summary: promoted: 1 proved
// summary: right: 1 refuted
// summary: right_guarded: 1 proved
// summary: wide: 1 proved

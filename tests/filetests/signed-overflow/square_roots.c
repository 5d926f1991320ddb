// Guards that compare with the square root of a constant.
// test: verify
double sqrt(double x);
long double sqrtl(long double x);
int abs(int x);
long imaxabs(long x);

int guarded(int x)
{
    if (x > -2147483647 - 1 && abs(x) < (long)sqrt((double)2147483647))
        return x + (2147483647 - 46340);
    return 0;
}

int guarded_too_late(int x)
{
    if (x > -2147483647 - 1 && abs(x) <= (long)sqrt((double)2147483647) + 1L)
        return x + (2147483647 - 46340);
        //     ^^^^^^^^^^^^^^^^^^^^^^^^ refuted[signed-overflow] x == 46341
    return 0;
}

// The root is 3037000499.976.
long guarded_wide(long x)
{
    if (x > -9223372036854775807L - 1 && imaxabs(x) <= sqrtl(9223372036854775807L))
        return x + (9223372036854775807L - 3037000499);
    return 0;
}

long guarded_wide_too_late(long x)
{
    if (x > -9223372036854775807L - 1 && imaxabs(x) <= 3037000500.5)
        return x + (9223372036854775807L - 3037000499);
        //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[signed-overflow] x == 3037000500
    return 0;
}

int below_a_fraction(int x)
{
    if (x >= 0 && x < 46340.5)
        return x + (2147483647 - 46340);
    return 0;
}

int above_a_fraction(int x)
{
    if (0 > x || 46341.5 < x)
        return 0;
    return x + (2147483647 - 46340);
    //     ^^^^^^^^^^^^^^^^^^^^^^^^ refuted[signed-overflow] x == 46341
}

// Rounding: the conversion of a `long` beyond 2^53 is not exact.
long rounded(long x)
{
    if (x > 0 && x <= 9223372036854774784.0)
        return x + 512;
    return 0;
}

long rounded_wrong(long x)
{
    if (x > 0 && x <= 9223372036854774784.0)
        return x + 513;
        //     ^^^^^^^ refuted[signed-overflow] x == 9223372036854775295
    return 0;
}
// summary: above_a_fraction: 1 refuted
// summary: below_a_fraction: 1 proved
// summary: guarded: 2 proved
// summary: guarded_too_late: 1 proved, 1 refuted
// summary: guarded_wide: 3 proved
// summary: guarded_wide_too_late: 2 proved, 1 refuted
// summary: rounded: 1 proved
// summary: rounded_wrong: 1 refuted

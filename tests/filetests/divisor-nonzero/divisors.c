// Divisors that may be zero.
// test: verify
int quotient(int a, unsigned char b)
{
    return a / b;
    //     ^^^^^ refuted[divisor-nonzero] b == 0
}

int quotient_guarded(int a, unsigned char b)
{
    return b ? a / b : 0;
    //         ^^^^^ proved[divisor-nonzero]
}

unsigned rest(unsigned a, unsigned b)
{
    return a % b;
    //     ^^^^^ refuted[divisor-nonzero] b == 0
}

unsigned rest_guarded(unsigned a, unsigned b)
{
    if (b < 2)
        return 0;
    return a % b;
    //     ^^^^^ proved[divisor-nonzero]
}

unsigned difference(unsigned total, unsigned used)
{
    if (used > total)
        return 0;
    return 100 / (total - used);
    //     ^^^^^^^^^^^^^^^^^^^^ refuted[divisor-nonzero] total == used
}

unsigned difference_guarded(unsigned total, unsigned used)
{
    if (used >= total)
        return 0;
    return 100 / (total - used);
    //     ^^^^^^^^^^^^^^^^^^^^ proved[divisor-nonzero]
}

struct clock {
    unsigned rate;
    unsigned divider;
};

unsigned frequency(const struct clock *c)
{
    return c->rate / c->divider;
    //     ^^^^^^^^^^^^^^^^^^^^ refuted[divisor-nonzero] c->divider == 0
}

unsigned half_of(unsigned n)
{
    return n / 2;
}

// The masked value can still be zero.
unsigned masked(unsigned n, unsigned d)
{
    return n / (d & 0xf0);
    //     ^^^^^^^^^^^^^^ refuted[divisor-nonzero] d / 16 % 16 == 0
}

unsigned or_one(unsigned n, unsigned d)
{
    return n / (d | 1);
    //     ^^^^^^^^^^^ proved[divisor-nonzero]
}
// summary: difference: 1 refuted
// summary: difference_guarded: 1 proved
// summary: frequency: 4 proved, 1 refuted
// summary: masked: 1 refuted
// summary: or_one: 1 proved
// summary: quotient: 1 refuted
// summary: quotient_guarded: 1 proved
// summary: rest: 1 refuted
// summary: rest_guarded: 1 proved

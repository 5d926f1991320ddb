// Arithmetic that is meant modulo 2^n: bits put together by shifts, the minus sign before an unsigned value.
// test: verify
// options: wraps=all
unsigned assembled(unsigned char a, unsigned b)
{
    return ((unsigned)a << 28) ^ (b << 15) ^ b;
}

unsigned complement(unsigned x)
{
    return -x - 1;
}

unsigned negative_constant(void)
{
    unsigned none = -2;
    return none;
}

unsigned long pages(unsigned long n)
{
    return n << 12;
}

unsigned twice(unsigned x)
{
    return x * 2;
    //     ^^^^^ refuted[unsigned-wrap] x >= 0x80000000
}
// summary: twice: 1 refuted

// With every wrap an obligation.
// test: verify
// options: wraps=all
unsigned checksum(unsigned a, unsigned b)
{
    return a * 31 + b;
    //     ^^^^^^ refuted[unsigned-wrap] a >= 138547333
    //     ^^^^^^^^^^ refuted[unsigned-wrap]
}

unsigned elapsed(unsigned now, unsigned then)
{
    return now - then;
    //     ^^^^^^^^^^ refuted[unsigned-wrap] now < then
}

unsigned average(unsigned char a, unsigned char b)
{
    return ((unsigned)a + b) / 2;
}

unsigned bump(unsigned n)
{
    n += 1;
//  ^^^^^^ refuted[unsigned-wrap] n == 4294967295
    return n;
}

unsigned clamp_bump(unsigned n)
{
    if (n < 100)
        n += 1;
//      ^^^^^^ proved[unsigned-wrap]
    return n;
}
// summary: bump: 1 refuted
// summary: checksum: 2 refuted
// summary: clamp_bump: 1 proved
// summary: elapsed: 1 refuted

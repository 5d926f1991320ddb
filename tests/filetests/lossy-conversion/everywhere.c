// With every lossy conversion an obligation.
// test: verify
// options: wraps=all
unsigned char low_byte(unsigned n)
{
    unsigned char b = n;
    //                ^ refuted[lossy-conversion] n > 255

    return b;
}

int sign_change(unsigned n)
{
    int i = n;
    //      ^ refuted[lossy-conversion] n > 2147483647

    return i;
}

unsigned sign_lost(int n)
{
    unsigned u = n;
    //           ^ refuted[lossy-conversion] n < 0

    return u;
}

unsigned char fits(unsigned n)
{
    unsigned char b = 0;

    if (n < 200)
        b = n;
        //  ^ proved[lossy-conversion]
    return b;
}
// summary: fits: 1 proved
// summary: low_byte: 1 refuted
// summary: sign_change: 1 refuted
// summary: sign_lost: 1 refuted

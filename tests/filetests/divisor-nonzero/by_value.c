// A record passed by value: its members are inputs like any other.
// test: verify
struct ratio {
    long over;
    int under;
};

int share(struct ratio r)
{
    return 100 / r.under;
    //     ^^^^^^^^^^^^^ refuted[divisor-nonzero]
}

int share_checked(struct ratio r)
{
    if (r.under <= 0)
        return 0;
    return 100 / r.under;
}
// summary: share: 1 proved, 1 refuted
// summary: share_checked: 3 proved

// Conversions that change a length or an index.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void *memset(void *dst, int byte, size_t n);
static char window[256];

void negative_length(char *buf, int len)
{
    if (len > 16)
        return;
    memset(window, 0, len);
    //                ^^^ refuted[lossy-conversion] len < 0
}

void length_guarded(int len)
{
    if (len < 0 || len > 256)
        return;
    memset(window, 0, len);
    //                ^^^ proved[lossy-conversion]
//  ^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

// From 2 GiB on the int is negative and passes the check.
char truncated(size_t size)
{
    int room = size;
    //         ^^^^ refuted[lossy-conversion] size > 2147483647

    if (room > 256 || room == 0)
        return 0;
    return window[room - 1];
}

char kept(size_t size)
{
    if (size > 256 || size == 0)
        return 0;
    return window[size - 1];
    //     ^^^^^^^^^^^^^^^^ proved[index-upper-bound]
}

void *short_size(unsigned n)
{
    unsigned short size = n;
    //                    ^ refuted[lossy-conversion] n > 65535

    return malloc(size);
}

void *short_size_guarded(unsigned n)
{
    unsigned short size;

    if (n > 65535)
        return 0;
    size = n;
    //     ^ proved[lossy-conversion]
    return malloc(size);
}
// summary: kept: 2 proved
// summary: length_guarded: 3 proved
// summary: negative_length: 2 proved, 1 refuted
// summary: short_size: 1 proved, 1 refuted
// summary: short_size_guarded: 2 proved
// summary: truncated: 3 proved, 1 refuted

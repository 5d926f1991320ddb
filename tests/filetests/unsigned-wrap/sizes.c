// Wraps that reach a size or an index.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void *memcpy(void *dst, const void *src, size_t n);

void *table(unsigned count)
{
    if (count > 1000000000)
        return 0;
    return malloc(count * 16u);
    //            ^^^^^^^^^^^ refuted[unsigned-wrap] count >= 268435456
}

void *table_guarded(unsigned count)
{
    if (count > 1000000)
        return 0;
    return malloc(count * 16u);
    //            ^^^^^^^^^^^ proved[unsigned-wrap]
}

void *table_wide(unsigned count)
{
    return malloc((size_t)count * 16);
}

void *with_header(size_t n)
{
    size_t total = n + 16;
    //             ^^^^^^ refuted[unsigned-wrap] n >= 18446744073709551600

    if (total < 16)
        return 0;
    if (total > 4096)
        return 0;
    return malloc(total);
}

void *with_header_guarded(size_t n)
{
    if (n > 4096)
        return 0;
    return malloc(n + 16);
    //            ^^^^^^ proved[unsigned-wrap]
}

int tail(unsigned char *dst, const unsigned char *src, size_t len)
{
    if (len > 64)
        return -1;
    memcpy(dst, src, len - 4);
    //               ^^^^^^^ refuted[unsigned-wrap] len < 4
    return 0;
}

int tail_guarded(unsigned char *dst, size_t room, const unsigned char *src, size_t len)
{
    if (len < 4 || len > room)
        return -1;
    memcpy(dst, src, len - 4);
    //               ^^^^^^^ proved[unsigned-wrap]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
    return 0;
}

// The remainder cuts the hash to the table: its wraps are meant.
static int buckets[64];

int hashed(unsigned key)
{
    return buckets[(key * 2654435761u) % 64];
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[index-upper-bound]
}

static int ring[64];

int before(unsigned i)
{
    if (i >= 64)
        return 0;
    return ring[i - 1];
    //          ^^^^^ refuted[unsigned-wrap] i == 0
}

int before_guarded(unsigned i)
{
    if (i < 1 || i >= 64)
        return 0;
    return ring[i - 1];
    //          ^^^^^ proved[unsigned-wrap]
}
// summary: before: 1 proved, 1 refuted
// summary: before_guarded: 2 proved
// summary: hashed: 1 proved
// summary: table: 1 proved, 1 refuted
// summary: table_guarded: 2 proved
// summary: table_wide: 1 proved
// summary: tail: 5 proved, 1 refuted
// summary: tail_guarded: 6 proved
// summary: with_header: 1 proved, 1 refuted
// summary: with_header_guarded: 2 proved

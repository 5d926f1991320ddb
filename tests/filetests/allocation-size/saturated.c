// Sizes that do not fit saturate to SIZE_MAX, which no allocator of the kernel has: it returns null.
// test: verify
typedef unsigned long size_t;
typedef unsigned int gfp_t;
void *kmalloc(size_t n, gfp_t flags);
void *kzalloc(size_t n, gfp_t flags);
void *kcalloc(size_t n, size_t size, gfp_t flags);
void *krealloc(const void *p, size_t n, gfp_t flags);
void *malloc(size_t n);

#define SIZE_MAX (~(size_t)0)

void *never(void)
{
    return kmalloc(SIZE_MAX, 0);
}

// What is written behind it is written through a null pointer, and nowhere else.
void unchecked(void)
{
    char *p = kzalloc(SIZE_MAX, 0);

    p[0] = 1;
//  ^^^^ refuted[not-null]
//  ^^^^ unreachable[valid-write]
}

void checked(size_t rows, char c)
{
    size_t n = rows > 4096 ? SIZE_MAX : rows * 16 + 8;
    char *p = kmalloc(n, 0);
    //        ^^^^^^^^^^^^^ proved[allocation-size]

    if (!p)
        return;
    p[rows * 16 + 7] = c;
}

// The old object stays.
int grown(char *p)
{
    char *q = krealloc(p, SIZE_MAX, 0);

    return q ? 1 : 0;
}

// Any other size that is too large is nobody's intention.
void *negative(size_t n)
{
    return kmalloc(n, 0);
    //     ^^^^^^^^^^^^^ refuted[allocation-size] n > 9223372036854775807 && n < 18446744073709551615
}

// The C library has no such custom.
void *plain(void)
{
    return malloc(SIZE_MAX);
    //     ^^^^^^^^^^^^^^^^ refuted[allocation-size]
}
// summary: checked: 8 proved
// summary: grown: 1 proved
// summary: negative: 1 refuted
// summary: plain: 1 refuted
// summary: unchecked: 1 refuted, 1 unreachable

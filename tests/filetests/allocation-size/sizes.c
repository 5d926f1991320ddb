// Sizes of allocations.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void *calloc(size_t n, size_t size);

void *any_size(size_t n)
{
    return malloc(n);
    //     ^^^^^^^^^ refuted[allocation-size] n > 9223372036854775807
}

void *some_size(unsigned n)
{
    return malloc(n);
    //     ^^^^^^^^^ proved[allocation-size]
}

void *limited(size_t n)
{
    if (n > 1 << 20)
        return 0;
    return malloc(n);
    //     ^^^^^^^^^ proved[allocation-size]
}

// calloc itself finds the product too large, but half the address space is still asked for.
void *array(size_t n)
{
    return calloc(n, 2);
    //     ^^^^^^^^^^^^ refuted[allocation-size] n >= 4611686018427387904
}

void *array_limited(unsigned short n)
{
    return calloc(n, 64);
    //     ^^^^^^^^^^^^^ proved[allocation-size]
}
// summary: any_size: 1 refuted
// summary: array: 3 proved, 1 refuted
// summary: array_limited: 4 proved
// summary: limited: 1 proved
// summary: some_size: 1 proved

// Reads through pointers and library functions.
// test: verify
typedef unsigned long size_t;
void *memcpy(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *malloc(size_t n);
void free(void *p);

struct header {
    unsigned short length;
    unsigned char kind;
    unsigned char flags;
};

int first(const unsigned char *data, size_t len)
{
    if (len < 1)
        return -1;
    return data[0];
    //     ^^^^^^^ proved[valid-read]
}

int third(const unsigned char *data, size_t len)
{
    if (len < 2)
        return -1;
    return data[2];
    //     ^^^^^^^ refuted[valid-read] len == 2
}

int behind_the_end(const unsigned char *data, size_t len, size_t at)
{
    if (at > len)
        return -1;
    return data[at];
    //     ^^^^^^^^ refuted[valid-read] at == len
}

int inside(const unsigned char *data, size_t len, size_t at)
{
    if (at >= len)
        return -1;
    return data[at];
    //     ^^^^^^^^ proved[valid-read]
}

int copy_header(struct header *h, const unsigned char *data, size_t len)
{
    if (len < 2)
        return -1;
    memcpy(h, data, sizeof(*h));
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-read] len >= 2 && len < 4
    return 0;
}

int copy_header_checked(struct header *h, const unsigned char *data, size_t len)
{
    if (len < sizeof(*h))
        return -1;
    memcpy(h, data, sizeof(*h));
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-read]
    return 0;
}

// The length comes from the data itself.
int trusted_length(unsigned char *out, const unsigned char *data, size_t len)
{
    unsigned char inner[255];

    if (len < 1)
        return -1;
    memcpy(inner, data, data[0]);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-read] len < 255
    *out = inner[0];
    //     ^^^^^^^^ refuted[initialized]
    return 0;
}

int compared(const unsigned char *data, size_t len)
{
    return memcmp(data, "magic", 5) == 0;
    //     ^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-read] len < 5
}

int heap_read(void)
{
    int *p = malloc(sizeof(int));
    int value;

    if (!p)
        return -1;
    *p = 1;
    value = p[1];
    //      ^^^^ refuted[valid-read]
    //      ^^^^ unreachable[initialized]
    free(p);
//  ^^^^^^^ unreachable[lifetime]
    return value;
}
// summary: behind_the_end: 1 proved, 1 refuted
// summary: compared: 3 proved, 1 refuted
// summary: copy_header: 4 proved, 1 refuted
// summary: copy_header_checked: 5 proved
// summary: first: 2 proved
// summary: heap_read: 6 proved, 1 refuted, 2 unreachable
// summary: inside: 2 proved
// summary: third: 1 proved, 1 refuted
// summary: trusted_length: 10 proved, 2 refuted

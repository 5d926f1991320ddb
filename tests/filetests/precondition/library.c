// What library functions ask of their arguments beside memory.
// test: verify
typedef unsigned long size_t;
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int abs(int n);
int toupper(int c);
int printf(const char *format, ...);
int sprintf(char *buf, const char *format, ...);

static char line[64];

void shift_by_memcpy(unsigned n)
{
    if (n > 32)
        return;
    memcpy(line, line + 1, n);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[precondition] n >= 2
}

void shift_by_memmove(unsigned n)
{
    if (n > 32)
        return;
    memmove(line, line + 1, n);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void halves(unsigned n)
{
    if (n > 32)
        return;
    memcpy(line, line + 32, n);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[precondition]
}

int magnitude(int n)
{
    return abs(n);
    //     ^^^^^^ refuted[signed-overflow] n == -2147483648
}

int magnitude_guarded(int n)
{
    return n > -1000 ? abs(n) : 0;
    //                 ^^^^^^ proved[signed-overflow]
}

// A character above 127 is a negative char.
int upper(char c)
{
    return toupper(c);
    //     ^^^^^^^^^^ refuted[precondition] c < -1
}

int upper_converted(char c)
{
    return toupper((unsigned char)c);
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^ proved[precondition]
}

void too_few_arguments(int n)
{
    char text[64];

    sprintf(text, "%d %d", n);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[precondition]
}
// summary: halves: 5 proved
// summary: magnitude: 1 refuted
// summary: magnitude_guarded: 1 proved
// summary: shift_by_memcpy: 4 proved, 1 refuted
// summary: shift_by_memmove: 4 proved
// summary: too_few_arguments: 3 proved, 1 refuted
// summary: upper: 1 refuted
// summary: upper_converted: 1 proved

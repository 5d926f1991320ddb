// String functions read up to the terminator.
// test: verify
typedef unsigned long size_t;
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
void *memcpy(void *dst, const void *src, size_t n);
char *strncpy(char *dst, const char *src, size_t n);

size_t length(const char *s)
{
    return strlen(s);
    //     ^^^^^^^^^ proved[valid-read]
}

// Four letters fill the array: no room for a terminator.
size_t unterminated(void)
{
    char word[4];

    memcpy(word, "word", 4);
    return strlen(word);
    //     ^^^^^^^^^^^^ refuted[valid-read]
}

size_t terminated(void)
{
    char word[5];

    memcpy(word, "word", 5);
    return strlen(word);
    //     ^^^^^^^^^^^^ proved[valid-read]
}

// strncpy leaves no terminator when the source fills the array.
size_t after_strncpy(const char *name)
{
    char copy[8];

    strncpy(copy, name, sizeof(copy));
    return strlen(copy);
    //     ^^^^^^^^^^^^ refuted[valid-read]
}

size_t after_strncpy_repaired(const char *name)
{
    char copy[8];

    strncpy(copy, name, sizeof(copy));
    copy[7] = '\0';
    return strlen(copy);
    //     ^^^^^^^^^^^^ proved[valid-read]
}

size_t bounded(void)
{
    char word[4];

    memcpy(word, "word", 4);
    return strnlen(word, 4);
    //     ^^^^^^^^^^^^^^^^ proved[valid-read]
}

size_t bounded_too_far(void)
{
    char word[4];

    memcpy(word, "word", 4);
    return strnlen(word, 5);
    //     ^^^^^^^^^^^^^^^^ refuted[valid-read]
}

int same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
    //     ^^^^^^^^^^^^ proved[valid-read]
}
// summary: after_strncpy: 11 proved, 1 refuted
// summary: after_strncpy_repaired: 13 proved
// summary: bounded: 9 proved
// summary: bounded_too_far: 8 proved, 1 refuted
// summary: length: 2 proved
// summary: same: 4 proved
// summary: terminated: 9 proved
// summary: unterminated: 8 proved, 1 refuted

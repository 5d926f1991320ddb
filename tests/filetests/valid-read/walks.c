// Walks to a NUL written by hand: the caller's bytes are a string where the loop looks for the NUL and nothing counts them.
// test: verify
typedef __SIZE_TYPE__ size_t;

size_t length(const char *s)
{
    const char *p = s;
    while (*p != '\0')
        p++;
    return (size_t)(p - s);
}

int count_digits(const char *s)
{
    int found = 0;
    for (size_t i = 0; s[i]; i++)
        if (s[i] >= '0' && s[i] <= '9' && found < 1000)
            found++;
    return found;
}

// Looks for a character that need not be there.
const char *find(const char *s, char wanted)
{
    while (*s != wanted)
    //     ^^ refuted[valid-read]
        s++;
    return s;
}

// Counted bytes need not end with a NUL.
size_t bounded(const char *s, size_t n)
{
    size_t i = 0;
    while (s[i] != '\0' && i < n)
    //     ^^^^ refuted[valid-read] n == 0
        i++;
    return i;
}

// The NUL that ended the string is gone when it is walked again.
int walked_twice(char *s)
{
    char *p = s;
    while (*p != '\0')
        p++;
    *p = 'x';
    while (*p != '\0')
    //     ^^ refuted[valid-read]
        p++;
    return 0;
}

// No elements: there is not even a first.
int first_of(const int *items, size_t count)
{
    int first = items[0];
    //          ^^^^^^^^ refuted[valid-read] count == 0
    for (size_t i = 1; i < count; i++)
        if (items[i] == first)
            return 1;
    return 0;
}

// One object, and a number that does not count it.
void store(int *out, int n)
{
    *out = n;
}
// summary: bounded: 2 proved, 1 refuted
// summary: count_digits: 8 proved
// summary: find: 1 proved, 1 refuted
// summary: first_of: 4 proved, 1 refuted
// summary: length: 2 proved
// summary: store: 2 proved
// summary: walked_twice: 5 proved, 1 refuted

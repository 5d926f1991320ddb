// Writes of wide strings: lengths count characters, rooms bytes.
// test: verify
typedef unsigned long size_t;
typedef int wchar_t;
wchar_t *wcscpy(wchar_t *dst, const wchar_t *src);
wchar_t *wcsncpy(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wcscat(wchar_t *dst, const wchar_t *src);
wchar_t *wcsncat(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wmemset(wchar_t *dst, wchar_t c, size_t n);
wchar_t *wmemcpy(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wcsdup(const wchar_t *s);
size_t wcslen(const wchar_t *s);
void *malloc(size_t n);
void free(void *p);

int literal_fits(void)
{
    wchar_t copy[10];

    wcscpy(copy, L"012345678");
    return copy[0];
}

int literal_does_not_fit(void)
{
    wchar_t copy[9];

    wcscpy(copy, L"012345678");
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[precondition]
    return copy[0];
    //     ^^^^^^^ unreachable[index-upper-bound]
    //     ^^^^^^^ unreachable[initialized]
}

int of_the_caller(const wchar_t *name)
{
    wchar_t copy[20];

    if (wcslen(name) >= 20)
        return -1;
    wcscpy(copy, name);
    return copy[0];
}

int of_the_caller_wrong(const wchar_t *name)
{
    wchar_t copy[20];

    if (wcslen(name) > 20)
        return -1;
    wcscpy(copy, name);
//  ^^^^^^^^^^^^^^^^^^ refuted[valid-write]
    return copy[0];
}

// Bytes where characters are meant.
int allocated_by_bytes(const wchar_t *name)
{
    wchar_t *copy = malloc(wcslen(name) + 1);

    if (!copy)
        return -1;
    wcscpy(copy, name);
//  ^^^^^^^^^^^^^^^^^^ refuted[valid-write]
//  ^^^^^^^^^^^^^^^^^^ unreachable[precondition]
    free(copy);
//  ^^^^^^^^^^ unreachable[lifetime]
    return 0;
}

int allocated_by_characters(const wchar_t *name)
{
    wchar_t *copy = malloc((wcslen(name) + 1) * sizeof(wchar_t));

    if (!copy)
        return -1;
    wcscpy(copy, name);
    free(copy);
    return 0;
}

int filled(void)
{
    wchar_t *all = malloc(100 * sizeof(wchar_t));
    wchar_t part[50] = L"";

    if (!all)
        return -1;
    wmemset(all, L'A', 99);
    all[99] = L'\0';
    wcsncat(part, all, 49);
    part[0] = all[98];
    wcscpy(part, all);
//  ^^^^^^^^^^^^^^^^^ refuted[valid-write]
//  ^^^^^^^^^^^^^^^^^ unreachable[precondition]
    free(all);
//  ^^^^^^^^^ unreachable[lifetime]
    return part[0];
    //     ^^^^^^^ unreachable[index-upper-bound]
    //     ^^^^^^^ unreachable[initialized]
}

int filled_value(void)
{
    wchar_t a[8];
    unsigned char *bytes = (unsigned char *)a;

    wmemset(a, 0x01020304, 8);
    if (a[3] != 0x01020304 || bytes[0] != 4 || bytes[13] != 3 || bytes[31] != 1)
        a[8] = 0;
//      ^^^^ unreachable[index-upper-bound]
    return a[0];
}

int joined(const wchar_t *a, const wchar_t *b)
{
    wchar_t both[32];

    if (wcslen(a) >= 16 || wcslen(b) >= 16)
        return -1;
    wcscpy(both, a);
    wcscat(both, b);
    return both[0];
}

int cut(const wchar_t *s)
{
    wchar_t copy[8];

    wcsncpy(copy, s, 8);
    copy[7] = 0;
    return (int)wcslen(copy);
}

int cut_without_terminator(const wchar_t *s)
{
    wchar_t copy[100];

    wcsncpy(copy, s, 100);
    return (int)wcslen(copy);
    //          ^^^^^^^^^^^^ refuted[valid-read]
}

int bytes_for_characters(const wchar_t *src)
{
    wchar_t dst[10];

    wmemcpy(dst, src, sizeof(dst));
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-read]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[initialized]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[initialized]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[precondition]
    return dst[0];
    //     ^^^^^^ unreachable[index-upper-bound]
    //     ^^^^^^ unreachable[initialized]
}

// The terminator of a byte string is none of a wide one.
int one_zero_byte(void)
{
    wchar_t a[100];

    wmemset(a, L'A', 100);
    ((char *)a)[398] = 0;
    return (int)wcslen(a);
    //          ^^^^^^^^^ refuted[valid-read]
}

// Four zero bytes that are two halves of characters.
int between_characters(void)
{
    wchar_t a[100];
    char *bytes = (char *)a;

    wmemset(a, 0x01010101, 100);
    bytes[201] = 0;
    bytes[202] = 0;
    bytes[203] = 0;
    bytes[204] = 0;
    return (int)wcslen(a);
    //          ^^^^^^^^^ refuted[valid-read]
}
// summary: allocated_by_bytes: 10 proved, 1 refuted, 2 unreachable
// summary: allocated_by_characters: 14 proved
// summary: between_characters: 21 proved, 1 refuted
// summary: bytes_for_characters: 7 proved, 2 refuted, 5 unreachable
// summary: cut: 19 proved
// summary: cut_without_terminator: 17 proved, 1 refuted
// summary: filled: 35 proved, 1 refuted, 4 unreachable
// summary: filled_value: 23 proved, 1 unreachable
// summary: joined: 25 proved
// summary: literal_does_not_fit: 6 proved, 1 refuted, 3 unreachable
// summary: literal_fits: 10 proved
// summary: of_the_caller: 12 proved
// summary: of_the_caller_wrong: 11 proved, 1 refuted
// summary: one_zero_byte: 10 proved, 1 refuted

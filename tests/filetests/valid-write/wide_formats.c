// Formats of wide characters.
// test: verify
typedef unsigned long size_t;
typedef int wchar_t;
int swprintf(wchar_t *dst, size_t n, const wchar_t *format, ...);
int wprintf(const wchar_t *format, ...);
int sprintf(char *dst, const char *format, ...);
size_t wcslen(const wchar_t *s);
wchar_t *wmemset(wchar_t *dst, wchar_t c, size_t n);

int table[8];

int fits(int n)
{
    wchar_t text[12];

    swprintf(text, 12, L"%d", n);
    return (int)wcslen(text);
}

// The size counts characters.
int size_in_bytes(int n)
{
    wchar_t text[8];

    return swprintf(text, sizeof(text), L"%d", n);
    //     ^ refuted[valid-write]
}

int length(int n)
{
    wchar_t text[12];
    int length = swprintf(text, 12, L"%d", n);

    return text[length];
}

int length_or_failure(int n)
{
    wchar_t text[5];
    int length = swprintf(text, 5, L"%d", n);

    return text[length];
    //     ^^^^^^^^^^^^ refuted[index-lower-bound] length == -1
}

void wide_argument(const wchar_t *name)
{
    wchar_t text[16];

    swprintf(text, 32, L"%ls", name);
//  ^ refuted[valid-write]
}

void wide_argument_cut(const wchar_t *name)
{
    wchar_t text[16];

    swprintf(text, 16, L"<%.10ls>", name);
}

void printed(void)
{
    wchar_t open[2] = {L'a', L'b'};

    wprintf(L"%.2ls", open);
    wprintf(L"%ls", open);
//  ^ refuted[valid-read]
//  ^^^^^^^^^^^^^^^^^^^^^ unreachable[not-null]
//  ^^^^^^^^^^^^^^^^^^^^^ unreachable[valid-read]
}

// A wide character may become several bytes.
void converted(void)
{
    char text[17];

    sprintf(text, "%ls", L"a");
}

void converted_wrong(void)
{
    char text[16];

    sprintf(text, "%ls", L"a");
//  ^ refuted[valid-write]
}

int may_fail(void)
{
    char text[64];
    int n = sprintf(text, "%ls", L"a");

    return text[n];
    //     ^^^^^^^ refuted[index-lower-bound] n == -1
}

// `%s` takes bytes, of which the second of L'C' is a NUL.
int bytes_of_wide_characters(void)
{
    wchar_t source[100], text[3];

    for (int i = 0; i < 3; i++)
        text[i] = 0;
    wmemset(source, L'C', 99);
    source[99] = 0;
    swprintf(text, 100, L"%s", source);
    return (int)wcslen(text);
}
// summary: bytes_of_wide_characters: 20 proved
// summary: converted: 5 proved
// summary: converted_wrong: 4 proved, 1 refuted
// summary: fits: 6 proved
// summary: length: 6 proved
// summary: length_or_failure: 5 proved, 1 refuted
// summary: may_fail: 7 proved, 1 refuted
// summary: printed: 7 proved, 1 refuted, 2 unreachable
// summary: size_in_bytes: 2 proved, 1 refuted
// summary: wide_argument: 4 proved, 1 refuted
// summary: wide_argument_cut: 5 proved

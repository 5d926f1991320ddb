// What scanf stores: any value, or nothing where the input does not match.
// test: verify
typedef unsigned long size_t;
typedef int wchar_t;
typedef struct stream FILE;
extern FILE *stdin;
int scanf(const char *format, ...);
int fscanf(FILE *stream, const char *format, ...);
int sscanf(const char *s, const char *format, ...);
int swscanf(const wchar_t *s, const wchar_t *format, ...);
size_t strlen(const char *s);

int table[8];

int any_number(void)
{
    int index = 0;

    scanf("%d", &index);
    return table[index];
    //     ^^^^^^^^^^^^ refuted[index-lower-bound]
    //     ^^^^^^^^^^^^ refuted[index-upper-bound]
}

int checked_number(void)
{
    int index = 0;

    if (fscanf(stdin, "%d", &index) != 1 || index < 0 || index > 7)
        return -1;
    return table[index];
}

// Nothing is stored where the input does not match.
int unwritten(void)
{
    unsigned index;

    scanf("%u", &index);
    return table[index % 8];
    //           ^^^^^ refuted[initialized]
}

int written_if_matched(void)
{
    unsigned index;

    if (scanf("%u", &index) < 1)
        return -1;
    return table[index % 8];
}

int result_counts(void)
{
    int a, b;
    int n = scanf("%d,%*d%d%n", &a, &b, &b);

    return table[n + 1] + table[n + 5];
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[signed-overflow]
}

int result_counts_wrong(void)
{
    int a, b;
    int n = scanf("%d %d", &a, &b);

    return table[n];
    //     ^^^^^^^^ refuted[index-lower-bound] n == -1
}

void word(void)
{
    char text[16];

    scanf("%15s", text);
}

void word_too_wide(void)
{
    char text[16];

    scanf("%16s", text);
//  ^ refuted[valid-write]
}

void word_without_width(void)
{
    char text[4096];

    scanf("%s", text);
//  ^ refuted[valid-write]
}

int word_is_a_string(void)
{
    char text[16];

    if (scanf(" %15[a-z]", text) != 1)
        return -1;
    return (int)strlen(text);
}

void characters(void)
{
    char five[5];

    scanf("%5c", five);
}

void characters_too_many(void)
{
    char five[5];

    scanf("%6c", five);
//  ^ refuted[valid-write]
}

void narrow_object(void)
{
    short small = 0;

    scanf("%d", (int *)&small);
//  ^ refuted[valid-write]
}

void short_number(void)
{
    short small = 0;

    scanf("%hd", &small);
}

void no_pointer(void)
{
    scanf("%d");
//  ^ refuted[precondition]
}

// No longer than the source.
int of_a_string(const char *line)
{
    char text[16];

    if (strlen(line) > 15)
        return -1;
    return sscanf(line, "%s", text);
}

int of_a_longer_string(const char *line)
{
    char text[16];

    if (strlen(line) > 16)
        return -1;
    return sscanf(line, "%s", text);
    //     ^ refuted[valid-write]
}

int wide_word(const wchar_t *line)
{
    wchar_t text[16];

    return swscanf(line, L"%15ls", text);
}

int wide_word_too_wide(const wchar_t *line)
{
    wchar_t text[15];

    return swscanf(line, L"%15ls", text);
    //     ^ refuted[valid-write]
}
// summary: any_number: 4 proved, 2 refuted
// summary: characters: 3 proved
// summary: characters_too_many: 2 proved, 1 refuted
// summary: checked_number: 8 proved
// summary: narrow_object: 2 proved, 1 refuted
// summary: no_pointer: 1 refuted
// summary: of_a_longer_string: 6 proved, 1 refuted
// summary: of_a_string: 7 proved
// summary: result_counts: 15 proved, 1 refuted
// summary: result_counts_wrong: 7 proved, 1 refuted
// summary: short_number: 3 proved
// summary: unwritten: 4 proved, 1 refuted
// summary: wide_word: 5 proved
// summary: wide_word_too_wide: 4 proved, 1 refuted
// summary: word: 3 proved
// summary: word_is_a_string: 6 proved
// summary: word_too_wide: 2 proved, 1 refuted
// summary: word_without_width: 2 proved, 1 refuted
// summary: written_if_matched: 5 proved

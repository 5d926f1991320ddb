// Lengths that sprintf and its kin can print.
// test: verify
typedef unsigned long size_t;
int sprintf(char *buf, const char *format, ...);
int snprintf(char *buf, size_t n, const char *format, ...);

// "-2147483648" and a terminator are 12 bytes.
void number(int n)
{
    char text[11];

    sprintf(text, "%d", n);
//  ^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] n <= -1000000000
}

void number_with_room(int n)
{
    char text[12];

    sprintf(text, "%d", n);
//  ^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void small_number(unsigned char n)
{
    char text[4];

    sprintf(text, "%u", n);
//  ^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void hexadecimal(unsigned long long a, unsigned long long b)
{
    char range[32];

    sprintf(range, "[%#llx-%#llx]", a, b);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

void hexadecimal_with_room(unsigned long long a, unsigned long long b)
{
    char range[40];

    sprintf(range, "[%#llx-%#llx]", a, b);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void bounded(unsigned long long a)
{
    char text[8];

    snprintf(text, sizeof(text), "%llu", a);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void bounded_by_the_wrong_size(unsigned long long a)
{
    char text[8];

    snprintf(text, 16, "%llu", a);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] a >= 10000000
}

void name(const char *s)
{
    char text[16];

    sprintf(text, "name=%s", s);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

void name_cut(const char *s)
{
    char text[16];

    sprintf(text, "name=%.10s", s);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void padded(int n)
{
    char text[8];

    sprintf(text, "%8d", n);
//  ^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}
// summary: bounded: 3 proved
// summary: bounded_by_the_wrong_size: 2 proved, 1 refuted
// summary: hexadecimal: 2 proved, 1 refuted
// summary: hexadecimal_with_room: 3 proved
// summary: name: 4 proved, 1 refuted
// summary: name_cut: 5 proved
// summary: number: 2 proved, 1 refuted
// summary: number_with_room: 3 proved
// summary: padded: 2 proved, 1 refuted
// summary: small_number: 3 proved

// Writes through pointers and library functions.
// test: verify
typedef unsigned long size_t;
void *memset(void *dst, int byte, size_t n);
void *memcpy(void *dst, const void *src, size_t n);
char *strcpy(char *dst, const char *src);
char *strcat(char *dst, const char *src);
size_t strlen(const char *s);
void *malloc(size_t n);
void free(void *p);

void clear(char *buf, size_t len)
{
    memset(buf, 0, len);
//  ^^^^^^^^^^^^^^^^^^^ proved[valid-write]
}

void clear_with_terminator(char *buf, size_t len)
{
    memset(buf, 0, len);
    buf[len] = '\0';
//  ^^^^^^^^ refuted[valid-write]
}

void fixed_room(const char *name)
{
    char copy[16];

    strcpy(copy, name);
//  ^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

int fixed_room_checked(const char *name)
{
    char copy[16];

    if (strlen(name) >= sizeof(copy))
        return -1;
    strcpy(copy, name);
//  ^^^^^^^^^^^^^^^^^^ proved[valid-write]
    return copy[0];
}

int fixed_room_checked_wrong(const char *name)
{
    char copy[16];

    if (strlen(name) > sizeof(copy))
        return -1;
    strcpy(copy, name);
//  ^^^^^^^^^^^^^^^^^^ refuted[valid-write]
    return copy[0];
}

int joined(const char *a, const char *b)
{
    char both[32];

    if (strlen(a) >= 16 || strlen(b) >= 16)
        return -1;
    strcpy(both, a);
    strcat(both, b);
//  ^^^^^^^^^^^^^^^ proved[valid-write]
    return both[0];
}

int joined_with_separator(const char *a, const char *b)
{
    char both[31];

    if (strlen(a) > 15 || strlen(b) > 15)
        return -1;
    strcpy(both, a);
    strcat(both, "/");
    strcat(both, b);
//  ^^^^^^^^^^^^^^^ refuted[valid-write]
    return both[0];
}

// Overflows on every path, so that what strcpy asks for after that is asked of nobody.
char *duplicate(const char *s)
{
    char *copy = malloc(strlen(s));

    if (copy)
        strcpy(copy, s);
//      ^^^^^^^^^^^^^^^ refuted[valid-write]
//      ^^^^^^^^^^^^^^^ unreachable[precondition]
    return copy;
}

char *duplicate_with_terminator(const char *s)
{
    char *copy = malloc(strlen(s) + 1);

    if (copy)
        strcpy(copy, s);
//      ^^^^^^^^^^^^^^^ proved[valid-write]
    return copy;
}

struct packet {
    unsigned char kind;
    unsigned char body[32];
};

int into_member(struct packet *p, const unsigned char *data, size_t len)
{
    if (len > sizeof(p->body))
        return -1;
    memcpy(p->body, data, len);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^ proved[valid-write]
    return 0;
}

int into_member_wrong(struct packet *p, const unsigned char *data, size_t len)
{
    if (len > sizeof(*p))
        return -1;
    memcpy(p->body, data, len);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] len == 33
    return 0;
}

int *pointer_size(void)
{
    long *p = malloc(4);

    if (p)
        *p = 0;
//      ^^ refuted[valid-write]
    return (int *)p;
}
// summary: clear: 2 proved
// summary: clear_with_terminator: 3 proved, 1 refuted
// summary: duplicate: 8 proved, 1 refuted, 1 unreachable
// summary: duplicate_with_terminator: 11 proved
// summary: fixed_room: 6 proved, 1 refuted
// summary: fixed_room_checked: 11 proved
// summary: fixed_room_checked_wrong: 10 proved, 1 refuted
// summary: into_member: 5 proved
// summary: into_member_wrong: 4 proved, 1 refuted
// summary: joined: 23 proved
// summary: joined_with_separator: 32 proved, 1 refuted
// summary: pointer_size: 3 proved, 1 refuted

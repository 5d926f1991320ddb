// Bounds are per member: an array inside a record may not be overrun although the record goes on.
// test: verify
typedef unsigned long size_t;
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
char *strcpy(char *dst, const char *src);
size_t strlen(const char *s);

struct packet {
    char name[16];
    void *next;
    char tail[8];
};

struct holder {
    int id;
    struct packet packets[2];
    int last;
};

static const char source[32] = "0123456789abcdefghijklmnopqrst";

void whole_record_into_a_member(void)
{
    struct packet p;
    memcpy(p.name, source, sizeof(p));
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[precondition]
}

void the_member(void)
{
    struct packet p;
    memcpy(p.name, source, sizeof(p.name));
    memset(&p, 0, sizeof(p));
}

void string_over_the_member(struct packet *p)
{
    strcpy(p->name, "sixteen letters!");
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[precondition]
}

void behind_the_first_half(struct packet *p, size_t n)
{
    if (n <= 16)
        memset(p->name + 8, 0, n);
//      ^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] n > 8 && n <= 16
}

// A loop keeps the bounds of its cursor.
void cursor(struct packet *p)
{
    char *c = p->name;
    int i;
    for (i = 0; i <= 16; i++)
        *c++ = 0;
//      ^^^^ refuted[valid-write] i == 16
}

// An array at the end may go on behind the record, as far as its object does.
void trailing(struct packet *p)
{
    memset(p->tail, 0, 8);
}

// Elements of an array member: the whole of it may be cleared from any of them.
void elements(struct holder *h)
{
    memset(&h->packets[0], 0, 2 * sizeof(struct packet));
}

void past_the_elements(struct holder *h)
{
    memset(h->packets, 0, 2 * sizeof(struct packet) + sizeof(int));
//  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

// From the member back to the record around it.
int container(struct packet *p)
{
    char *name = p->name;
    struct packet *again = (struct packet *)(name - __builtin_offsetof(struct packet, name));
    return again->tail[0];
}

struct inner {
    int before;
    char bytes[4];
    int after;
};

int container_with_offset(struct inner *r)
{
    char *bytes = r->bytes;
    struct inner *again = (struct inner *)(bytes - __builtin_offsetof(struct inner, bytes));
    return again->after;
}

// The string must end inside its member.
size_t unterminated(void)
{
    struct packet p;
    memset(&p, 0, sizeof(p));
    memset(p.name, 'x', sizeof(p.name));
    return strlen(p.name);
    //     ^^^^^^^^^^^^^^ refuted[valid-read]
}

static void fill(char *to, int n)
{
    int i;
    for (i = 0; i < n; i++)
        to[i] = 1;
//      ^^^^^ refuted[valid-write]
}

void through_a_call(struct packet *p)
{
    fill(p->name, 17);
}
// summary: behind_the_first_half: 1 proved, 1 refuted
// summary: container: 3 proved
// summary: container_with_offset: 2 proved
// summary: cursor: 2 proved, 1 refuted
// summary: elements: 3 proved
// summary: fill: 2 proved, 1 refuted
// summary: past_the_elements: 1 proved, 1 refuted
// summary: string_over_the_member: 4 proved, 1 refuted, 1 unreachable
// summary: the_member: 9 proved
// summary: trailing: 2 proved
// summary: unterminated: 8 proved, 1 refuted
// summary: whole_record_into_a_member: 4 proved, 1 refuted, 1 unreachable

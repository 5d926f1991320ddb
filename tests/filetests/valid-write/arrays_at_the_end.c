// An array at the end of a record may go on behind it, unless the record is a member and others lie behind it there.
// test: verify
typedef unsigned long size_t;
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);

struct list {
    unsigned char length;
    unsigned char items[10];
};

struct old_style {
    int count;
    int items[1];
};

struct state {
    int before;
    struct list list;
    struct old_style old;
    int room[3];
    struct list last;
};

struct around {
    struct state state;
    int after;
};

union either {
    struct list list;
    char bytes[64];
};

struct holder {
    union either either;
    int after;
};

void direct(struct state *s, const unsigned char *from, unsigned char n)
{
    if (n <= 11)
        memset(s->list.items, 0, n);
//      ^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] n == 11
}

void through_a_pointer(struct state *s, unsigned char n)
{
    struct list *list = &s->list;
    list->length = n;
    if (n <= 12)
        memset((char *)list->items, 0, n);
//      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] n == 11
}

static void fill(struct list *list, unsigned n)
{
    memset(list->items, 0, n);
//  ^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

void through_a_call(struct state *s)
{
    fill(&s->list, 10);
    fill(&s->list, 11);
}

void whole_of_it(struct state *s)
{
    memset(&s->list, 0, sizeof(s->list) + 4);
    memset(s->list.items, 0, sizeof(s->list.items));
}

// What lies behind it may be its continuation.
void flexible(struct state *s, struct list *alone)
{
    s->old.items[0] = 1;
    memset(s->old.items, 0, 4 * sizeof(int));
    memset(s->last.items, 0, 10);
    memset(alone->items, 0, 10);
}

// The last of one that has something behind it: not followed that far.
void nested(struct around *a)
{
    memset(a->state.last.items, 0, 10);
}

void in_a_union(struct holder *h)
{
    memset(h->either.list.items, 0, 60);
}

static int container(struct list *list)
{
    struct state *s = (struct state *)((char *)list - __builtin_offsetof(struct state, list));
    return s->before;
}

int from_member_and_back(struct state *s)
{
    struct list *list = &s->list;
    unsigned char *items = list->items;
    struct list *again = (struct list *)(items - __builtin_offsetof(struct list, items));
    memset(again->items, 0, 12);
    return container(list);
}

void either_of_them(struct state *s, struct state *t, int which)
{
    struct list *list = which ? &s->list : &t->list;
    memset(list->items, 0, 10);
}
// summary: container: 2 proved
// summary: direct: 1 proved, 1 refuted
// summary: either_of_them: 2 proved
// summary: fill: 1 proved, 1 refuted
// summary: flexible: 8 proved
// summary: from_member_and_back: 2 proved
// summary: in_a_union: 2 proved
// summary: nested: 2 proved
// summary: through_a_pointer: 3 proved, 1 refuted
// summary: whole_of_it: 4 proved

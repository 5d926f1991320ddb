// Pointers that may be null.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void free(void *p);
void *memset(void *dst, int byte, size_t n);

struct node {
    int value;
    struct node *next;
};

int *unchecked(void)
{
    int *p = malloc(sizeof(int));

    *p = 1;
//  ^^ refuted[not-null]
    return p;
}

int *checked(void)
{
    int *p = malloc(sizeof(int));

    if (!p)
        return 0;
    *p = 1;
//  ^^ proved[not-null]
    return p;
}

char *cleared(size_t n)
{
    char *p;

    if (n == 0 || n > 4096)
        return 0;
    p = malloc(n);
    memset(p, 0, n);
//  ^^^^^^^^^^^^^^^ refuted[not-null]
    return p;
}

char *cleared_checked(size_t n)
{
    char *p;

    if (n == 0 || n > 4096)
        return 0;
    p = malloc(n);
    if (p)
        memset(p, 0, n);
//      ^^^^^^^^^^^^^^^ proved[not-null]
    return p;
}

// The check comes after the use.
int late(int fail)
{
    int value = 7;
    int *p = fail ? 0 : &value;
    int result = *p;
    //           ^^ refuted[not-null] fail != 0

    if (!p)
        return -1;
    return result;
}

int in_time(int fail)
{
    int value = 7;
    int *p = fail ? 0 : &value;

    if (!p)
        return -1;
    return *p;
    //     ^^ proved[not-null]
}

int one_of_two(int which)
{
    int a = 1;
    int *p = 0;

    if (which > 10)
        p = &a;
    if (which > 5)
        return *p;
        //     ^^ refuted[not-null] which > 5 && which <= 10
    return 0;
}

int member_of_null(int fail)
{
    struct node n = {3, 0};
    struct node *p = fail ? 0 : &n;

    return p->value;
    //     ^^^^^^^^ refuted[not-null] fail != 0
}

int next_of(void)
{
    struct node n = {3, 0};

    return n.next->value;
    //     ^^^^^^^^^^^^^ refuted[not-null]
    //     ^^^^^^^^^^^^^ unreachable[valid-read]
}
// summary: checked: 4 proved
// summary: cleared: 3 proved, 1 refuted
// summary: cleared_checked: 4 proved
// summary: in_time: 4 proved
// summary: late: 3 proved, 1 refuted
// summary: member_of_null: 3 proved, 1 refuted
// summary: next_of: 1 proved, 1 refuted, 1 unreachable
// summary: one_of_two: 3 proved, 1 refuted
// summary: unchecked: 3 proved, 1 refuted

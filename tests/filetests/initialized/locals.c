// Reads of what was never written.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void free(void *p);
void *memset(void *dst, int byte, size_t n);

int one_branch(int c)
{
    int x;

    if (c)
        x = 1;
    return x;
    //     ^ refuted[initialized] c == 0
}

int both_branches(int c)
{
    int x;

    if (c)
        x = 1;
    else
        x = 2;
    return x;
}

int by_switch(int c)
{
    int x;

    switch (c) {
    case 0:
        x = 5;
        break;
    case 1:
        x = 6;
        break;
    }
    return x;
    //     ^ refuted[initialized] c != 0 && c != 1
}

int by_switch_with_default(int c)
{
    int x;

    switch (c) {
    case 0:
        x = 5;
        break;
    default:
        x = 6;
    }
    return x;
}

int same_condition(int c)
{
    int x;

    if (c > 3)
        x = 1;
    if (c > 4)
        return x;
        //     ^ proved[initialized]
    return 0;
}

int weaker_condition(int c)
{
    int x;

    if (c > 3)
        x = 1;
    if (c > 2)
        return x;
        //     ^ refuted[initialized] c == 3
    return 0;
}

int array_part(unsigned i)
{
    int a[4];

    if (i >= 4)
        return 0;
    a[0] = 1;
    a[1] = 2;
    return a[i];
    //     ^^^^ refuted[initialized] i == 2 || i == 3
}

int array_all(unsigned i)
{
    int a[4];

    if (i >= 4)
        return 0;
    memset(a, 0, sizeof(a));
    return a[i];
    //     ^^^^ proved[initialized]
}

struct pair {
    int first;
    int second;
};

int member(void)
{
    struct pair p;

    p.first = 1;
    return p.second;
    //     ^^^^^^^^ refuted[initialized]
}

int heap(void)
{
    int *p = malloc(sizeof(int));
    int value;

    if (!p)
        return 0;
    value = *p;
    //      ^^ refuted[initialized]
    free(p);
    return value;
}

int heap_zeroed(void)
{
    int *p = calloc(1, sizeof(int));
    int value;

    if (!p)
        return 0;
    value = *p;
    //      ^^ proved[initialized]
    free(p);
    return value;
}

void free(void *p);

// Elements of an allocation are written up to the index of a loop.
int heap_filled_by_index(size_t n)
{
    int result;
    int *p;
    if (n == 0 || n > 5000)
        return 0;
    p = malloc(n * sizeof(int));
    if (!p)
        return 0;
    for (size_t i = 0; i < n; i++)
        p[i] = 0;
    result = p[n - 1];
    free(p);
    return result;
}
// summary: array_all: 5 proved
// summary: array_part: 3 proved, 1 refuted
// summary: by_switch: 1 refuted
// summary: heap: 5 proved, 1 refuted
// summary: heap_filled_by_index: 12 proved
// summary: heap_zeroed: 9 proved
// summary: member: 1 refuted
// summary: one_branch: 1 refuted
// summary: same_condition: 1 proved
// summary: weaker_condition: 1 refuted

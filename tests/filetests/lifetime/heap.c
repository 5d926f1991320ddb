// Uses of objects whose life has ended.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void free(void *p);
void *realloc(void *p, size_t n);

int use_after_free(void)
{
    int *p = malloc(sizeof(int));
    int value;

    if (!p)
        return 0;
    *p = 5;
    free(p);
    value = *p;
    //      ^^ refuted[lifetime]
    //      ^^ unreachable[initialized]
    //      ^^ unreachable[valid-read]
    return value;
}

int use_before_free(void)
{
    int *p = malloc(sizeof(int));
    int value;

    if (!p)
        return 0;
    *p = 5;
    value = *p;
    //      ^^ proved[lifetime]
    free(p);
    return value;
}

void freed_twice(int again)
{
    void *p = malloc(8);

    free(p);
    if (again)
        free(p);
//      ^^^^^^^ refuted[lifetime] again != 0
}

void freed_once(int early)
{
    char *p = malloc(8);

    if (early) {
        free(p);
        p = 0;
    }
    free(p);
//  ^^^^^^^ proved[lifetime]
}

void freed_in_the_middle(void)
{
    char *p = malloc(8);

    if (!p)
        return;
    free(p + 1);
//  ^^^^^^^^^^^ refuted[lifetime]
}

void freed_local(void)
{
    int x = 0;
    int *p = &x;

    free(p);
//  ^^^^^^^ refuted[lifetime]
}

int freed_on_error(int error)
{
    int *p = malloc(sizeof(int));

    if (!p)
        return 0;
    *p = 1;
    if (error)
        free(p);
    return *p;
    //     ^^ refuted[lifetime] error != 0
}

// realloc may move the object.
int stale_after_realloc(void)
{
    int *p = malloc(4);
    int *q;

    if (!p)
        return 0;
    *p = 1;
    q = realloc(p, 8);
    if (!q) {
        free(p);
        return 0;
    }
    return *p;
    //     ^^ refuted[lifetime]
    //     ^^ unreachable[initialized]
    //     ^^ unreachable[valid-read]
}
// summary: freed_in_the_middle: 1 proved, 1 refuted
// summary: freed_local: 1 refuted
// summary: freed_on_error: 8 proved, 1 refuted
// summary: freed_once: 3 proved
// summary: freed_twice: 2 proved, 1 refuted
// summary: stale_after_realloc: 8 proved, 1 refuted, 2 unreachable
// summary: use_after_free: 6 proved, 1 refuted, 2 unreachable
// summary: use_before_free: 9 proved

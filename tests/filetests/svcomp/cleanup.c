// Everything is freed on every way out.
// test: verify
// options: specification=valid-memcleanup
extern void *malloc(__SIZE_TYPE__);
extern void free(void *);
extern void exit(int);
extern void abort(void);
extern _Bool __VERIFIER_nondet_bool(void);
struct pair {
    char *first, *second;
};
static struct pair *make(void)
{
    struct pair *p = malloc(sizeof *p);
    p->first = malloc(8);
    p->second = __VERIFIER_nondet_bool() ? malloc(16) : 0;
    return p;
}
static void drop(struct pair *p)
{
    free(p->first);
    free(p->second);
    free(p);
}
int main(void)
{
    struct pair *p = make();
    if (__VERIFIER_nondet_bool())
        abort();
    drop(p);
    if (__VERIFIER_nondet_bool())
        exit(1);
    return 0;
}
// summary: main: 2 proved

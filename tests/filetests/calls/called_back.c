// A function that is handed out is called by what is not in view.
// test: verify
// options: entry=main
extern void each(int *first, unsigned count, int (*visit)(int *));
static int visit(int *p)
{
    return p[4];
    //     ^^^^ unknown[initialized]
    //     ^^^^ unknown[lifetime]
    //     ^^^^ unknown[not-null]
    //     ^^^^ unknown[valid-read]
}
int main(void)
{
    int t[4] = {0};
    each(t, 4, visit);
    return t[3];
}
// summary: main: 2 proved
// summary: visit: unsupported: `visit` is called back by `each`, whose body is not in view; check it alone with -f

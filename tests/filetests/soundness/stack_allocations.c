// What alloca gives ends with its function, and is nothing that free takes.
// test: verify
void free(void *p);
static char *make(unsigned n)
{
    char *p = __builtin_alloca(16);
    p[0] = (char)n;
    return p;
}
int after_return(void)
{
    char *p = make(3);
    return p[0];
    //     ^^^^ refuted[lifetime]
    //     ^^^^ unreachable[initialized]
    //     ^^^^ unreachable[valid-read]
}
void freed(void)
{
    char *p = __builtin_alloca(4);
    free(p);
//  ^^^^^^^ refuted[lifetime]
}
// summary: after_return: 1 proved, 1 refuted, 2 unreachable
// summary: freed: 1 proved, 1 refuted
// summary: make: 4 proved

// A `main` that never returns has no end at which to look, and yet what it loses while it runs is lost.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__); int main(void)
//                                  ^ proved-to-bound[memory-leak]
{
    char *p = malloc(4);
    p = malloc(4);
    for (;;)
        p[0] = 1;
    return 0;
}
// summary: main: 3 proved, 1 proved-to-bound

// A `main` that never returns has no end at which to look, and yet what it loses while it runs is lost.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__);
int main(void)
{
    char *p = malloc(4);
    p = malloc(4);
    for (;;)
        p[0] = 1;
    return 0;
}

// Code that runs later or elsewhere is not followed, and does not pass for safe.
// test: verify
// options: entry=main
extern int atexit(void (*f)(void));
int t[4];
static void at_the_end(void)
{
    t[7] = 1;
//  ^^^^ unknown[index-upper-bound]
}
int main(void)
{
    t[3] = 1;
    return atexit(at_the_end);
}
// summary: at_the_end: unsupported: `at_the_end` is called back by `atexit`, whose body is not in view; check it alone with -f
// summary: main: unsupported: `main` uses calls of `atexit`, which is not supported; check the functions without it with -f

// What a function calls that was not looked at is judged by its other callers, and says so; without others it is unknown.
// test: verify
#include <setjmp.h>
static jmp_buf place;
static int table[4];
static int at(int i)
{
    return table[i];
}
int jumps(void)
{
    if (setjmp(place))
        return 0;
    return at(9);
}
int right(void)
{
    return at(1);
}
// summary: at: 2 proved
// summary: jumps: unsupported: `jumps` uses calls of `_setjmp`, which is not supported; check the functions without it with -f

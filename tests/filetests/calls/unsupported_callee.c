// A function that cannot be lowered is not safe because it is called.
// test: verify
// options: entry=main
#include <setjmp.h>
static jmp_buf place;
int t[4];
static int jumps(int i)
{
    if (setjmp(place))
        return t[i];
    return 0;
}
int main(void)
{
    return jumps(9);
}
// summary: jumps: unsupported: `jumps` uses calls of `_setjmp`, which is not supported; check the functions without it with -f

// Arguments of variadic calls are not carried to where they are read: neither proved nor refuted.
// test: verify
// options: entry=main
#include <stdarg.h>
int t[8];
static int sum(int n, ...)
{
    va_list list;
    int s = 0;
    va_start(list, n);
    for (int i = 0; i < n; i++)
        s += va_arg(list, int);
//      ^^^^^^^^^^^^^^^^^^^^^^ unknown[signed-overflow]
    va_end(list);
    return s;
}
int main(void)
{
    return t[sum(2, 1, 2)];
    //     ^^^^^^^^^^^^^^^ unknown[index-lower-bound]
    //     ^^^^^^^^^^^^^^^ unknown[index-upper-bound]
}
// summary: main: 2 unknown
// summary: sum: 1 proved, 1 unknown

// A variable-length array lives to the end of its block (C11 6.2.4p7), memory from alloca to the end of the function.
// test: verify
#include <alloca.h>
int array_outlived(int n)
{
    int *kept = 0;
    if (n < 1 || n > 9)
        return 0;
    {
        int array[n];
        array[0] = 1;
        kept = array;
    }
    return *kept;
    //     ^^^^^ refuted[lifetime] n == 1
    //     ^^^^^ unreachable[initialized]
    //     ^^^^^ unreachable[valid-read]
}
int array_alive(int n)
{
    int *kept = 0;
    int first;
    if (n < 1 || n > 9)
        return 0;
    {
        int array[n];
        array[0] = 1;
        kept = array;
        first = *kept;
    }
    return first;
}
int array_left_by_goto(int n)
{
    int *kept = 0;
    if (n < 1 || n > 9)
        return 0;
    {
        int array[n];
        array[0] = 1;
        kept = array;
        if (n == 2)
            goto out;
        return *kept;
    }
out:
    return *kept;
    //     ^^^^^ refuted[lifetime] n == 2
    //     ^^^^^ unreachable[initialized]
    //     ^^^^^ unreachable[valid-read]
}
int alloca_alive(int n)
{
    int *kept = 0;
    if (n < 1 || n > 9)
        return 0;
    {
        int *array = alloca(n * sizeof *array);
        array[0] = 1;
        kept = array;
    }
    return *kept;
}
// summary: alloca_alive: 10 proved
// summary: array_alive: 8 proved
// summary: array_left_by_goto: 9 proved, 1 refuted, 2 unreachable
// summary: array_outlived: 5 proved, 1 refuted, 2 unreachable

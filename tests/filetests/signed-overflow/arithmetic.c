// Signed arithmetic that leaves its type.
// test: verify
int add(int a, int b)
{
    return a + b;
    //     ^^^^^ refuted[signed-overflow] a + b > 2147483647 || a + b < -2147483648
}

int add_small(short a, short b)
{
    return a + b;
}

int add_guarded(int a, int b)
{
    if (a < 0 || a > 1000 || b < 0 || b > 1000)
        return -1;
    return a + b;
    //     ^^^^^ proved[signed-overflow]
}

int subtract(int a, int b)
{
    if (a < 0)
        return 0;
    return a - b;
    //     ^^^^^ refuted[signed-overflow] a - b > 2147483647
}

int multiply(int n)
{
    return n * 100;
    //     ^^^^^^^ refuted[signed-overflow] n * 100 > 2147483647 || n * 100 < -2147483648
}

int multiply_guarded(int n)
{
    if (n < -1000 || n > 1000)
        return 0;
    return n * 100;
    //     ^^^^^^^ proved[signed-overflow]
}

int negate(int n)
{
    return -n;
    //     ^^ refuted[signed-overflow] n == -2147483648
}

int negate_guarded(int n)
{
    return n > -100 ? -n : 0;
    //                ^^ proved[signed-overflow]
}

int divide(int a, int b)
{
    if (b == 0)
        return 0;
    return a / b;
    //     ^^^^^ refuted[signed-overflow] a == -2147483648 && b == -1
}

int divide_by_positive(int a, int b)
{
    if (b <= 0)
        return 0;
    return a / b;
    //     ^^^^^ proved[divisor-nonzero]
}

// GCC shifts bits out of a signed number as out of an unsigned one.
int shift_left(int n, unsigned count)
{
    if (n < 0)
        return 0;
    return n << count;
    //     ^^^^^^^^^^ refuted[shift-in-range] count >= 32
}

int increment(int n)
{
    n++;
//  ^^^ refuted[signed-overflow] n == 2147483647
    return n;
}

int decrement(int n)
{
    if (n > 0)
        n--;
//      ^^^ proved[signed-overflow]
    return n;
}

long long widened_too_late(int a, int b)
{
    if (a < 0 || b < 0)
        return 0;
    return a * b;
    //     ^^^^^ refuted[signed-overflow] a * b > 2147483647
}

long long widened(int a, int b)
{
    return (long long)a * b;
}

int midpoint(int low, int high)
{
    if (low < 0 || high < low)
        return 0;
    return (low + high) / 2;
    //     ^^^^^^^^^^^^ refuted[signed-overflow] low + high > 2147483647
}

int midpoint_right(int low, int high)
{
    if (low < 0 || high < low)
        return 0;
    return low + (high - low) / 2;
    //     ^^^^^^^^^^^^^^^^^^^^^^ proved[signed-overflow]
}
// summary: add: 1 refuted
// summary: add_guarded: 1 proved
// summary: decrement: 1 proved
// summary: divide: 1 proved, 1 refuted
// summary: divide_by_positive: 2 proved
// summary: increment: 1 refuted
// summary: midpoint: 1 refuted
// summary: midpoint_right: 2 proved
// summary: multiply: 1 refuted
// summary: multiply_guarded: 1 proved
// summary: negate: 1 refuted
// summary: negate_guarded: 1 proved
// summary: shift_left: 1 refuted
// summary: subtract: 1 refuted
// summary: widened_too_late: 1 refuted

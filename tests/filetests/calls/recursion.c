// Recursion that constants bound is followed to its end, through two functions as well.
// test: verify
// options: entry=main
int table[121];
int factorial(int n)
{
    return n <= 1 ? 1 : n * factorial(n - 1);
}
int fibonacci(int n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
int even(unsigned n);
int odd(unsigned n)
{
    return n == 0 ? 0 : even(n - 1);
}
int even(unsigned n)
{
    return n == 0 ? 1 : odd(n - 1);
}
int main(void)
{
    int a = table[factorial(5)];
    int b = table[fibonacci(10)];
    int c = table[even(8) + 119];
    return a == b && b == c;
}
// summary: factorial: 2 proved
// summary: fibonacci: 3 proved
// summary: main: 7 proved

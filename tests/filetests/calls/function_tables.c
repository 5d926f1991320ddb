// Functions in constant tables, in records, and passed on.
// test: verify
// options: entry=main
extern int __VERIFIER_nondet_int(void);
typedef int (*operation)(int);
static int masked(int i)
{
    int t[4] = {0};
    return t[i & 3];
}
static int half_masked(int i)
{
    int t[4] = {0};
    return t[i & 7];
    //     ^^^^^^^^ refuted[index-upper-bound] i == 1
    //     ^^^^^^^^ unreachable[initialized]
}
static const operation operations[] = {masked, half_masked};
static struct {
    const char *name;
    operation run;
} named[] = {{"masked", masked}, {"half", half_masked}};
static int apply(operation f, int x)
{
    return f(x);
}
int main(void)
{
    int i = __VERIFIER_nondet_int();
    if (i < 0 || i > 1)
        return 0;
    if (i == 0)
        return apply(masked, i) + named[0].run(3);
    return operations[i](4);
}
// summary: apply: 1 proved
// summary: half_masked: 1 refuted, 1 unreachable
// summary: main: 6 proved
// summary: masked: 2 proved

// Recursion whose depth the input decides is never proved; a violation that lies deep is found.
// test: verify
// options: entry=main unroll=9
extern unsigned __VERIFIER_nondet_uint(void);
int table[8];
static int depth(unsigned n)
{
    return n == 0 ? 0 : depth(n / 2) + 1;
    //                  ^^^^^^^^^^^^^^^^ proved-to-bound[signed-overflow]
}
static int sum(unsigned n)
{
    return n == 0 ? 0 : sum(n - 1) + 1;
    //                  ^^^^^^^^^^^^^^ proved-to-bound[signed-overflow]
}
int main(void)
{
    unsigned n = __VERIFIER_nondet_uint();
    if (n < 16)
        table[depth(n)] = 1;
//      ^^^^^^^^^^^^^^^ proved-to-bound[index-lower-bound]
//      ^^^^^^^^^^^^^^^ proved-to-bound[index-upper-bound]
    if (n < 9)
        table[sum(n)] = 1;
//      ^^^^^^^^^^^^^ proved-to-bound[index-lower-bound]
//      ^^^^^^^^^^^^^ refuted[index-upper-bound] n == 8
    return table[sum(n) & 7];
}
// summary: depth: 1 proved-to-bound
// summary: main: 1 proved, 3 proved-to-bound, 1 refuted
// summary: sum: 1 proved-to-bound

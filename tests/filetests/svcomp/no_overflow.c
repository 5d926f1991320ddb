// Only signed overflow counts: the division by zero and the access are not asked about.
// test: verify
// options: specification=no-overflow
extern int __VERIFIER_nondet_int(void);
extern unsigned int __VERIFIER_nondet_uint(void);
int table[4];
int main(void)
{
    int x = __VERIFIER_nondet_int();
    unsigned int u = __VERIFIER_nondet_uint();
    int sum = 0;
    u = u + 1;
    if (x >= 0 && x < 1000) {
        sum = x * 1000;
        table[x] = 1;
    } else {
        sum = x - 1;
        //    ^^^^^ refuted[signed-overflow] x == -2147483648
    }
    return sum / __VERIFIER_nondet_int();
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[signed-overflow] sum == -2147483648
}
// summary: main: 1 proved, 2 refuted

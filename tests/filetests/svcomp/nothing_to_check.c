// A program without the operations that are asked about.
// test: verify
// options: specification=no-overflow
extern unsigned int __VERIFIER_nondet_uint(void);
int main(void)
{
    return __VERIFIER_nondet_uint() + 1 > 3;
}

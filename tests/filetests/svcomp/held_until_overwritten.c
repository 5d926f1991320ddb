// The loop overwrites the only pointer, after it has used it: what is held on entry need not be held later.
// test: verify
// options: specification=valid-memsafety unroll=3
extern void *malloc(__SIZE_TYPE__);
extern int __VERIFIER_nondet_int(void);
static int spare; int main(void)
//                ^ proved-to-bound[memory-leak]
{
    int *place = malloc(sizeof(int));
    for (;;) {
        *place = 1;
        if (__VERIFIER_nondet_int())
            place = &spare;
    }
    return 0;
}
// summary: main: 3 proved, 1 proved-to-bound

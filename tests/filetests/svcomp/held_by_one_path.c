// `kept` holds the memory only where it was assigned; on the other path nothing does while the loop runs.
// test: verify
// options: specification=valid-memsafety unroll=3
extern void *malloc(__SIZE_TYPE__);
extern int __VERIFIER_nondet_int(void); int main(void)
//                                      ^ proved-to-bound[memory-leak]
{
    int *first = malloc(sizeof(int));
    int *kept;
    int keeps = __VERIFIER_nondet_int();
    if (keeps)
        kept = first;
    first = 0;
    for (;;)
        if (keeps)
            *kept = 1;
    return 0;
}
// summary: main: 3 proved, 1 proved-to-bound

// Each iteration holds what it allocates, and forgets it at its end.
// test: verify
// options: specification=valid-memsafety unroll=3
extern void *malloc(__SIZE_TYPE__); int main(void)
//                                  ^ proved-to-bound[memory-leak]
{
    int *last = malloc(sizeof(int));
    for (;;) {
        *last = 1;
        last = malloc(sizeof(int));
    }
    return 0;
}
// summary: main: 3 proved, 1 proved-to-bound

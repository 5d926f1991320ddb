// The program need not end, and what was lost before is lost: that all is freed at the end does not show the contrary.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__);
int main(void)
{
    char *p = malloc(4);
    p = 0;
    while (1)
        ;
    return p != 0;
//  ^ proved-to-bound[memory-leak]
}
// summary: main: 1 proved-to-bound

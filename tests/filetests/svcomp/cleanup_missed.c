// Not freed when the program ends early; a loop that frees as often as it allocates is beyond the leak check.
// test: verify
// options: specification=valid-memcleanup
extern void *malloc(__SIZE_TYPE__);
extern void free(void *);
extern void exit(int);
extern _Bool __VERIFIER_nondet_bool(void);
int main(void)
{
    char *p = malloc(4);
    if (__VERIFIER_nondet_bool())
        exit(1);
//      ^^^^^^^ refuted[memory-leak]
    free(p);
    while (__VERIFIER_nondet_bool()) {
        p = malloc(4);
        free(p);
    }
    return 0;
//  ^ proved-to-bound[memory-leak]
}
// summary: main: 1 proved-to-bound, 1 refuted

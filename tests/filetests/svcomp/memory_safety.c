// Frees, dereferences and leaks in one program; `g` still leads to its object when the program ends.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__);
extern void free(void *);
extern _Bool __VERIFIER_nondet_bool(void);
extern int __VERIFIER_nondet_int(void);
int *g;
int main(void)
{
    int *p = malloc(sizeof(int));
    int *q = malloc(4 * sizeof(int));
    int i = __VERIFIER_nondet_int();
    g = malloc(sizeof(int));
    *p = 1;
    if (i >= 0 && i < 4)
        q[i] = *p;
    else if (i == 4)
        q[i] = 2;
//      ^^^^ refuted[valid-write] i == 4
    if (__VERIFIER_nondet_bool())
        free(p);
    if (i == 7)
        free(p);
//      ^^^^^^^ refuted[lifetime] i == 7
    free(q);
    return 0;
//  ^ refuted[memory-leak]
}
// summary: main: 13 proved, 3 refuted

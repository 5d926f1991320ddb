// What a global points to when the program ends is not lost: neither through a record nor through an array of pointers.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__);
extern _Bool __VERIFIER_nondet_bool(void);
extern unsigned __VERIFIER_nondet_uint(void);
struct names {
    int count;
    char *name[3];
} names;
char *last;
int main(void)
{
    unsigned i = __VERIFIER_nondet_uint();
    names.name[1] = malloc(3);
    last = malloc(4);
    if (i < 3)
        names.name[i] = last;
    if (__VERIFIER_nondet_bool())
        last = 0;
    return 0;
//  ^ refuted[memory-leak]
}
// summary: main: 2 proved, 1 refuted

// Two blocks, and the record that holds them.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__);
extern _Bool __VERIFIER_nondet_bool(void);
struct names {
    int count;
    char *name[3];
} names;
char *last;
int main(void)
{
    last = malloc(4);
    names.name[1] = malloc(3);
    if (__VERIFIER_nondet_bool()) {
        names.name[2] = last;
        last = 0;
    }
    return 0;
}
// summary: main: 3 proved

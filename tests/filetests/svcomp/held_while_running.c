// What a variable holds wherever a loop begins again is never lost, however long the loops run: variables of the
// function with the loop, and of those that wait for it.
// test: verify
// options: specification=valid-memsafety
extern void *malloc(__SIZE_TYPE__);
extern void free(void *);
extern int __VERIFIER_nondet_int(void);
static int above(const int *numbers, int count, int limit)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        if (numbers[i] > limit)
            found = 1;
    return found;
}
static void wait(void)
{
    while (__VERIFIER_nondet_int())
        ;
}
int main(void)
{
    int count = __VERIFIER_nondet_int();
    if (count < 1 || count > 1000)
        return 0;
    int *numbers = malloc(count * sizeof(int));
    int *copy = malloc(count * sizeof(int));
    for (int i = 0; i < count; i++) {
        numbers[i] = __VERIFIER_nondet_int();
        copy[i] = numbers[i];
    }
    if (__VERIFIER_nondet_int()) {
        free(copy);
        copy = 0;
    }
    wait();
    while (above(numbers, count, 7))
        numbers[0] = __VERIFIER_nondet_int();
    free(numbers);
    free(copy);
    return 0;
}
// summary: above: 3 proved
// summary: main: 17 proved

// A walk that is ended by the last element at the latest: at the header a whole element lies behind the cursor. Zero
// need not be among the elements.
// test: verify
// options: specification=valid-memsafety unroll=3
extern int __VERIFIER_nondet_int(void);
int main(void)
{
    int count = __VERIFIER_nondet_int();
    if (count < 1 || count > 1000000)
        return 0;
    int *table = __builtin_alloca(count * sizeof(int));
    for (int i = 0; i < count; i++)
        table[i] = __VERIFIER_nondet_int();
    int *at = table;
    while (*at != table[count - 1]) {
        *at += 1;
        at++;
    }
    while (*table != 0)
    //     ^^^^^^ refuted[valid-read]
        table++;
    return 0;
}
// summary: main: 19 proved, 1 refuted

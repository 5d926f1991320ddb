// A program that never allocates on the heap loses nothing, whether its loops end or not.
// test: verify
// options: specification=valid-memsafety
extern int __VERIFIER_nondet_int(void);
extern char __VERIFIER_nondet_char(void);
static int spaces(const char *text)
{
    int found = 0;
    for (; *text; text++)
        if (*text == ' ')
            found = 1;
    return found;
}
int main(void)
{
    int room = __VERIFIER_nondet_int();
    if (room < 1)
        room = 1;
    char *text = __builtin_alloca(room);
    for (int i = 0; i < room - 1; i++)
        text[i] = __VERIFIER_nondet_char();
    text[room - 1] = 0;
    while (spaces(text))
        ;
    return 0;
}
// summary: main: 7 proved
// summary: spaces: 6 proved

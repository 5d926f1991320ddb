// A string literal and a variable defined `const` must not be written (C11 6.4.5p7, 6.7.3p6), whatever the pointer says.
// test: verify
// options: entry=main
static const short g1[3] = {1,2,3};
static short *g2 = (short *)g1;
char *s = "abc";
static int letter(void)
{
    s[0] = 'x';
//  ^^^^ refuted[valid-write] argc == 1
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return letter();
    g2[1] = 5;
//  ^^^^^ refuted[valid-write] argc != 1
    return g1[1];
    //     ^^^^^ unreachable[index-upper-bound]
}
// summary: letter: 1 proved, 1 refuted
// summary: main: 1 proved, 1 refuted, 1 unreachable

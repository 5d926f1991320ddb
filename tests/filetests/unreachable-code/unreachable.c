// Places that the program promises never to reach.
// test: verify
int sign(int n)
{
    if (n > 0)
        return 1;
    if (n <= 0)
        return -1;
    __builtin_unreachable();
//  ^^^^^^^^^^^^^^^^^^^^^^^ proved[unreachable-code]
}

int choice(unsigned n)
{
    switch (n & 3) {
    case 0:
        return 10;
    case 1:
        return 11;
    case 2:
        return 12;
    case 3:
        return 13;
    default:
        __builtin_unreachable();
//      ^^^^^^^^^^^^^^^^^^^^^^^ proved[unreachable-code]
    }
}

int choice_forgotten(unsigned n)
{
    switch (n & 3) {
    case 0:
        return 10;
    case 1:
        return 11;
    case 2:
        return 12;
    default:
        __builtin_unreachable();
//      ^^^^^^^^^^^^^^^^^^^^^^^ refuted[unreachable-code] n % 4 == 3
    }
}

int promise(int n)
{
    if (n < 0)
        __builtin_unreachable();
//      ^^^^^^^^^^^^^^^^^^^^^^^ refuted[unreachable-code] n < 0
    return n;
}
// summary: choice: 2 proved
// summary: choice_forgotten: 1 proved, 1 refuted
// summary: promise: 1 refuted
// summary: sign: 2 proved

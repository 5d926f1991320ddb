// What the host passes to main: strings, a null pointer behind them, and perhaps none at all.
// test: verify
// options: entry=main
#include <string.h>
int main(int argc, char **argv)
{
    char small[8], enough[8];
    if (argc > 1)
        strcpy(small, argv[1]);
//      ^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] argc >= 2
    if (argc > 2 && strlen(argv[2]) < sizeof enough)
        strcpy(enough, argv[2]);
    return argv[0][0];
    //     ^^^^^^^^^^ refuted[not-null] argc == 0
}
// summary: main: 24 proved, 2 refuted

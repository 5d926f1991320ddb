// A variable that code first mentions behind a call out of view may have been changed by that call. Once it was still as
// the program starts.
// test: verify
// options: entry=main
extern void outside(void);
int counter;
int table[2];

int main(void)
{
    outside();
    return table[counter];
    //     ^^^^^^^^^^^^^^ unknown[index-lower-bound]
    //     ^^^^^^^^^^^^^^ unknown[index-upper-bound]
}
// summary: main: 2 unknown

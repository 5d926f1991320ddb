// Pointers of which the prover loses track: what is asked of them stays open, and the code behind stays reachable.
// Once the index behind them was "proved", because no execution was left in which they were valid.
// test: verify
#include <stdlib.h>
int g[4];
struct box { int *p; int n; };

int boxes(int n)
{
    struct box *v[3] = {0};
    for (int i = 0; i < 3; i++) {
        v[i] = malloc(sizeof(struct box));
        if (!v[i])
            return 0;
        v[i]->n = i * 2;
    }
    return g[v[n & 1 ? 2 : 1]->n];
    //     ^^^^^^^^^^^^^^^^^^^^^^ refuted[index-upper-bound] i == 3 && n % 2 == 1
}

extern void outside(void);

int unwritten(void)
{
    int *p = malloc(sizeof(int));
    if (!p)
        return 0;
    outside();
    return *p;
    //     ^^ refuted[initialized]
}
// summary: boxes: 21 proved, 1 refuted
// summary: unwritten: 4 proved, 1 refuted

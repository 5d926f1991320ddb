// A pointer that is given what the iteration allocated leads to an older allocation at the next header, of which less is
// known. What was shown of the new one must not be assumed of it: that left out the executions which come there.
// test: verify
// options: unroll=9
#include <stdlib.h>

void shorter_next_time(int n)
{
    char *p = calloc(4, 1);

    if (!p)
        return;
    for (int i = 0; i < n; i++) {
        char *q = calloc(2, 1);

        if (!q)
            return;
        p[3] = 1;
//      ^^^^ refuted[valid-write]
        p = q;
    }
}

void shorter_behind_the_loop(int n)
{
    char *p = calloc(4, 1);

    if (!p)
        return;
    for (int i = 0; i < n; i++) {
        char *q = calloc(2, 1);

        if (!q)
            return;
        free(p);
        p = q;
        p[1] = 0;
    }
    p[0] = 1;
    p[3] = 1;
//  ^^^^ refuted[valid-write]
}
// summary: shorter_behind_the_loop: 18 proved, 1 refuted
// summary: shorter_next_time: 11 proved, 1 refuted

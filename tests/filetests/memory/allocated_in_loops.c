// What a loop allocates and stores is alive until one of the allocations is freed.
// test: verify
// options: unroll=5
#include <stdlib.h>
void all_alive(unsigned n)
{
    if (n > 1000000)
        return;
    int **table = calloc(n, sizeof *table);
    if (!table)
        return;
    for (unsigned i = 0; i < n; i++)
        table[i] = malloc(sizeof **table);
    for (unsigned i = 0; i < n; i++)
        if (table[i])
            *table[i] = 1;
}
void each_freed_at_once(unsigned n, unsigned k)
{
    if (n > 1000000)
        return;
    int **table = calloc(n, sizeof *table);
    if (!table)
        return;
    for (unsigned i = 0; i < n; i++) {
        table[i] = malloc(sizeof **table);
        free(table[i]);
    }
    if (k < n && table[k])
        *table[k] = 1;
//      ^^^^^^^^^ refuted[lifetime] k < n
}
// summary: all_alive: 21 proved
// summary: each_freed_at_once: 24 proved, 1 refuted

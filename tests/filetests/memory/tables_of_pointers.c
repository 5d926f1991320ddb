// Pointers stored in arrays and read back at an index that the input decides.
// test: verify
#include <stdlib.h>
int two_rows(unsigned row, unsigned column)
{
    int first[4] = {1, 2, 3, 4};
    int second[4] = {5, 6, 7, 8};
    int *rows[2];
    rows[0] = first;
    rows[1] = second;
    if (row > 1 || column > 3)
        return 0;
    return rows[row][column];
}
int a_short_row(unsigned row, unsigned column)
{
    int first[4] = {1, 2, 3, 4};
    int second[2] = {5, 6};
    int *rows[2];
    rows[0] = first;
    rows[1] = second;
    if (row > 1 || column > 3)
        return 0;
    return rows[row][column];
    //     ^^^^^^^^^^^^^^^^^ refuted[valid-read] column == 2 && row == 1
}
int filled_by_a_loop(unsigned n, unsigned k)
{
    int x = 3;
    int *table[64];
    if (n > 64)
        return 0;
    for (unsigned i = 0; i < n; i++)
        table[i] = &x;
    if (k < n)
        return *table[k];
    return 0;
}
int one_too_far(unsigned n, unsigned k)
{
    int x = 3;
    int *table[64];
    if (n > 64)
        return 0;
    for (unsigned i = 0; i < n; i++)
        table[i] = &x;
    if (k <= n && k < 64)
        return *table[k];
        //     ^^^^^^^^^ refuted[not-null] k == n
        //     ^^^^^^^^^ unknown[initialized]
        //     ^^^^^^^^^ unknown[lifetime]
        //     ^^^^^^^^^ unknown[valid-read]
        //      ^^^^^^^^ refuted[initialized] k == n
    return 0;
}
int matrix(unsigned row, unsigned column)
{
    int value = 0;
    int **rows = malloc(4 * sizeof *rows);
    if (!rows)
        return 0;
    for (int i = 0; i < 4; i++) {
        rows[i] = calloc(5, sizeof(int));
        if (!rows[i])
            exit(1);
    }
    if (row < 4 && column < 5)
        value = rows[row][column];
    for (int i = 0; i < 4; i++)
        free(rows[i]);
    free(rows);
    return value;
}
int any_number_of_cells(unsigned n, unsigned k)
{
    int x = 3;
    int value = 0;
    if (n > 1000000)
        return 0;
    int **table = malloc(n * sizeof *table);
    if (!table)
        return 0;
    for (unsigned i = 0; i < n; i++)
        table[i] = &x;
    if (k < n)
        value = *table[k];
    free(table);
    return value;
}
void too_small(unsigned n, unsigned k)
{
    if (n > 1000000)
        return;
    char **table = malloc(n * sizeof *table);
    if (!table)
        return;
    for (unsigned i = 0; i < n; i++)
        table[i] = malloc(4);
    if (k < n && table[k])
        table[k][4] = 1;
//      ^^^^^^^^^^^ refuted[valid-write] k < n
}
struct named {
    char name[8];
    int length;
};
void member_through_memory(struct named *n, unsigned i)
{
    struct {
        char *cursor;
    } where;
    where.cursor = n->name;
    if (i < 12)
        where.cursor[i] = 0;
//      ^^^^^^^^^^^^^^^ refuted[valid-write] i >= 8 && i < 12
}
// summary: a_short_row: 7 proved, 1 refuted
// summary: any_number_of_cells: 14 proved
// summary: filled_by_a_loop: 8 proved
// summary: matrix: 28 proved
// summary: member_through_memory: 2 proved, 1 refuted
// summary: one_too_far: 3 proved, 2 refuted, 3 unknown
// summary: too_small: 16 proved, 1 refuted
// summary: two_rows: 8 proved

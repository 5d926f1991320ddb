// What an iteration of a loop declared or allocated is not what the next one declares or allocates: a pointer kept from
// one to the other leads to a variable whose life has ended, or to memory that was freed.
// test: verify
// options: unroll=5
#include <stdlib.h>
int variable_of_the_iteration_before(void)
{
    int *before = 0;
    int sum = 0;
    for (int i = 0; i < 2; i++) {
        int here = i;
        if (before)
            sum += *before;
//          ^^^^^^^^^^^^^^ unreachable[signed-overflow]
            //     ^^^^^^^ refuted[lifetime] i == 1
            //     ^^^^^^^ unreachable[initialized]
            //     ^^^^^^^ unreachable[valid-read]
        before = &here;
    }
    return sum;
}
void any_number_of_iterations(int n)
{
    int *before = 0;
    for (int i = 0; i < n; i++) {
        int here = i & 1;
        if (before)
            *before = 1;
//          ^^^^^^^ refuted[lifetime] i >= 1 && n >= 2
        before = &here;
    }
}
int one_variable_for_all(int n)
{
    int here = 0;
    int *before = 0;
    int sum = 0;
    for (int i = 0; i < n; i++) {
        here = i & 1;
        if (before)
            sum ^= *before;
        before = &here;
    }
    return sum;
}
int found_in_the_last(const int *values, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int copy[2] = {values[i], 1};
        int *found = &copy[1];
        if (copy[0] == 7)
            return *found;
    }
    return 0;
}
void freed_in_the_iteration_before(int n)
{
    int *before = 0;
    for (int i = 0; i < n; i++) {
        if (before)
            *before = 1;
//          ^^^^^^^ refuted[lifetime] i >= 1 && n >= 2
        before = malloc(sizeof *before);
        if (!before)
            return;
        free(before);
    }
}
void of_different_sizes(unsigned n)
{
    char *last = 0;
    char *second_last = 0;
    for (unsigned i = 1; i < n; i++) {
        if (second_last && i == 3) {
            last[1] = 1;
            second_last[1] = 1;
//          ^^^^^^^^^^^^^^ refuted[valid-write] i == 3 && n >= 4
        }
        second_last = last;
        last = malloc(i);
        if (!last)
            return;
    }
}
int two_older_ones_differ(int n)
{
    int table[2] = {0};
    char *last = 0;
    char *second_last = 0;
    for (int i = 0; i < n; i++) {
        if (last && second_last && last != second_last)
            return table[i];
            //     ^^^^^^^^ refuted[index-upper-bound] i >= 2
        second_last = last;
        last = malloc(1);
    }
    return 0;
}
// summary: any_number_of_iterations: 3 proved, 1 refuted
// summary: found_in_the_last: 10 proved
// summary: freed_in_the_iteration_before: 5 proved, 1 refuted
// summary: of_different_sizes: 7 proved, 1 refuted
// summary: one_variable_for_all: 5 proved
// summary: two_older_ones_differ: 4 proved, 1 refuted
// summary: variable_of_the_iteration_before: 2 proved, 1 refuted, 3 unreachable

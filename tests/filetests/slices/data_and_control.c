// What contributed to a violation, and what did not: through registers, memory, calls and decisions.
// test: verify
#include <stdlib.h>
#include <string.h>

extern int outside(int);

int log_level = 3;

static int twice(int v)
{
    return v * 2;
}

// `sum`, `log_level` and the first loop change nothing about `table[at]`.
int through_a_call(int n, int m)
{
    int table[16];
    int sum = 0;
    int at = 0;
    if (n < 0 || n > 100)
        return 0;
    for (int i = 0; i < 16; i++)
        table[i] = i;
    if (m > 3)
        sum = 7;
    if (log_level > 9)
        outside(sum);
    at = twice(n);
    return table[at];
    //     ^^^^^^^^^ refuted[index-upper-bound] n >= 8
    // slice: 12 18 21 29 30
}

struct packet {
    int length;
    int kind;
    char body[8];
};

// The size of the block and its contents, each through a record; `kind` is copied with them and not used.
void through_a_copy(int length, int kind)
{
    struct packet a, b;
    char *block = malloc(10);
    if (block == NULL)
        return;
    memset(&a, 0, sizeof(a));
    a.kind = kind;
    if (length < 0 || length > 20)
        length = 4;
    a.length = length;
    b = a;
    block[b.length] = 'x';
//  ^^^^^^^^^^^^^^^ refuted[valid-write] length >= 10
// slice: 44 45 46 52 53 54
    free(block);
}

// A pointer that was freed: the allocation, the free, and the decision to free.
int after_free(int early)
{
    int *p = malloc(sizeof(int));
    int *q = malloc(sizeof(int));
    if (p == NULL || q == NULL)
        return 0;
    *p = 1;
    *q = 2;
    if (early)
        free(p);
    free(q);
    return *p;
    //     ^^ refuted[lifetime]
    // slice: 63 64 65 69 70 72
}

// The loop that moves the index is there with its end, the one beside it is not.
int loops(int n)
{
    int a[8] = {0};
    int i = 0, j = 0;
    while (j < 3)
        j++;
    while (i < n && i < 12)
        i += 3;
    a[i & 15] = j;
//  ^^^^^^^^^ refuted[index-upper-bound] i >= 8
// slice: 80 81 84 85 86
    return a[0];
}

// What was never written: its declaration, and the decision that went around the assignment.
int not_written(int n)
{
    int value;
    int other = 2;
    if (n > 4)
        value = other;
    return value;
    //     ^^^^^ refuted[initialized] n <= 4
    // slice: 95 97 99
}

char letters[4] = "abc";

// The bound of a copy is the array's declaration and the string that is copied, also when both are global.
void too_long(int wide)
{
    const char *text = wide ? "abcdef" : "ab";
    strcpy(letters, text);
//  ^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write] wide == 1
// slice: 104 109 110
}
// summary: after_free: 13 proved, 1 refuted
// summary: loops: 4 proved, 1 refuted
// summary: not_written: 1 refuted
// summary: through_a_call: 5 proved, 1 refuted
// summary: through_a_copy: 8 proved, 1 refuted
// summary: too_long: 5 proved, 1 refuted
// summary: twice: 1 proved

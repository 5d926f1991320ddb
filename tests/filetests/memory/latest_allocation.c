// What an iteration allocated is, in the next one, the latest of its kind: with a size, contents and a life of its own.
// Older ones are told apart from it.
// test: verify
// options: unroll=9

#include <stdlib.h>
void two_generations(int n) {
    char *prev = NULL, *cur = malloc(4);
    if (!cur) return;
    for (int i = 0; i < n; i++) {
        if (prev) prev[0] = 1;
        //        ^^^^^^^ refuted[lifetime]
        char *next = malloc(4);
        if (!next) return;
        if (prev) free(prev);
        prev = cur;
        cur = next;
        if (i > 1) free(prev);
    }
}
void conditional(int n, int k) {
    char *p = malloc(8);
    if (!p) return;
    for (int i = 0; i < n; i++) {
        p[7] = 0;
//      ^^^^ refuted[valid-write]
        if (i == k) {
            char *q = malloc(2);
            if (!q) return;
            free(p);
            p = q;
        }
    }
    free(p);
}
void conditional_good(int n, int k) {
    char *p = malloc(8);
    if (!p) return;
    for (int i = 0; i < n; i++) {
        p[7] = 0;
        if (i == k) {
            char *q = malloc(9);
            if (!q) return;
            free(p);
            p = q;
        }
    }
    free(p);
}
void nested(int n, int m) {
    char *p = malloc(8);
    if (!p) return;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < m; j++) {
            char *q = malloc(j + 1);
            if (!q) return;
            free(p);
//          ^^^^^^^ proved-to-bound[lifetime]
            p = q;
        }
        p[0] = 1;
//      ^^^^ proved-to-bound[lifetime]
//      ^^^^ proved-to-bound[valid-write]
        p[1] = 1;
//      ^^^^ proved-to-bound[lifetime]
//      ^^^^ refuted[valid-write]
    }
    free(p);
//  ^^^^^^^ proved-to-bound[lifetime]
}
void nested_dead(int n, int m) {
    char *p = malloc(8);
    if (!p) return;
    for (int i = 0; i < n; i++) {
        p[0] = 1;
//      ^^^^ refuted[lifetime]
        for (int j = 0; j < m; j++) {
            char *q = malloc(1);
            if (!q) return;
            if (j + 1 == m) { free(p); free(q); p = q; }
            //                ^^^^^^^ proved-to-bound[lifetime]
            else { free(p); p = q; }
            //     ^^^^^^^ proved-to-bound[lifetime]
        }
    }
}
void kept_two_rounds(int n) {
    char *a = malloc(1), *b = malloc(1), *c = malloc(1);
    if (!a || !b || !c) return;
    for (int i = 0; i < n && i < 100; i++) {
        a[i ? i - 1 : 0] = 0;
//      ^^^^^^^^^^^^^^^^ refuted[valid-write]
        a = b;
        b = c;
        c = malloc(i + 1);
        if (!c) return;
    }
}
void in_table(int n) {
    char *t[4] = {0};
    for (int i = 0; i < n; i++) {
    //                     ^^^ unreachable[signed-overflow]
        char *q = malloc(i % 4 + 1);
        if (!q) return;
        t[i & 3] = q;
        if (t[0]) t[0][1] = 0;
        //        ^^^^^^^ refuted[valid-write]
    }
}
void freed_in_table(int n) {
    char *t[4] = {0};
    for (int i = 0; i < n; i++) {
        char *q = malloc(4);
        if (!q) return;
        if (t[i & 3]) free(t[i & 3]);
        //            ^^^^^^^^^^^^^^ refuted[lifetime]
        t[i & 3] = q;
        if (i == 5) free(q);
    }
}
void same_or_not(int n) {
    char *p = malloc(4), *q = p;
    if (!p) return;
    for (int i = 0; i < n; i++) {
        char *r = malloc(4);
        if (!r) return;
        q = p;
        p = r;
        free(q);
        if (p == q) p[9] = 0;
        //          ^^^^ unreachable[lifetime]
        //          ^^^^ unreachable[not-null]
        //          ^^^^ unreachable[valid-write]
        q = p;
        if (i == 3) free(q);
        p[0] = 0;
//      ^^^^ refuted[lifetime]
    }
}
int contents(int n) {
    int *p = calloc(1, sizeof *p);
    int table[2] = {0, 0};
    if (!p) return 0;
    for (int i = 0; i < n; i++) {
        table[*p] = 1;
//      ^^^^^^^^^ refuted[index-upper-bound]
        int *q = malloc(sizeof *q);
        if (!q) return 0;
        *q = i;
        free(p);
        p = q;
    }
    free(p);
    return 0;
}
unsigned long grows(unsigned n, unsigned long *sum) {
    unsigned long cap = 1, used = 0;
    unsigned char *b = malloc(cap);
    if (!b) return 0;
    for (unsigned i = 0; i < n; i++) {
        if (used >= cap) {
            unsigned char *m = realloc(b, cap + 1);
            if (!m) { free(b); return 0; }
            b = m;
            cap = cap + 2;
        }
        b[used++] = (unsigned char)i;
//      ^^^^^^^^^ refuted[valid-write]
    }
    *sum = b[0];
    //     ^^^^ refuted[initialized]
    free(b);
    return used;
}
// summary: conditional: 7 proved, 1 refuted
// summary: conditional_good: 8 proved
// summary: contents: 16 proved, 1 refuted
// summary: freed_in_table: 8 proved, 1 refuted
// summary: grows: 15 proved, 2 refuted
// summary: in_table: 10 proved, 1 refuted, 1 unreachable
// summary: kept_two_rounds: 10 proved, 1 refuted
// summary: nested: 8 proved, 5 proved-to-bound, 1 refuted
// summary: nested_dead: 8 proved, 2 proved-to-bound, 1 refuted
// summary: same_or_not: 7 proved, 1 refuted, 3 unreachable
// summary: two_generations: 7 proved, 1 refuted

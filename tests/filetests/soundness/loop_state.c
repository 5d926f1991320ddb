// Loops whose state changes where a careless induction does not look: through a callee's pointer, or at the
// very last step of a cursor. Once wrongly "unreachable": the header of a loop that changes a local in memory
// excluded the state on entry.
// test: verify
char buf[8];
int t[10];

void walk_past(void) {
    char *p, *lim = buf + 8;
    for (p = buf; p <= lim; p++)
        *p = 1;
//      ^^ refuted[valid-write]
}

void walk_to_the_end(void) {
    char *p, *lim = buf + 8;
    for (p = buf; p < lim; p++)
        *p = 1;
}

static void bump(int *i) { *i += 2; }

void bumped_past(void) {
    int i;
    for (i = 0; i < 10; i++) {
        bump(&i);
        t[i] = 1;
//      ^^^^ refuted[index-upper-bound]
    }
}

void bumped_within(void) {
    int i = 0;
    while (i < 8) {
        bump(&i);
        t[i - 1] = 1;
    }
}
// summary: bump: 8 proved
// summary: bumped_past: 5 proved, 1 refuted
// summary: bumped_within: 5 proved
// summary: walk_past: 1 proved, 1 refuted
// summary: walk_to_the_end: 2 proved

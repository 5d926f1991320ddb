// What a cell holds is safe because the iteration before wrote it: proved two iterations at a time.
// test: verify
// options: unroll=3

struct cursor { unsigned at; unsigned was; };
int table[8];
void stored_before_it_is_used(struct cursor *c, int n)
{
    c->at = 0;
    for (int i = 0; i < n; i++) {
        table[c->at] = 1;
        c->at = (c->at * 5 + (unsigned)n) & 7;
    }
}
void stored_too_large(struct cursor *c, int n)
{
    c->at = 0;
    for (int i = 0; i < n; i++) {
        table[c->at] = 1;
//      ^^^^^^^^^^^^ refuted[index-upper-bound]
        c->at = (c->at * 5 + (unsigned)n) & 15;
    }
}
void first_is_wrong(struct cursor *c, int n)
{
    for (int i = 0; i < n; i++) {
        table[c->at] = 1;
//      ^^^^^^^^^^^^ refuted[index-upper-bound]
        c->at = (unsigned)n & 7;
    }
}
void behind_the_loop(struct cursor *c, int n)
{
    c->at = 3;
    for (int i = 0; i < n; i++)
        c->at = (c->at + 3) & 7;
    table[c->at] = 1;
}
// summary: behind_the_loop: 10 proved
// summary: first_is_wrong: 5 proved, 1 refuted
// summary: stored_before_it_is_used: 10 proved
// summary: stored_too_large: 9 proved, 1 refuted

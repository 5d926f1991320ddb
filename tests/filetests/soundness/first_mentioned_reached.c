// What a pointer in memory leads to and a loop both finds and changes is older than the loop.
// test: verify
struct node { int value; struct node *next; };
int table[2];

int walk(struct node *n)
{
    int found = 0;
    for (int k = 0; k < 4; k++) {
        if (n->next->value == 7 && k > 0)
            found = table[2];
            //      ^^^^^^^^ refuted[index-upper-bound] k >= 1
        n->next->value = 7;
    }
    return found;
}
// summary: walk: 9 proved, 1 refuted

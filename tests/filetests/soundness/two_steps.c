// Between two iterations that are looked at together, a pointer that was read from memory may be any: that it is one of those
// that the candidates speak of must not be assumed there. The code behind the first loop was unreachable.
// test: verify
// options: entry=main unroll=5
#include <stdlib.h>

struct node {
    int value;
    struct node *next;
};

static int table[4];

int main(void)
{
    struct node *head = NULL;
    unsigned int sum = 0;

    for (int i = 0; i < 3; i++) {
        struct node *n = malloc(sizeof(*n));
        if (n == NULL)
            return 0;
        n->value = 1;
        n->next = head;
        head = n;
    }
    for (struct node *c = head; c != NULL; c = c->next)
    //                                         ^^^^^^^ proved-to-bound[initialized]
    //                                         ^^^^^^^ proved-to-bound[lifetime]
    //                                         ^^^^^^^ proved-to-bound[not-null]
    //                                         ^^^^^^^ proved-to-bound[valid-read]
        sum = sum + c->value;
        //    ^^^^^^^^^^^^^^ proved-to-bound[unsigned-wrap]
        //          ^^^^^^^^ proved-to-bound[initialized]
        //          ^^^^^^^^ proved-to-bound[lifetime]
        //          ^^^^^^^^ proved-to-bound[lossy-conversion]
        //          ^^^^^^^^ proved-to-bound[not-null]
        //          ^^^^^^^^ proved-to-bound[valid-read]
    return table[sum + 1];
    //     ^^^^^^^^^^^^^^ refuted[index-upper-bound]
    //           ^^^^^^^ proved-to-bound[unsigned-wrap]
}
// summary: main: 8 proved, 11 proved-to-bound, 1 refuted

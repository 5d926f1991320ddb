// Records around what a pointer of the caller leads to: the program steps back from it, so that there is something before it.
// With nothing there, all that comes after the access would be unreachable (as whole functions that walk kernel lists were).
// test: verify
#include <stddef.h>
#include <stdint.h>

struct list_head {
    struct list_head *next, *prev;
};
struct channel {
    int state;
    uint16_t id;
    uint8_t answers;
    struct list_head list;
    unsigned char table[8];
};
struct connection {
    int lock;
    struct list_head channels;
};

#define channel_of(p) ((struct channel *)((char *)(p) - offsetof(struct channel, list)))

unsigned first_entry(struct connection *conn, unsigned i)
{
    struct channel *c = channel_of(conn->channels.next);
    if (c->id >= 8)
        return 0;
    return c->table[c->id] + c->table[i];
    //                       ^^^^^^^^^^^ refuted[index-upper-bound] i == 4294967295
}

// The end of the list is no channel: its address is only compared.
int find(struct connection *conn, uint16_t id, uint16_t length)
{
    struct channel *c;
    for (c = channel_of(conn->channels.next); &c->list != &conn->channels; c = channel_of(c->list.next)) {
    //                                                                         ^^^^^^^^^^^^^^^^^^^^^^^^ proved-to-bound[initialized]
    //                                                                         ^^^^^^^^^^^^^^^^^^^^^^^^ proved-to-bound[valid-read]
    //                                                                                    ^^^^^^^ proved-to-bound[lifetime]
    //                                                                                    ^^^^^^^ proved-to-bound[not-null]
        if (c->id == id) {
        //  ^^^^^ proved-to-bound[initialized]
        //  ^^^^^ proved-to-bound[lifetime]
        //  ^^^^^ proved-to-bound[not-null]
        //  ^^^^^ proved-to-bound[valid-read]
            uint8_t narrow = length;
            c->answers++;
//          ^^^^^^^^^^ proved-to-bound[initialized]
//          ^^^^^^^^^^ proved-to-bound[lifetime]
//          ^^^^^^^^^^ proved-to-bound[lifetime]
//          ^^^^^^^^^^ proved-to-bound[not-null]
//          ^^^^^^^^^^ proved-to-bound[not-null]
//          ^^^^^^^^^^ proved-to-bound[valid-read]
//          ^^^^^^^^^^ proved-to-bound[valid-write]
            return narrow;
        }
    }
    return 0;
}

struct header {
    uint32_t size;
    uint32_t kind;
};

// A header lies before the payload.
int payload_byte(unsigned char *payload, unsigned i)
{
    struct header *h = (struct header *)payload - 1;
    if (i >= h->size)
        return -1;
    return payload[i];
    //     ^^^^^^^^^^ refuted[valid-read] i == 1
}

// Nothing says what lies before: that there is nothing is one of the inputs, not all of them.
int element_before(int *p, unsigned i)
{
    int table[4] = {0};
    int before = p[-1];
    //           ^^^^^ refuted[valid-read] i == 0
    return before == 0 ? table[i] : 0;
    //                   ^^^^^^^^ refuted[index-upper-bound] before == 0 && i == 4294967295
}

// A pointer into the record itself may be null, and is moved back all the same.
int maybe(struct list_head *entry)
{
    struct channel *c = channel_of(entry);
    if (!entry)
        return 0;
    return c->state;
}

// One of the links lies in one record here and in another one there.
struct other {
    struct list_head links;
    struct list_head list;
    int value;
};
int either(struct list_head *entry, int which, int i)
{
    int table[2] = {0};
    if (which) {
        struct channel *c = channel_of(entry);
        i = c->state;
        //  ^^^^^^^^ refuted[valid-read] i == 0 && which == 1
    } else {
        struct other *o = (struct other *)((char *)entry - offsetof(struct other, list));
        i = o->value;
        //  ^^^^^^^^ refuted[valid-read] i == 0 && which == 0
    }
    return table[i & 1];
}
// summary: either: 4 proved, 2 refuted
// summary: element_before: 2 proved, 2 refuted
// summary: find: 2 proved, 15 proved-to-bound
// summary: first_entry: 11 proved, 1 refuted
// summary: maybe: 2 proved
// summary: payload_byte: 3 proved, 1 refuted

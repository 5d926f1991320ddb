// A call out of view may store any bytes through its arguments: in what the function made, and in buffers. A record of the
// caller is not filled by any call that is given it.
// test: verify
int read_reply(void *to, int size);
int reset(struct device *d);

static int table[8];

struct reply {
    unsigned offset;
    unsigned length;
    unsigned char data[8];
    int end;
};

struct device {
    int count;
    unsigned char reply[8];
    int last;
};

int local_record(void)
{
    struct reply r;
    if (read_reply(&r, sizeof(r)))
        return -1;
    return table[r.length];
    //     ^^^^^^^^^^^^^^^ refuted[index-upper-bound]
}

int checked(void)
{
    struct reply r;
    if (read_reply(&r, sizeof(r)) || r.length >= 8)
        return -1;
    return table[r.length];
}

int buffer_of_the_caller(unsigned char *to)
{
    if (read_reply(to + 1, 2))
        return -1;
    return table[to[2]];
    //     ^^^^^^^^^^^^ refuted[index-upper-bound]
    //           ^^^^^ refuted[valid-read]
}

int array_of_a_record(struct device *d)
{
    read_reply(d->reply, 8);
    return table[d->reply[3]];
    //     ^^^^^^^^^^^^^^^^^^ refuted[index-upper-bound]
}

// Only the first call's second byte matters.
int twice(void)
{
    unsigned char first[2], second[2];
    if (read_reply(first, 2) < 0 || read_reply(second, 2) < 0)
        return -1;
    if (second[1] >= 8)
        return -1;
    return table[first[1]] + table[second[1]];
    //     ^^^^^^^^^^^^^^^ refuted[index-upper-bound]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[signed-overflow]
}

int record_of_the_caller(struct device *d)
{
    if (d->count < 0 || d->count >= 8)
        return -1;
    reset(d);
    return table[d->count];
    //     ^^^^^^^^^^^^^^^ unknown[index-lower-bound]
    //     ^^^^^^^^^^^^^^^ unknown[index-upper-bound]
}
// summary: array_of_a_record: 3 proved, 1 refuted
// summary: buffer_of_the_caller: 1 proved, 2 refuted
// summary: checked: 3 proved
// summary: local_record: 1 proved, 1 refuted
// summary: record_of_the_caller: 6 proved, 2 unknown
// summary: twice: 7 proved, 2 refuted

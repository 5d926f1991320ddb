// A pointer to a function found in memory may be null: once "proved" without the caller's promise.
// test: verify
struct thing {
    int (*weigh)(int);
};

int weigh_unasked(struct thing *thing)
{
    return thing->weigh(1);
}

struct item {
    int (*weigh)(int);
    int value;
};

int weigh_late(struct item *item)
{
    int w = item->weigh(item->value);
    //      ^^^^^^^^^^^ refuted[not-null] item->value == 0
    if (!item->weigh)
        return 0;
    return w;
}
// summary: weigh_late: 6 proved, 1 refuted
// summary: weigh_unasked: 3 proved

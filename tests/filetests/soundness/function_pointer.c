// A pointer to a function found in memory may be null: once "proved" without the caller's promise.
// test: verify
struct item {
    int (*weigh)(int);
    int value;
};

int weigh_unasked(struct item *item)
{
    return item->weigh(item->value);
}

int weigh_late(struct item *item)
{
    int w = item->weigh(item->value);
    if (!item->weigh)
        return 0;
    return w;
}

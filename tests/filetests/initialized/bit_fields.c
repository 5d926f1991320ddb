// Members that share a storage unit: a write to one does not initialise its neighbours. Once "proved".
// test: verify
struct flags {
    unsigned a : 3;
    int b : 4;
};

int neighbour(void)
{
    struct flags f;
    f.a = 1;
    return f.b;
    //     ^^^ unknown[initialized]
}

int whole(void)
{
    struct flags f = {0};
    f.a = 1;
    return f.b;
}
// summary: neighbour: 1 unknown
// summary: whole: 1 proved

// Counters that live in memory: one only falls, and the other gains what it loses.
// test: verify
// options: unroll=9

static void step(int *left, int *done)
{
    --*left;
    ++*done;
//  ^^^^^^^ refuted[signed-overflow] count >= 4
}

int drain(int count)
{
    int left = count, done = 0;

    while (left > 0)
        step(&left, &done);
    return done;
}

int drain_from_high(int count)
{
    int left = count, done = 2147483644;

    while (left > 0)
        step(&left, &done);
    return done;
}

static void twice(int *x)
{
    *x = 2 * *x;
}

int double_up(int limit)
{
    int x = 1;

    while (x < limit && x < 1073741824)
        twice(&x);
    return x;
}
// summary: double_up: 3 proved
// summary: drain: 2 proved
// summary: drain_from_high: 2 proved
// summary: step: 15 proved, 1 refuted
// summary: twice: 8 proved

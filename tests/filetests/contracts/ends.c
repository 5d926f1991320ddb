// Parameters that are subtracted, ordered, or met by a pointer that is stepped lead to one object: each caller names both ends
// of one array, or the comparison is undefined.
// test: verify
int fill(char *p, char *end) {
    int filled = 0;
    while (p < end) {
        *p++ = 0;
        filled = 1;
    }
    return filled;
}

void fill_past(int *p, int *end) {
    while (p <= end)
        *p++ = 0;
    //  ^^^^ refuted[valid-write]
}

int second(const unsigned char *p, const unsigned char *end) {
    if (p == end)
        return -1;
    if (p + 1 == end)
        return p[0];
    return p[1];
}

int first(const unsigned char *p, const unsigned char *end) {
    long length = end - p;
    return p[0] + (length == 0);
    //     ^^^^ refuted[valid-read]
}

// A message from base to end, in which src points somewhere.
int jump(const unsigned char *base, const unsigned char *end, const unsigned char *src) {
    if (end - src < 2)
        return -1;
    int to = src[0] << 8 | src[1];
    if (to >= end - base)
        return -1;
    return base[to];
}

// The length says nothing of the pointers before the one that it follows.
long copy_to(const char *from, const char *end, char *to, unsigned room) {
    char *start = to;
    while (from < end && room > 0) {
        *to++ = *from++;
        room--;
    }
    return to - start;
}
// summary: copy_to: 4 proved
// summary: fill: 2 proved
// summary: fill_past: 1 proved, 1 refuted
// summary: first: 1 proved, 1 refuted
// summary: jump: 6 proved
// summary: second: 4 proved

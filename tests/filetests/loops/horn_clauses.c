// Relations between several counters that no template spells out: Spacer finds them over the integers, and they are shown
// again over bit-vectors.
// test: verify
int more(void);
char out[300];

// Singles, and pairs that count twice, are together what was written.
void weighted(void)
{
    unsigned singles = 0, pairs = 0, written = 0;
    while (written < 298) {
        if (more()) {
            singles++;
            written++;
        } else {
            pairs++;
            written += 2;
        }
        out[singles + 2 * pairs] = 1;
    }
}

// One more than there is room for.
void weighted_too_far(void)
{
    unsigned singles = 0, pairs = 0, written = 0;
    while (written < 4) {
        if (more()) {
            singles++;
            written++;
        } else {
            pairs++;
            written += 2;
        }
        out[296 + singles + 2 * pairs] = 1;
//      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[index-upper-bound]
    }
}

// What was written and what is left are together the size.
void fill(char *buf, unsigned long size)
{
    unsigned long off = 0, left = size;
    while (left > 1) {
        if (more()) {
            buf[off] = 'x';
            off += 1;
            left -= 1;
        } else {
            buf[off] = 'x';
            buf[off + 1] = 'y';
            off += 2;
            left -= 2;
        }
    }
}
// summary: weighted: 5 proved
// summary: weighted_too_far: 5 proved, 1 refuted
// summary: fill: 9 proved

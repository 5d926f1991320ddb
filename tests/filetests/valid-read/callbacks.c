// Functions of the library that call back.
// test: verify
// options: entry=main
typedef unsigned long size_t;
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
void *bsearch(const void *key, const void *base, size_t count, size_t size,
              int (*compare)(const void *, const void *));

static int smaller(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

static int reaches_beyond(const void *a, const void *b)
{
    return ((const int *)a)[1] < *(const int *)b;
    //     ^^^^^^^^^^^^^^^^^^^ refuted[valid-read]
}

int main(void)
{
    int numbers[4] = {4, 1, 3, 2};
    int key = 2;
    int *found;

    qsort(numbers, 4, sizeof(int), smaller);
    qsort(numbers, 4, sizeof(int), reaches_beyond);
    found = bsearch(&key, numbers, 4, sizeof(int), smaller);
    if (found)
        *found = 5;
    return numbers[0] > 0;
}
// summary: main: 36 proved
// summary: reaches_beyond: 7 proved, 1 refuted
// summary: smaller: 16 proved

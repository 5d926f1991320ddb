// Products and quotients of two unknowns: decided over the integers where bit-vectors cannot.
// test: verify
typedef unsigned long size_t;
void *malloc(size_t n);
void free(void *p);

void matrix(int rows, int cols)
{
    if (rows <= 0 || cols <= 0 || rows > 30000 || cols > 30000)
        return;
    int *a = malloc((size_t)rows * cols * sizeof(int));
    if (!a)
        return;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++)
            a[i * cols + j] = 0;
    free(a);
}

int element(unsigned i, unsigned j, unsigned rows, unsigned cols)
{
    if (rows > 4096 || cols > 4096 || i >= rows || j >= cols)
        return 0;
    unsigned char *a = malloc(rows * cols);
    if (!a)
        return 0;
    a[i * cols + j] = 1;
    free(a);
    return 0;
}

int column_too_far(unsigned i, unsigned j, unsigned rows, unsigned cols)
{
    if (rows > 4096 || cols > 4096 || i >= rows || j > cols)
        return 0;
    unsigned char *a = malloc(rows * cols);
    if (!a)
        return 0;
    a[i * cols + j] = 1;
//  ^^^^^^^^^^^^^^^ refuted[valid-write] j == cols
    free(a);
    return 0;
}

int guarded(int a, int b)
{
    if (a > 0 && b > 0 && a <= 2147483647 / b)
        return a * b;
    return 0;
}

int guarded_too_late(int a, int b)
{
    if (a > 0 && b > 0 && a - 1 <= 2147483647 / b)
        return a * b;
        //     ^^^^^ refuted[signed-overflow] a * b > 2147483647
    return 0;
}
// summary: column_too_far: 7 proved, 1 refuted
// summary: element: 8 proved
// summary: guarded: 2 proved
// summary: guarded_too_late: 2 proved, 1 refuted
// summary: matrix: 12 proved

// A value that was read and thrown away may be indeterminate; one that is used may not.
// test: verify
int thrown_away(int n)
{
    int data;
    int *where = &data;
    {
        int data = *where;
        data = n;
        *where = data;
    }
    return *where;
}

int used(int n)
{
    int data;
    int *where = &data;
    int copy = *where;
    //         ^^^^^^ refuted[initialized]
    return copy + 0 * n;
}

// One branch only overwrites it.
int sometimes_used(int n)
{
    int data;
    int *where = &data;
    int copy = *where;
    //         ^^^^^^ refuted[initialized]
    if (n)
        copy = 1;
    return copy;
}
// summary: sometimes_used: 3 proved, 1 refuted
// summary: thrown_away: 10 proved
// summary: used: 3 proved, 1 refuted

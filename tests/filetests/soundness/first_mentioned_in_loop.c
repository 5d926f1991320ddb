// A variable that code first mentions inside a loop is older than the loop: its iterations change it. Once every one saw
// its initial contents, and the index was "unreachable".
// test: verify
// options: entry=main
short seen = -5;
int table[2];

static int second_time(short *flag)
{
    if (*flag >= 0)
        return table[3];
        //     ^^^^^^^^ refuted[index-upper-bound] k == 1
    *flag = 1;
    return 0;
}

int main(void)
{
    for (int k = 0; k < 4; k++)
        second_time(&seen);
    return 0;
}
// summary: main: 1 proved
// summary: second_time: 4 proved, 1 refuted

// Functions that read lines, numbers and elements.
// test: verify
typedef unsigned long size_t;
typedef struct stream FILE;
extern FILE *stdin;
char *fgets(char *buf, int n, FILE *stream);
long getline(char **line, size_t *room, FILE *stream);
size_t strlen(const char *s);
char *strtok(char *s, const char *delimiters);
char *realpath(const char *path, char *resolved);
void free(void *p);
int accept(int fd, void *address, unsigned int *length);
long recv(int fd, void *buf, size_t n, int flags);
unsigned short htons(unsigned short host);
int atoi(const char *s);

int table[8];

int number_of_a_line(void)
{
    char line[14] = "";

    if (fgets(line, 14, stdin) == 0)
        return -1;
    return table[atoi(line)];
    //     ^^^^^^^^^^^^^^^^^ refuted[index-lower-bound]
    //     ^^^^^^^^^^^^^^^^^ refuted[index-upper-bound]
}

int line_without_newline(void)
{
    char line[14];

    if (fgets(line, 14, stdin) == 0)
        return -1;
    if (strlen(line) > 0)
        line[strlen(line) - 1] = '\0';
    return line[0];
}

int line_too_long(void)
{
    char line[14];

    fgets(line, 15, stdin);
//  ^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
    return 0;
}

int received(int fd)
{
    char text[100];
    long n = recv(fd, text, sizeof(text) - 1, 0);

    if (n == -1 || n == 0)
        return -1;
    text[n] = '\0';
    return (int)strlen(text);
}

int received_wrong(int fd)
{
    char text[100];
    long n = recv(fd, text, sizeof(text), 0);

    if (n == -1)
        return -1;
    text[n] = '\0';
//  ^^^^^^^ refuted[index-upper-bound] n == 100
    return 0;
}

int any_line(void)
{
    char *line = 0;
    size_t room = 0;
    long n = getline(&line, &room, stdin);

    if (n > 0)
        line[n] = 'x';
    free(line);
    return 0;
}

int first_word(char *text)
{
    char *word = strtok(text, " ");
    //           ^^^^^^^^^^^^^^^^^ unreachable[not-null]
    //           ^^^^^^^^^^^^^^^^^ unreachable[valid-read]

    return word ? word[0] : 0;
}

int path_into(const char *name)
{
    char whole[4095];

    return realpath(name, whole) != 0;
    //     ^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
}

int network_order(void)
{
    int cells[4] = {0};

    return cells[htons(0x0300)] + cells[htons(0x0400)];
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[signed-overflow]
    //                            ^^^^^^^^^^^^^^^^^^^^ refuted[index-upper-bound]
    //                            ^^^^^^^^^^^^^^^^^^^^ unreachable[initialized]
}

int peer(int fd)
{
    char address[16];
    unsigned int length = 17;

    return accept(fd, address, &length);
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[valid-write]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[initialized]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[lifetime]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[lifetime]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[not-null]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[not-null]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[valid-read]
    //     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ unreachable[valid-write]
}
// summary: any_line: 32 proved
// summary: first_word: 14 proved, 2 unreachable
// summary: line_too_long: 2 proved, 1 refuted
// summary: line_without_newline: 13 proved
// summary: network_order: 2 proved, 1 refuted, 2 unreachable
// summary: number_of_a_line: 6 proved, 2 refuted
// summary: path_into: 4 proved, 1 refuted
// summary: peer: 12 proved, 1 refuted, 7 unreachable
// summary: received: 8 proved
// summary: received_wrong: 4 proved, 1 refuted

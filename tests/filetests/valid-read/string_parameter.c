// A `const char *` that is read as a string somewhere is one from the start.
// test: verify
#include <string.h>

int first_then_copy(char *dst, const char *name)
{
    char buf[64];

    if (name[0] == '\0')
        return -1;
    if (strlen(name) >= sizeof(buf))
        return -1;
    strcpy(buf, name);
    *dst = buf[0];
    return 0;
}

// Never read as a string: then it is bytes, and one past the first may not be there.
int second_byte(const char *name)
{
    return name[1];
    //     ^^^^^^^ refuted[valid-read]
}
// summary: first_then_copy: 15 proved
// summary: second_byte: 1 proved, 1 refuted

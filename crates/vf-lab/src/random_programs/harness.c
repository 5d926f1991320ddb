/*
 * Runs a generated program on many inputs, one after the other.
 *
 * Usage: harness FIRST COUNT. The file `inputs` holds one input a line: a letter for each decision of the outside and
 * its value, `V` a value, `F` whether an allocation fails. Decisions are taken as the IR interpreter takes them: the
 * next one if it is of the kind asked for, and otherwise zero, without taking it.
 *
 * For each input that ends by itself, a line `number result` goes to standard output. A report of a sanitizer ends
 * the process; whoever started it goes on with the next input.
 */
#include <stdio.h>

struct decision {
	char kind;
	unsigned long long value;
};

/* Not in the program's data, which is reset between inputs. */
static struct decision decisions[1024];
static int taken, known;

static unsigned long long take(char kind)
{
	if (taken < known && decisions[taken].kind == kind)
		return decisions[taken++].value;
	return 0;
}

#define NONDET(name, type) \
	type __VERIFIER_nondet_##name(void) { return (type)take('V'); }
NONDET(char, char)
NONDET(uchar, unsigned char)
NONDET(short, short)
NONDET(ushort, unsigned short)
NONDET(int, int)
NONDET(uint, unsigned)
NONDET(long, long)
NONDET(ulong, unsigned long)

#define main vf_lab_main
#include "program.c"
#undef main

/* The linker routes the program's calls here (ld(1), --wrap). */
void *__real_malloc(unsigned long size);
void *__real_calloc(unsigned long n, unsigned long size);
void *__real_realloc(void *p, unsigned long size);

void *__wrap_malloc(unsigned long size)
{
	return take('F') ? NULL : __real_malloc(size);
}

void *__wrap_calloc(unsigned long n, unsigned long size)
{
	return take('F') ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, unsigned long size)
{
	return take('F') ? NULL : __real_realloc(p, size);
}

/* One line for each global that can change: its value at the start is kept, and put back. */
#define RESET(object) \
	do { \
		static char saved[sizeof(object)]; \
		if (save) \
			__builtin_memcpy(saved, (char *)&object, sizeof(object)); \
		else \
			__builtin_memcpy((char *)&object, saved, sizeof(object)); \
	} while (0);

static void reset(int save)
{
	(void)save;
#include "globals.h"
}

static int read_input(FILE *file)
{
	char kind;
	int c;

	taken = known = 0;
	for (;;) {
		do
			c = getc(file);
		while (c == ' ');
		if (c == EOF)
			return 0;
		if (c == '\n')
			return 1;
		kind = (char)c;
		if (known == 1024 || fscanf(file, "%llu", &decisions[known].value) != 1)
			return 0;
		decisions[known++].kind = kind;
	}
}

static int number_of(const char *text)
{
	int n = 0;

	while (*text)
		n = n * 10 + (*text++ - '0');
	return n;
}

int main(int argc, char **argv)
{
	FILE *file = fopen("inputs", "r");
	int first, count;

	if (argc < 3 || !file)
		return 96;
	first = number_of(argv[1]);
	count = number_of(argv[2]);
	reset(1);
	for (int number = 0; number < first + count && read_input(file); number++) {
		if (number < first)
			continue;
		reset(0);
		printf("%d %d\n", number, vf_lab_main());
		fflush(stdout);
	}
	return 0;
}

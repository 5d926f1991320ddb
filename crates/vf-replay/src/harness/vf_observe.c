/*
 * What the caller of the function under test sees of a run: its result, what was written, what was freed, what
 * was called outside, and the blocks that nothing leads to any more. Pointers are told by what they lead to, because
 * addresses differ from run to run.
 *
 * Each line of output begins with "saw ".
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
int __asan_address_is_poisoned(void const volatile *address);
const char *__asan_locate_address(void *address, char *name, size_t name_size, void **start, size_t *size);

/* Bytes of a block that are printed, of a string that is a constant or an argument, and blocks that are followed. */
enum { MOST = 1 << 16, STRING = 4096, BLOCKS = 4096 };

struct watched {
	const char *name; /* of a global; null for an object of the input */
	unsigned long number;
	char *at;
	char *before;
	unsigned long size;
};

static struct watched watched[BLOCKS];
static size_t watched_count;
/* Blocks that the run made, in the order in which they were found. */
static char *made[BLOCKS];
static size_t made_size[BLOCKS];
static size_t made_count;
/* All that were allocated. */
static char *allocated[BLOCKS];
static size_t allocated_count;
/* Between the set-up and the report. */
static int running;

void vf_allocated(void *block)
{
	if (!running || !block || allocated_count == BLOCKS)
		return;
	for (size_t i = 0; i < allocated_count; i++)
		if (allocated[i] == block)
			return;
	allocated[allocated_count++] = block;
}

void vf_watch(const char *name, unsigned long number, void *at, unsigned long size)
{
	if (watched_count < BLOCKS)
		watched[watched_count++] = (struct watched){ name, number, at, NULL, size < MOST ? size : MOST };
}

static int is_alive(const struct watched *w)
{
	return w->size == 0 || !__asan_address_is_poisoned(w->at);
}

/*
 * What variables of the function under test hold before anything is written to them: another byte in each run.
 * The caller calls it from where it calls that function, with nothing between them that uses the stack.
 */
__attribute__((no_sanitize("address", "undefined")))
void vf_dirty(void)
{
	const char *filler = getenv("VF_FILLER");
	volatile char stack[1 << 16];

	char byte = (char)(filler ? atoi(filler) : 0);

	for (size_t i = 0; i < sizeof stack; i++)
		stack[i] = byte;
}

/* Everything is set up. */
void vf_watched(void)
{
	for (size_t i = 0; i < watched_count; i++) {
		struct watched *w = &watched[i];

		w->before = __real_malloc(w->size ? w->size : 1);
		if (!w->before)
			exit(96);
		memcpy(w->before, w->at, w->size);
	}
	running = 1;
}

static void hex(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", (unsigned char)bytes[i]);
}

static void pointer(const char *p)
{
	char name[128] = "";
	void *start = NULL;
	size_t size = 0;
	const char *kind;
	uintptr_t address = (uintptr_t)p;

	if (!p) {
		printf("null");
		return;
	}
	/* Small numbers and error codes. */
	if (address < 0x10000 || address >= UINTPTR_MAX - 0xffff) {
		printf("address %llx", (unsigned long long)address);
		return;
	}
	for (size_t i = 0; i < watched_count; i++) {
		const struct watched *w = &watched[i];

		if (p < w->at || p > w->at + w->size)
			continue;
		if (!is_alive(w))
			printf("ended");
		else if (w->name)
			printf("global %s %llx", w->name, (unsigned long long)(p - w->at));
		else
			printf("input %lu %llx", w->number, (unsigned long long)(p - w->at));
		return;
	}
	kind = __asan_locate_address((void *)p, name, sizeof name, &start, &size);
	if (!start || p < (char *)start || p > (char *)start + size)
		kind = "";
	if (strcmp(kind, "heap") == 0) {
		size_t i = 0;

		if (__asan_address_is_poisoned(start)) {
			printf("ended");
			return;
		}
		while (i < made_count && made[i] != start)
			i++;
		if (i == BLOCKS) {
			printf("ended");
			return;
		}
		if (i == made_count) {
			made[made_count] = start;
			made_size[made_count++] = size;
		}
		printf("made %zu %llx", i, (unsigned long long)(p - (char *)start));
	} else if (strcmp(kind, "global") == 0) {
		/* The compilers' names of string literals are not names in C. */
		int literal = name[0] == '*' || name[0] == '.' || name[0] == '<' || name[0] == 0;

		if (literal) {
			printf("literal %llx ", (unsigned long long)(p - (char *)start));
			hex(start, size < STRING ? size : STRING);
		} else {
			printf("global %s %llx", name, (unsigned long long)(p - (char *)start));
		}
	} else {
		printf("ended");
	}
}

/* Whether a word is the address of something, and no number. */
static int leads_somewhere(const char *p)
{
	char name[8];
	void *start = NULL;
	size_t size = 0;
	uintptr_t address = (uintptr_t)p;
	const char *kind;

	if (address < 0x10000 || address >> 47)
		return 0;
	kind = __asan_locate_address((void *)p, name, sizeof name, &start, &size);
	return start && p >= (char *)start && p <= (char *)start + size &&
	       (strcmp(kind, "heap") == 0 || strcmp(kind, "global") == 0 || strcmp(kind, "stack") == 0);
}

/* Contents as runs of bytes and pointers between them; without what is as it was. */
static void contents(const char *kind, const char *name, const char *at, const char *before, size_t size)
{
	size_t i = 0;

	while (i < size) {
		size_t end = i;
		const char *word;

		if (size - i >= sizeof word && (uintptr_t)(at + i) % sizeof word == 0) {
			memcpy(&word, at + i, sizeof word);
			if (leads_somewhere(word)) {
				if (!before || memcmp(at + i, before + i, sizeof word)) {
					printf("saw pointer %s %s %zx ", kind, name, i);
					pointer(word);
					putchar('\n');
				}
				i += sizeof word;
				continue;
			}
		}
		/* To the next place where a pointer may lie, or to what is as it was. */
		while (end < size && (!before || at[end] != before[end])) {
			end++;
			if ((uintptr_t)(at + end) % sizeof word == 0)
				break;
		}
		if (end > i) {
			printf("saw bytes %s %s %zx ", kind, name, i);
			hex(at + i, end - i);
			putchar('\n');
			i = end;
		} else {
			i++;
		}
	}
}

void vf_saw_number(unsigned bits, unsigned long long high, unsigned long long low)
{
	printf("saw number %u %llx %llx\n", bits, high, low);
}

void vf_saw_pointer(const void *p)
{
	printf("saw result ");
	pointer(p);
	putchar('\n');
}

/* A call of what nothing defines. Kinds: 'p' for a pointer, otherwise the bytes of an integer as a digit. */
void vf_saw_call(const char *name, const char *kinds, void **arguments)
{
	if (!running)
		return;
	printf("saw call %s\n", name);
	for (size_t i = 0; kinds[i]; i++) {
		unsigned long long value = (uintptr_t)arguments[i];

		if (kinds[i] != 'p') {
			unsigned bits = 8 * (kinds[i] - '0');

			if (bits < 64)
				value &= (1ull << bits) - 1;
			printf("saw argument number %u %llx\n", bits, value);
		} else {
			char where[8];
			void *start = NULL;
			size_t size = 0, room = 0, length;

			if (leads_somewhere(arguments[i])) {
				__asan_locate_address(arguments[i], where, sizeof where, &start, &size);
				room = size - (size_t)((char *)arguments[i] - (char *)start);
			}
			length = room && !__asan_address_is_poisoned(arguments[i]) ? strnlen(arguments[i], room) : room;
			if (length < room && length <= STRING) {
				printf("saw argument text ");
				hex(arguments[i], length);
				putchar('\n');
			} else {
				printf("saw argument ");
				pointer(arguments[i]);
				putchar('\n');
			}
		}
	}
}

void vf_report(void)
{
	char number[24];
	size_t leaked = 0;

	running = 0;
	for (size_t i = 0; i < watched_count; i++) {
		const struct watched *w = &watched[i];

		snprintf(number, sizeof number, "%lu", w->number);
		if (!is_alive(w))
			printf("saw freed %s\n", number);
		else
			contents(w->name ? "global" : "input", w->name ? w->name : number, w->at, w->before, w->size);
	}
	for (size_t i = 0; i < made_count; i++) {
		size_t size = made_size[i] < MOST ? made_size[i] : MOST;

		snprintf(number, sizeof number, "%zu", i);
		if (size && __asan_address_is_poisoned(made[i])) {
			printf("saw ended %s %zx\n", number, made_size[i]);
			continue;
		}
		printf("saw block %s %zx\n", number, made_size[i]);
		contents("made", number, made[i], NULL, size);
	}
	for (size_t i = 0; i < allocated_count; i++) {
		size_t k = 0;

		while (k < made_count && made[k] != allocated[i])
			k++;
		leaked += k == made_count && !__asan_address_is_poisoned(allocated[i]);
	}
	printf("saw leaked %zu\nsaw end\n", leaked);
	fflush(stdout);
}

/* Control does not come back from a call. */
void vf_does_not_return(void)
{
	puts("saw stop");
	vf_report();
	puts("vf-replay: returned");
	fflush(stdout);
	exit(0);
}

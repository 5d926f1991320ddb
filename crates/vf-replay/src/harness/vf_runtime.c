/*
 * Run-time of the replay harness: objects of exact size, the choices of the outside in order, and what the
 * models of library functions rest on, over the C library, so that AddressSanitizer watches them.
 *
 * Everything a program may define itself is weak: its own definition wins.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEAK __attribute__((weak))

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
void __asan_poison_memory_region(void const volatile *address, size_t size);
int __asan_address_is_poisoned(void const volatile *address);
const char *__asan_locate_address(void *address, char *name, size_t name_size, void **start, size_t *size);
#else
#define __asan_poison_memory_region(address, size) ((void)(address))
#endif

/* The linker routes the program's calls to `__wrap_` names (ld(1), --wrap), and this file's too. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);

/* Told of each block that the program is given, where that is wanted. */
WEAK void vf_allocated(void *block)
{
	(void)block;
}

static void *given(void *block)
{
	vf_allocated(block);
	return block;
}

/* Unless a model of the same name decides. */
WEAK void *__wrap_malloc(size_t size)
{
	return given(__real_malloc(size));
}

WEAK void *__wrap_calloc(size_t n, size_t size)
{
	return given(__real_calloc(n, size));
}

WEAK void *__wrap_realloc(void *p, size_t size)
{
	return given(__real_realloc(p, size));
}

enum kind { VALUE, BYTES, FAILURE };

struct choice {
	const char *function;
	enum kind kind;
	int taken;
	unsigned __int128 value;
	const char *bytes;
	size_t size;
};

static struct choice *choices;
static size_t count;

static void push(struct choice c)
{
	choices = __real_realloc(choices, (count + 1) * sizeof *choices);
	if (!choices) {
		fputs("vf-replay: out of memory in the harness\n", stderr);
		exit(96);
	}
	choices[count++] = c;
}

/* The model's own name: routed calls arrive under the linker's. */
static const char *own_name(const char *function)
{
	return strncmp(function, "__wrap_", 7) == 0 ? function + 7 : function;
}

/* The next decision of this kind that the named function made; null when there is none. */
static struct choice *take(const char *function, enum kind kind)
{
	const char *name = own_name(function);

	for (size_t i = 0; i < count; i++) {
		struct choice *c = &choices[i];
		if (!c->taken && c->kind == kind && strcmp(c->function, name) == 0) {
			c->taken = 1;
			return c;
		}
	}
	return NULL;
}

void vf_push_value(const char *function, unsigned long long high, unsigned long long low)
{
	push((struct choice){ .function = function, .kind = VALUE, .value = (unsigned __int128)high << 64 | low });
}

/* What the call whose result was pushed last stores. */
struct store {
	size_t choice;
	unsigned long argument;
	long at;
	const char *bytes;
	unsigned long size;
};

static struct store *stores;
static size_t store_count;

void vf_push_store(unsigned long argument, long at, const char *bytes, unsigned long size)
{
	stores = __real_realloc(stores, (store_count + 1) * sizeof *stores);
	if (!stores) {
		fputs("vf-replay: out of memory in the harness\n", stderr);
		exit(96);
	}
	stores[store_count++] = (struct store){ count - 1, argument, at, bytes, size };
}

/* Stores what the next decision of the named function says, before it is taken. */
void vf_store_through(const char *function, void **arguments, unsigned long number)
{
	const char *name = own_name(function);
	size_t next = 0;

	while (next < count && (choices[next].taken || choices[next].kind != VALUE || strcmp(choices[next].function, name) != 0))
		next++;
	for (size_t i = 0; i < store_count; i++) {
		const struct store *s = &stores[i];
		if (s->choice == next && s->argument < number && arguments[s->argument])
			memcpy((char *)arguments[s->argument] + s->at, s->bytes, s->size);
	}
}

void vf_push_pointer(const char *function, void *pointer)
{
	vf_push_value(function, 0, (uintptr_t)pointer);
}

void vf_push_bytes(const char *function, const char *bytes, unsigned long size)
{
	push((struct choice){ .function = function, .kind = BYTES, .bytes = bytes, .size = size });
}

void vf_push_failure(const char *function, int fails)
{
	push((struct choice){ .function = function, .kind = FAILURE, .value = fails });
}

unsigned __int128 vf_take_value(const char *function)
{
	struct choice *c = take(function, VALUE);
	return c ? c->value : 0;
}

/* Writes what the counterexample says was written, zero where it says nothing. */
void vf_take_bytes(const char *function, void *to, unsigned long size)
{
	struct choice *c = take(function, BYTES);
	size_t known = c ? (c->size < size ? c->size : size) : 0;

	memset(to, 0, size);
	if (known)
		memcpy(to, c->bytes, known);
}

int vf_fails(const char *function)
{
	struct choice *c = take(function, FAILURE);
	return c && c->value;
}

/* A zeroed object of exactly that size: the byte behind it is poisoned, also for size 0. */
char *vf_object(unsigned long size)
{
	char *object = __real_calloc(size ? size : 1, 1);

	if (!object) {
		printf("vf-replay: no memory for an input object of %lu bytes\n", size);
		fflush(stdout);
		exit(96);
	}
	if (size == 0)
		__asan_poison_memory_region(object, 1);
	return object;
}

void vf_bytes(char *object, unsigned long offset, const char *bytes, unsigned long size)
{
	memcpy(object + offset, bytes, size);
}

void vf_pointer(char *object, unsigned long offset, void *pointer)
{
	memcpy(object + offset, &pointer, sizeof pointer);
}

void vf_returned(void)
{
	puts("vf-replay: returned");
	fflush(stdout);
}

void vf_unexpected(const char *name)
{
	printf("vf-replay: the program called %s, which nothing defines\n", name);
	fflush(stdout);
	exit(97);
}

/* ---- verification builtins (SV-COMP, CBMC) ---- */

static void excluded(void)
{
	puts("vf-replay: an assumption of the program excludes this input");
	fflush(stdout);
	exit(98);
}

static void violated(const char *what)
{
	fprintf(stderr, "vf-replay: assertion violated: %s\n", what);
	fflush(stderr);
	abort();
}

WEAK void __VERIFIER_assume(int condition)
{
	if (!condition)
		excluded();
}

WEAK void __CPROVER_assume(_Bool condition)
{
	if (!condition)
		excluded();
}

WEAK void __VERIFIER_assert(int condition)
{
	if (!condition)
		violated("__VERIFIER_assert");
}

WEAK void __CPROVER_assert(_Bool condition, const char *what)
{
	if (!condition)
		violated(what ? what : "__CPROVER_assert");
}

WEAK void reach_error(void)
{
	violated("reach_error");
}

WEAK void __VERIFIER_error(void)
{
	violated("__VERIFIER_error");
}

/* The verifier may record an input of the program itself under no name. */
static unsigned __int128 input(const char *function)
{
	struct choice *c = take(function, VALUE);

	if (!c)
		c = take("", VALUE);
	return c ? c->value : 0;
}

#define NONDET(name, type) \
	WEAK type __VERIFIER_nondet_##name(void) { return (type)input("__VERIFIER_nondet_" #name); }
NONDET(bool, _Bool)
NONDET(_Bool, _Bool)
NONDET(char, char)
NONDET(schar, signed char)
NONDET(uchar, unsigned char)
NONDET(unsigned_char, unsigned char)
NONDET(short, short)
NONDET(ushort, unsigned short)
NONDET(unsigned_short, unsigned short)
NONDET(int, int)
NONDET(uint, unsigned)
NONDET(unsigned, unsigned)
NONDET(unsigned_int, unsigned)
NONDET(u8, uint8_t)
NONDET(u16, uint16_t)
NONDET(u32, uint32_t)
NONDET(U32, uint32_t)
NONDET(u64, uint64_t)
NONDET(U64, uint64_t)
NONDET(uint8_t, uint8_t)
NONDET(uint16_t, uint16_t)
NONDET(uint32_t, uint32_t)
NONDET(uint64_t, uint64_t)
NONDET(int8_t, int8_t)
NONDET(int16_t, int16_t)
NONDET(int32_t, int32_t)
NONDET(int64_t, int64_t)
NONDET(long, long)
NONDET(ulong, unsigned long)
NONDET(unsigned_long, unsigned long)
NONDET(longlong, long long)
NONDET(ulonglong, unsigned long long)
NONDET(size_t, size_t)
NONDET(loff_t, long long)

/* Values of floats are not the verifier's to choose. */
WEAK float __VERIFIER_nondet_float(void)
{
	return 0;
}

WEAK double __VERIFIER_nondet_double(void)
{
	return 0;
}

WEAK void *__VERIFIER_nondet_pointer(void)
{
	return (void *)(uintptr_t)input("__VERIFIER_nondet_pointer");
}

/* ---- what the models of library functions ask for (docs/ir-intrinsics.md) ---- */

void vf_assume(_Bool condition)
{
	if (!condition)
		excluded();
}

void vf_require(const char *function, _Bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "vf-replay: precondition violated: %s: %s\n", own_name(function), what);
	fflush(stderr);
	abort();
}

/* Touches what must be accessible, so that AddressSanitizer reports what is not. */
void vf_require_read(const void *p, unsigned long n)
{
	const volatile char *bytes = p;

	for (unsigned long i = 0; i < n; i++)
		(void)bytes[i];
}

void vf_require_write(void *p, unsigned long n)
{
	char *bytes = p;

#ifdef HAS_ASAN
	for (unsigned long i = 0; p && i < n; i++) {
		/* Written only where that fails: what the model means to write it writes itself. */
		if (__asan_address_is_poisoned(bytes + i))
			*(volatile char *)(bytes + i) = 0;
	}
#endif
	/* Memory that is not mapped is not poisoned either. */
	if (n) {
		__atomic_fetch_or(bytes, 0, __ATOMIC_RELAXED);
		__atomic_fetch_or(bytes + n - 1, 0, __ATOMIC_RELAXED);
	}
}

void vf_require_string(const char *p)
{
	const volatile char *c = p;

	while (*c)
		c++;
}

/* Bytes from p to the end of its object. */
unsigned long vf_object_size(const void *p)
{
#ifdef HAS_ASAN
	char name[64];
	void *start = NULL;
	size_t size = 0;

	__asan_locate_address((void *)p, name, sizeof name, &start, &size);
	if (start && (char *)p >= (char *)start && (size_t)((char *)p - (char *)start) <= size)
		return size - (size_t)((char *)p - (char *)start);
#else
	(void)p;
#endif
	return PTRDIFF_MAX;
}

/* Without a NUL in the object, the distance to its end. */
unsigned long vf_strlen(const char *p)
{
	return strnlen(p, vf_object_size(p));
}

void *vf_allocate(const char *function, unsigned long n, int zeroed, int may_fail)
{
	if (may_fail && vf_fails(function))
		return NULL;
	return given(zeroed ? __real_calloc(1, n) : __real_malloc(n));
}

void vf_release(void *p)
{
	free(p);
}

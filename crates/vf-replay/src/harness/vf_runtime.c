/*
 * Run-time of the replay harness: objects of exact size, the choices of the outside in order, and small
 * implementations of kernel functions over the C library, so that AddressSanitizer watches them.
 *
 * Everything a program may define itself is weak: its own definition wins.
 */
#include <stdarg.h>
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
#else
#define __asan_poison_memory_region(address, size) ((void)(address))
#endif

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
	choices = realloc(choices, (count + 1) * sizeof *choices);
	if (!choices) {
		fputs("vf-replay: out of memory in the harness\n", stderr);
		exit(96);
	}
	choices[count++] = c;
}

/* The next decision of this kind that the named function made; null when there is none. */
static struct choice *take(const char *function, enum kind kind)
{
	for (size_t i = 0; i < count; i++) {
		struct choice *c = &choices[i];
		if (!c->taken && c->kind == kind && strcmp(c->function, function) == 0) {
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
	char *object = calloc(size ? size : 1, 1);

	if (!object) {
		printf("vf-replay: no memory for an object of %lu bytes\n", size);
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

#define NONDET(name, type) \
	WEAK type __VERIFIER_nondet_##name(void) { return (type)vf_take_value("__VERIFIER_nondet_" #name); }
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
NONDET(float, float)
NONDET(double, double)

WEAK void *__VERIFIER_nondet_pointer(void)
{
	return (void *)(uintptr_t)vf_take_value("__VERIFIER_nondet_pointer");
}

/* ---- allocation ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return vf_fails("malloc") ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return vf_fails("calloc") ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return vf_fails("realloc") ? NULL : __real_realloc(p, size);
}

static void *allocate(const char *function, size_t n, size_t size, int zeroed)
{
	size_t total;

	if (vf_fails(function) || __builtin_mul_overflow(n, size, &total))
		return NULL;
	return zeroed ? __real_calloc(1, total) : __real_malloc(total);
}

#define ALLOCATE(name, zeroed) \
	WEAK void *name(size_t size, unsigned flags) { (void)flags; return allocate(#name, 1, size, zeroed); }
#define ALLOCATE_ARRAY(name, zeroed) \
	WEAK void *name(size_t n, size_t size, unsigned flags) { (void)flags; return allocate(#name, n, size, zeroed); }
#define RELEASE(name) WEAK void name(const void *p) { free((void *)p); }
ALLOCATE(kmalloc, 0)
ALLOCATE(__kmalloc, 0)
ALLOCATE(kzalloc, 1)
ALLOCATE(kvmalloc, 0)
ALLOCATE(kvzalloc, 1)
ALLOCATE(vmalloc, 0)
ALLOCATE(vzalloc, 1)
ALLOCATE(kmalloc_node, 0)
ALLOCATE(kzalloc_node, 1)
ALLOCATE(kmalloc_noprof, 0)
ALLOCATE(__kmalloc_noprof, 0)
ALLOCATE_ARRAY(kmalloc_array, 0)
ALLOCATE_ARRAY(kcalloc, 1)
ALLOCATE_ARRAY(kvmalloc_array, 0)
ALLOCATE_ARRAY(kvcalloc, 1)
RELEASE(kfree)
RELEASE(kvfree)
RELEASE(vfree)
RELEASE(kfree_sensitive)
RELEASE(kzfree)

WEAK void *krealloc(const void *p, size_t size, unsigned flags)
{
	(void)flags;
	return vf_fails("krealloc") ? NULL : __real_realloc((void *)p, size);
}

static void *duplicate(const char *function, const void *from, size_t size, int terminate)
{
	char *copy = allocate(function, 1, size + terminate, 0);

	if (copy) {
		memcpy(copy, from, size);
		if (terminate)
			copy[size] = 0;
	}
	return copy;
}

WEAK void *kmemdup(const void *from, size_t size, unsigned flags)
{
	(void)flags;
	return duplicate("kmemdup", from, size, 0);
}

WEAK char *kmemdup_nul(const char *from, size_t size, unsigned flags)
{
	(void)flags;
	return from ? duplicate("kmemdup_nul", from, size, 1) : NULL;
}

WEAK char *kstrdup(const char *from, unsigned flags)
{
	(void)flags;
	return from ? duplicate("kstrdup", from, strlen(from), 1) : NULL;
}

WEAK char *kstrndup(const char *from, size_t max, unsigned flags)
{
	(void)flags;
	return from ? duplicate("kstrndup", from, strnlen(from, max), 1) : NULL;
}

/* ---- user space: addresses there are not dereferenced, what comes from there is a choice ---- */

static unsigned long from_user(const char *function, void *to, unsigned long size)
{
	unsigned long missing = (unsigned long)vf_take_value(function);

	if (missing > size)
		missing = size;
	vf_take_bytes(function, to, size - missing);
	memset((char *)to + (size - missing), 0, missing);
	return missing;
}

static unsigned long to_user(const char *function, const void *from, unsigned long size)
{
	/* Touches every byte that would leave the kernel. */
	for (unsigned long i = 0; i < size; i++)
		(void)((const volatile unsigned char *)from)[i];
	unsigned long missing = (unsigned long)vf_take_value(function);
	return missing > size ? size : missing;
}

#define FROM_USER(name) \
	WEAK unsigned long name(void *to, const void *from, unsigned long size) \
	{ (void)from; return from_user(#name, to, size); }
#define TO_USER(name) \
	WEAK unsigned long name(void *to, const void *from, unsigned long size) \
	{ (void)to; return to_user(#name, from, size); }
FROM_USER(copy_from_user)
FROM_USER(_copy_from_user)
FROM_USER(__copy_from_user)
FROM_USER(raw_copy_from_user)
TO_USER(copy_to_user)
TO_USER(_copy_to_user)
TO_USER(__copy_to_user)
TO_USER(raw_copy_to_user)

WEAK void *memdup_user(const void *from, size_t size)
{
	char *copy = allocate("memdup_user", 1, size, 0);

	(void)from;
	if (!copy)
		return (void *)-12L;
	vf_take_bytes("memdup_user", copy, size);
	return copy;
}

/* ---- strings and printing ---- */

WEAK long strscpy(char *to, const char *from, size_t size)
{
	size_t length;

	if (size == 0)
		return -7;
	length = strnlen(from, size);
	if (length == size) {
		memcpy(to, from, size - 1);
		to[size - 1] = 0;
		return -7;
	}
	memcpy(to, from, length + 1);
	return (long)length;
}

WEAK long strscpy_pad(char *to, const char *from, size_t size)
{
	long length = strscpy(to, from, size);

	if (length >= 0)
		memset(to + length + 1, 0, size - (size_t)length - 1);
	return length;
}

WEAK size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from);

	if (size) {
		size_t copied = length < size ? length : size - 1;
		memcpy(to, from, copied);
		to[copied] = 0;
	}
	return length;
}

WEAK size_t strlcat(char *to, const char *from, size_t size)
{
	size_t used = strnlen(to, size);

	return used == size ? size + strlen(from) : used + strlcpy(to + used, from, size - used);
}

WEAK int vscnprintf(char *to, size_t size, const char *format, va_list args)
{
	int length = vsnprintf(to, size, format, args);

	if (size == 0)
		return 0;
	return (size_t)length < size ? length : (int)(size - 1);
}

WEAK int scnprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int length = vscnprintf(to, size, format, args);
	va_end(args);
	return length;
}

#define PRINT(name) WEAK int name(const char *format, ...) { (void)format; return 0; }
PRINT(printk)
PRINT(_printk)

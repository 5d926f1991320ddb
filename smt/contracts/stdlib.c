// SPDX-License-Identifier: MIT OR Apache-2.0
/* Models of allocation, termination, conversion and arithmetic functions of <stdlib.h>. */
typedef __SIZE_TYPE__ size_t;

void __vf_require(_Bool condition, const char *what);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_require_freeable(void *p);
void __vf_require_allocation(size_t n);
size_t __vf_strlen(const char *p);
size_t __vf_object_size(const void *p);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void __vf_havoc(void *dst, size_t n);
void *__vf_alloc(size_t n);
void *__vf_alloc_zeroed(size_t n);
void *__vf_alloc_nofail(size_t n);
void __vf_free(void *p);
void __vf_assume(_Bool condition);
void __vf_unreachable(void);
int __vf_nondet_int(void);
long __vf_nondet_long(void);
long long __vf_nondet_longlong(void);
size_t __vf_nondet_ulong(void);
unsigned long long __vf_nondet_ulonglong(void);
_Bool __vf_nondet_bool(void);
double __vf_nondet_double(void);

/* C11 7.22.3.4: n bytes of indeterminate value, or null. A size above PTRDIFF_MAX is never meant. */
void *malloc(size_t n)
{
	__vf_require_allocation(n);
	return __vf_alloc(n);
}

/* C11 7.22.3.2: count * size zero bytes, or null; null when the product does not fit (glibc malloc(3)). */
void *calloc(size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return 0;
	__vf_require_allocation(n);
	return __vf_alloc_zeroed(n);
}

/*
 * C11 7.22.3.5: a new object with the old contents up to the smaller size, the old one freed; or null and the
 * old one untouched. For size 0, glibc may free the old object and return null (realloc(3)).
 */
void *realloc(void *p, size_t n)
{
	void *fresh;
	size_t old;

	__vf_require_freeable(p);
	__vf_require_allocation(n);
	if (n == 0 && p && __vf_nondet_bool()) {
		__vf_free(p);
		return 0;
	}
	fresh = __vf_alloc(n);
	if (fresh && p) {
		old = __vf_object_size(p);
		__vf_copy(fresh, p, old < n ? old : n);
		__vf_free(p);
	}
	return fresh;
}

/* glibc reallocarray(3): realloc that returns null when the product does not fit. */
void *reallocarray(void *p, size_t count, size_t size)
{
	void *fresh;
	size_t old, n;

	__vf_require_freeable(p);
	if (__builtin_mul_overflow(count, size, &n))
		return 0;
	__vf_require_allocation(n);
	if (n == 0 && p && __vf_nondet_bool()) {
		__vf_free(p);
		return 0;
	}
	fresh = __vf_alloc(n);
	if (fresh && p) {
		old = __vf_object_size(p);
		__vf_copy(fresh, p, old < n ? old : n);
		__vf_free(p);
	}
	return fresh;
}

/* C11 7.22.3.1: as malloc; the alignment, which only narrows the address, is not modelled. */
void *aligned_alloc(size_t alignment, size_t n)
{
	__vf_require_allocation(n);
	return __vf_alloc(n);
}

/* POSIX.1-2001 posix_memalign: 0 and the address in *result, or an error number and *result unchanged. */
int posix_memalign(void **result, size_t alignment, size_t n)
{
	void *fresh;
	int error;

	__vf_require_write(result, sizeof(void *));
	__vf_require_allocation(n);
	fresh = __vf_alloc(n);
	if (!fresh) {
		error = __vf_nondet_int();
		__vf_assume(error > 0);
		return error;
	}
	__vf_copy(result, &fresh, sizeof(void *));
	return 0;
}

/* C11 7.22.3.3: null, or an object that the functions above returned and that was not freed since. */
void free(void *p)
{
	__vf_require_freeable(p);
	__vf_free(p);
}

/* C11 7.22.4: control does not come back. */
void abort(void)
{
	__vf_unreachable();
}

void exit(int status)
{
	__vf_unreachable();
}

void _Exit(int status)
{
	__vf_unreachable();
}

void _exit(int status)
{
	__vf_unreachable();
}

void quick_exit(int status)
{
	__vf_unreachable();
}

/* C11 7.22.6.1: the absolute value, which the most negative number has none of. */
int abs(int x)
{
	__vf_require(x != -__INT_MAX__ - 1, "abs: the result is representable");
	return x < 0 ? (int)(0U - (unsigned int)x) : x;
}

long labs(long x)
{
	__vf_require(x != -__LONG_MAX__ - 1L, "labs: the result is representable");
	return x < 0 ? (long)(0UL - (unsigned long)x) : x;
}

long long llabs(long long x)
{
	__vf_require(x != -__LONG_LONG_MAX__ - 1LL, "llabs: the result is representable");
	return x < 0 ? (long long)(0ULL - (unsigned long long)x) : x;
}

/* C11 7.8.2.1. */
__INTMAX_TYPE__ imaxabs(__INTMAX_TYPE__ x)
{
	__vf_require(x != -__INTMAX_MAX__ - 1, "imaxabs: the result is representable");
	return x < 0 ? -x : x;
}

/* C11 7.22.1.2: some number; what does not fit is undefined by the standard but harmless in glibc. */
int atoi(const char *s)
{
	__vf_require_string(s);
	return __vf_nondet_int();
}

long atol(const char *s)
{
	__vf_require_string(s);
	return __vf_nondet_long();
}

long long atoll(const char *s)
{
	__vf_require_string(s);
	return __vf_nondet_longlong();
}

/* C11 7.22.1.4: some number; *end, unless end is null, points into the string or to its terminator. */
#define MODEL_STRTO(type, name, nondet)                                                            \
	type name(const char *s, char **end, int base)                                             \
	{                                                                                          \
		size_t at;                                                                         \
		char *place;                                                                       \
		__vf_require_string(s);                                                            \
		if (end) {                                                                         \
			__vf_require_write(end, sizeof(char *));                                   \
			at = __vf_nondet_ulong();                                                  \
			__vf_assume(at <= __vf_strlen(s));                                         \
			place = (char *)s + at;                                                    \
			__vf_copy(end, &place, sizeof(char *));                                    \
		}                                                                                  \
		return nondet();                                                                   \
	}
MODEL_STRTO(long, strtol, __vf_nondet_long)
MODEL_STRTO(long long, strtoll, __vf_nondet_longlong)
MODEL_STRTO(unsigned long, strtoul, __vf_nondet_ulong)
MODEL_STRTO(unsigned long long, strtoull, __vf_nondet_ulonglong)
MODEL_STRTO(unsigned long, simple_strtoul, __vf_nondet_ulong)
MODEL_STRTO(long, simple_strtol, __vf_nondet_long)

/* C11 7.22.2.1, POSIX random: a number that is not negative. */
int rand(void)
{
	int result = __vf_nondet_int();

	__vf_assume(result >= 0);
	return result;
}

long random(void)
{
	long result = __vf_nondet_long();

	__vf_assume(result >= 0);
	return result;
}

void srand(unsigned int seed)
{
}

void srandom(unsigned int seed)
{
}

/*
 * C11 7.22.4.6: null, or a string that the environment chose. It begins behind the start of its object,
 * so that freeing it is a violation.
 */
char *getenv(const char *name)
{
	size_t length;
	char *value;

	__vf_require_string(name);
	if (__vf_nondet_bool())
		return 0;
	length = __vf_nondet_ulong();
	__vf_assume(length < 131072);
	value = __vf_alloc_nofail(length + 2);
	__vf_havoc(value, length + 1);
	__vf_fill(value + length + 1, 0, 1);
	return value + 1;
}

/* C11 7.22.4.8: null asks whether there is a shell. */
int system(const char *command)
{
	if (command)
		__vf_require_string(command);
	return __vf_nondet_int();
}

/* C11 7.22.1.3: the value of a floating type is unknown anyway; *end points into the string or to its terminator. */
double atof(const char *s)
{
	__vf_require_string(s);
	return __vf_nondet_double();
}

double strtod(const char *s, char **end)
{
	size_t at;

	__vf_require_string(s);
	if (end) {
		__vf_require_write(end, sizeof(char *));
		at = __vf_nondet_ulong();
		__vf_assume(at <= __vf_strlen(s));
		*end = (char *)s + at;
	}
	return __vf_nondet_double();
}

/*
 * POSIX.1-2008 realpath: the name without links, in an array of PATH_MAX (4096) bytes or, for a null second
 * argument, on the heap; null after an error, when what the array holds is indeterminate.
 */
char *realpath(const char *path, char *resolved)
{
	size_t length;
	char *name = resolved;

	__vf_require_string(path);
	if (resolved)
		__vf_require_write(resolved, 4096);
	length = __vf_nondet_ulong();
	__vf_assume(length >= 1 && length < 4096);
	if (!name)
		name = __vf_alloc(length + 1);
	if (!name)
		return 0;
	__vf_havoc(name, length);
	__vf_fill(name + length, 0, 1);
	if (__vf_nondet_bool()) {
		if (!resolved)
			__vf_free(name);
		return 0;
	}
	return name;
}

/*
 * C11 7.22.5.2: the comparison is called with pairs of elements, which are moved meanwhile. How often and with which is
 * unspecified.
 */
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	size_t bytes, i, j;

	__vf_require(!__builtin_mul_overflow(count, size, &bytes), "qsort: count * size fits size_t");
	__vf_require_write(base, bytes);
	if (count < 2 || size == 0)
		return;
	while (__vf_nondet_bool()) {
		__vf_havoc(base, bytes);
		i = __vf_nondet_ulong();
		j = __vf_nondet_ulong();
		__vf_assume(i < count && j < count);
		compare((char *)base + i * size, (char *)base + j * size);
	}
	__vf_havoc(base, bytes);
}

/* C11 7.22.5.1: null, or the address of an element that compares equal. */
void *bsearch(const void *key, const void *base, size_t count, size_t size,
	      int (*compare)(const void *, const void *))
{
	size_t bytes, i;

	__vf_require(!__builtin_mul_overflow(count, size, &bytes), "bsearch: count * size fits size_t");
	__vf_require_read(base, bytes);
	while (count != 0 && __vf_nondet_bool()) {
		i = __vf_nondet_ulong();
		__vf_assume(i < count);
		if (compare(key, (const char *)base + i * size) == 0)
			return (char *)base + i * size;
	}
	return 0;
}

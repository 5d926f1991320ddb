// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the functions on NUL-terminated strings.
 *
 * `__vf_strlen` is the number of bytes before the first NUL or, where none follows in the object, to the end
 * of the object; so the bounded functions need no loop. Where the C library would look at the bytes
 * themselves (comparisons, searches), the result is any value that the lengths allow.
 */
typedef __SIZE_TYPE__ size_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_require_no_overlap(const void *p, const void *q, size_t n);
size_t __vf_strlen(const char *p);
size_t __vf_object_size(const void *p);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void *__vf_alloc(size_t n);
void *__vf_alloc_nofail(size_t n);
void __vf_havoc(void *dst, size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/*
 * min(strlen(s), n), for a `s` that is a string or an array of at least n bytes: a function that stops at a
 * NUL or after n bytes reads that far and no farther.
 */
#define BOUNDED_LENGTH(result, s, n)                                                               \
	size_t result = 0;                                                                         \
	if ((n) != 0) {                                                                            \
		if (__vf_object_size(s) < (n))                                                     \
			__vf_require_string(s);                                                    \
		else                                                                               \
			__vf_require_read(s, n);                                                   \
		result = __vf_strlen(s);                                                           \
		if (result > (n))                                                                  \
			result = (n);                                                              \
	}

/* C11 7.24.6.3. */
size_t strlen(const char *s)
{
	__vf_require_string(s);
	return __vf_strlen(s);
}

/* POSIX.1-2008 strnlen: the length, but at most n; reads no byte behind the first n. */
size_t strnlen(const char *s, size_t n)
{
	BOUNDED_LENGTH(length, s, n)
	return length;
}

/* C11 7.24.2.3: copies the string with its terminator. */
char *strcpy(char *dst, const char *src)
{
	size_t n;

	__vf_require_string(src);
	n = __vf_strlen(src) + 1;
	__vf_require_write(dst, n);
	__vf_require_no_overlap(dst, src, n);
	__vf_copy(dst, src, n);
	return dst;
}

/* POSIX.1-2008 stpcpy: strcpy that returns the address of the terminator. */
char *stpcpy(char *dst, const char *src)
{
	size_t length;

	__vf_require_string(src);
	length = __vf_strlen(src);
	__vf_require_write(dst, length + 1);
	__vf_require_no_overlap(dst, src, length + 1);
	__vf_copy(dst, src, length + 1);
	return dst + length;
}

/* C11 7.24.2.4: at most n characters of src; always writes n bytes, the rest zero. No terminator if it does not fit. */
char *strncpy(char *dst, const char *src, size_t n)
{
	BOUNDED_LENGTH(length, src, n)
	__vf_require_write(dst, n);
	__vf_require_no_overlap(dst, src, length);
	__vf_copy(dst, src, length);
	__vf_fill(dst + length, 0, n - length);
	return dst;
}

/* C11 7.24.3.1: appends src with its terminator to the string dst. */
char *strcat(char *dst, const char *src)
{
	size_t at, n;

	__vf_require_string(dst);
	__vf_require_string(src);
	at = __vf_strlen(dst);
	n = __vf_strlen(src) + 1;
	__vf_require_write(dst + at, n);
	__vf_require_no_overlap(dst + at, src, n);
	__vf_copy(dst + at, src, n);
	return dst;
}

/* C11 7.24.3.2: appends at most n characters of src, then a terminator. */
char *strncat(char *dst, const char *src, size_t n)
{
	size_t at;
	BOUNDED_LENGTH(length, src, n)

	__vf_require_string(dst);
	at = __vf_strlen(dst);
	__vf_require_write(dst + at, length + 1);
	__vf_require_no_overlap(dst + at, src, length);
	__vf_copy(dst + at, src, length);
	__vf_fill(dst + at + length, 0, 1);
	return dst;
}

/*
 * BSD strlcpy(3), kernel-doc strlcpy: copies what fits into size bytes with the terminator; returns the
 * length of src, which must therefore be a string whatever the size.
 */
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t length, n;

	__vf_require_string(src);
	length = __vf_strlen(src);
	if (size != 0) {
		n = length < size ? length : size - 1;
		__vf_require_write(dst, n + 1);
		__vf_require_no_overlap(dst, src, n);
		__vf_copy(dst, src, n);
		__vf_fill(dst + n, 0, 1);
	}
	return length;
}

/*
 * BSD strlcat(3): appends what fits into size bytes in all; returns the length it would have wanted:
 * min(strlen(dst), size) + strlen(src).
 */
size_t strlcat(char *dst, const char *src, size_t size)
{
	size_t length, room, n;
	BOUNDED_LENGTH(at, dst, size)

	__vf_require_string(src);
	length = __vf_strlen(src);
	if (at < size) {
		room = size - at - 1;
		n = length < room ? length : room;
		__vf_require_write(dst + at, n + 1);
		__vf_require_no_overlap(dst + at, src, n);
		__vf_copy(dst + at, src, n);
		__vf_fill(dst + at + n, 0, 1);
	}
	return at + length;
}

/*
 * C11 7.24.4.2, 7.24.4.3 (strcoll): the sign of the comparison. Strings of different length differ; a string equals itself.
 * strcoll may call different strings equal in some locales, so it promises less.
 */
int strcmp(const char *a, const char *b)
{
	int result = 0;

	__vf_require_string(a);
	__vf_require_string(b);
	if (a != b) {
		result = __vf_nondet_int();
		__vf_assume(result != 0 || __vf_strlen(a) == __vf_strlen(b));
	}
	return result;
}

#define MODEL_STRCOLL(name)                                                                        \
	int name(const char *a, const char *b)                                                     \
	{                                                                                          \
		__vf_require_string(a);                                                            \
		__vf_require_string(b);                                                            \
		if (a == b)                                                                        \
			return 0;                                                                  \
		return __vf_nondet_int();                                                          \
	}
MODEL_STRCOLL(strcoll)

/* POSIX.1-2008 strcasecmp: equal strings have equal lengths in single-byte locales. */
int strcasecmp(const char *a, const char *b)
{
	int result = 0;

	__vf_require_string(a);
	__vf_require_string(b);
	if (a != b) {
		result = __vf_nondet_int();
		__vf_assume(result != 0 || __vf_strlen(a) == __vf_strlen(b));
	}
	return result;
}

/*
 * C11 7.24.4.4, POSIX.1-2008 strncasecmp: compares up to n characters and not beyond a NUL of either. The
 * first NUL of one ends the comparison in the other too, so that many bytes of both are asked for.
 */
#define MODEL_STRNCMP(name)                                                                        \
	int name(const char *a, const char *b, size_t n)                                           \
	{                                                                                          \
		size_t length_a, length_b, reach;                                                  \
		int result = 0;                                                                    \
		if (n == 0)                                                                        \
			return 0;                                                                  \
		length_a = __vf_strlen(a);                                                         \
		length_b = __vf_strlen(b);                                                         \
		reach = (length_a < length_b ? length_a : length_b) + 1;                           \
		if (reach > n)                                                                     \
			reach = n;                                                                 \
		__vf_require_read(a, reach);                                                       \
		__vf_require_read(b, reach);                                                       \
		if (a != b) {                                                                      \
			result = __vf_nondet_int();                                                \
			__vf_assume(result != 0 || length_a == length_b ||                         \
				    (length_a >= n && length_b >= n));                             \
		}                                                                                  \
		return result;                                                                     \
	}
MODEL_STRNCMP(strncmp)
MODEL_STRNCMP(strncasecmp)

/* C11 7.24.5.2: the first c in the string, its terminator included; null when there is none. */
char *strchr(const char *s, int c)
{
	size_t length, at;

	__vf_require_string(s);
	length = __vf_strlen(s);
	if ((char)c == '\0')
		return (char *)s + length;
	if (length != 0 && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at < length);
		return (char *)s + at;
	}
	return 0;
}

/* C11 7.24.5.5: the last c in the string. */
char *strrchr(const char *s, int c)
{
	size_t length, at;

	__vf_require_string(s);
	length = __vf_strlen(s);
	if ((char)c == '\0')
		return (char *)s + length;
	if (length != 0 && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at < length);
		return (char *)s + at;
	}
	return 0;
}

/* GNU strchrnul(3): as strchr, but the terminator's address instead of null. */
char *strchrnul(const char *s, int c)
{
	size_t length, at;

	__vf_require_string(s);
	length = __vf_strlen(s);
	at = length;
	if ((char)c != '\0') {
		at = __vf_nondet_ulong();
		__vf_assume(at <= length);
	}
	return (char *)s + at;
}

/* kernel-doc strnchr: the first c among the first n characters of the string. */
char *strnchr(const char *s, size_t n, int c)
{
	size_t at;
	BOUNDED_LENGTH(length, s, n)

	if (n != 0 && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at < length || ((char)c == '\0' && at == length && length < n));
		return (char *)s + at;
	}
	return 0;
}

/* C11 7.24.5.7: the first place in a where b occurs; a itself for an empty b. */
char *strstr(const char *a, const char *b)
{
	size_t length_a, length_b, at;

	__vf_require_string(a);
	__vf_require_string(b);
	length_a = __vf_strlen(a);
	length_b = __vf_strlen(b);
	if (length_b == 0)
		return (char *)a;
	if (length_b <= length_a && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at <= length_a - length_b);
		return (char *)a + at;
	}
	return 0;
}

/* C11 7.24.5.4: the first character of s that occurs in set. */
char *strpbrk(const char *s, const char *set)
{
	size_t length, at;

	__vf_require_string(s);
	__vf_require_string(set);
	length = __vf_strlen(s);
	if (length != 0 && __vf_strlen(set) != 0 && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at < length);
		return (char *)s + at;
	}
	return 0;
}

/* C11 7.24.5.6 and 7.24.5.3: length of the initial part of s made of characters in (not in) set. */
#define MODEL_STRSPN(name)                                                                         \
	size_t name(const char *s, const char *set)                                                \
	{                                                                                          \
		size_t result;                                                                     \
		__vf_require_string(s);                                                            \
		__vf_require_string(set);                                                          \
		result = __vf_nondet_ulong();                                                      \
		__vf_assume(result <= __vf_strlen(s));                                             \
		return result;                                                                     \
	}
MODEL_STRSPN(strspn)
MODEL_STRSPN(strcspn)

/* POSIX.1-2008 strdup: a copy on the heap, or null. */
char *strdup(const char *s)
{
	size_t n;
	char *copy;

	__vf_require_string(s);
	n = __vf_strlen(s) + 1;
	copy = __vf_alloc(n);
	if (copy)
		__vf_copy(copy, s, n);
	return copy;
}

/* POSIX.1-2008 strndup: a copy of at most n characters, with a terminator. */
char *strndup(const char *s, size_t n)
{
	char *copy;
	BOUNDED_LENGTH(length, s, n)

	copy = __vf_alloc(length + 1);
	if (copy) {
		__vf_copy(copy, s, length);
		__vf_fill(copy + length, 0, 1);
	}
	return copy;
}

/*
 * C11 7.24.5.8, POSIX.1-2008 strtok_r: the next token of s or, for a null s, of what *save has left; a NUL is written
 * behind it and *save points behind that (to the terminator at the end). Null when there is none.
 */
static char *__vf_token(char *s, const char *delimiters, char **save)
{
	size_t length, from, to;

	__vf_require_string(delimiters);
	if (!s)
		s = *save;
	if (!s)
		return 0;
	__vf_require_string(s);
	length = __vf_strlen(s);
	if (length == 0 || __vf_nondet_bool()) {
		*save = s + length;
		return 0;
	}
	from = __vf_nondet_ulong();
	to = __vf_nondet_ulong();
	__vf_assume(from < length && to > from && to <= length);
	if (to < length) {
		__vf_require_write(s + to, 1);
		__vf_fill(s + to, 0, 1);
		*save = s + to + 1;
	} else {
		*save = s + to;
	}
	return s + from;
}

char *strtok_r(char *s, const char *delimiters, char **save)
{
	__vf_require_write(save, sizeof(char *));
	return __vf_token(s, delimiters, save);
}

static char *__vf_strtok_rest;

char *strtok(char *s, const char *delimiters)
{
	return __vf_token(s, delimiters, &__vf_strtok_rest);
}

/* C11 7.24.6.2: a message in an array that the program does not change. */
char *strerror(int number)
{
	size_t length = __vf_nondet_ulong();
	char *text;

	__vf_assume(length < 1024);
	text = __vf_alloc_nofail(length + 2);
	__vf_havoc(text, length + 1);
	__vf_fill(text + length + 1, 0, 1);
	return text + 1;
}

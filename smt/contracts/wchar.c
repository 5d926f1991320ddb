// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the functions on wide strings and arrays of wide characters: <wchar.h>. `wchar_t` is `int`, as on every
 * Linux target but AArch64 and ARM, where it is as wide and unsigned.
 *
 * `__vf_wcslen` is the number of wide characters before the first that is zero or, where none follows in the object, of
 * those to its end. The manner is that of string.c: what would take a loop over the characters is any value that the
 * lengths allow.
 */
typedef __SIZE_TYPE__ size_t;
typedef __WCHAR_TYPE__ wchar_t;
typedef __WINT_TYPE__ wint_t;

void __vf_require(_Bool condition, const char *what);
void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_require_wide_string(const wchar_t *p);
void __vf_require_no_overlap(const void *p, const void *q, size_t n);
size_t __vf_strlen(const char *p);
size_t __vf_wcslen(const wchar_t *p);
size_t __vf_object_size(const void *p);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill_wide(void *dst, wchar_t c, size_t n);
void __vf_havoc(void *dst, size_t n);
void *__vf_alloc(size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
unsigned int __vf_nondet_uint(void);
long __vf_nondet_long(void);
long long __vf_nondet_longlong(void);
size_t __vf_nondet_ulong(void);
unsigned long long __vf_nondet_ulonglong(void);
_Bool __vf_nondet_bool(void);

/* An array of n wide characters has n * sizeof(wchar_t) bytes, which must be a number. */
#define CHARACTERS(bytes, n, name)                                                                 \
	size_t bytes;                                                                              \
	__vf_require(!__builtin_mul_overflow(n, sizeof(wchar_t), &bytes), name ": n wide characters fit an object");

/*
 * min(wcslen(s), n), for an `s` that is a string or an array of at least n: what stops at a NUL or after n
 * characters reads that far and no farther.
 */
#define BOUNDED_WIDE_LENGTH(result, s, n)                                                               \
	size_t result = 0;                                                                         \
	if ((n) != 0) {                                                                            \
		if (__vf_object_size(s) / sizeof(wchar_t) < (n))                                   \
			__vf_require_wide_string(s);                                               \
		else                                                                               \
			__vf_require_read(s, (n) * sizeof(wchar_t));                               \
		result = __vf_wcslen(s);                                                           \
		if (result > (n))                                                                  \
			result = (n);                                                              \
	}

/* C11 7.29.4.6.1. */
size_t wcslen(const wchar_t *s)
{
	__vf_require_wide_string(s);
	return __vf_wcslen(s);
}

/* POSIX.1-2008 wcsnlen: the length, but at most n. */
size_t wcsnlen(const wchar_t *s, size_t n)
{
	BOUNDED_WIDE_LENGTH(length, s, n)
	return length;
}

/* C11 7.29.4.2.1; POSIX.1-2008 wcpcpy returns the address of the terminator. */
#define MODEL_WCSCPY(name, parameters, result)                                                     \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		size_t length, bytes;                                                              \
		__vf_require_wide_string(src);                                                     \
		length = __vf_wcslen(src);                                                         \
		bytes = (length + 1) * sizeof(wchar_t);                                            \
		__vf_require_write(dst, bytes);                                                    \
		__vf_require_no_overlap(dst, src, bytes);                                          \
		__vf_copy(dst, src, bytes);                                                        \
		return result;                                                                     \
	}
MODEL_WCSCPY(wcscpy, (wchar_t *dst, const wchar_t *src), dst)
MODEL_WCSCPY(wcpcpy, (wchar_t *dst, const wchar_t *src), dst + length)
MODEL_WCSCPY(__wcscpy_chk, (wchar_t *dst, const wchar_t *src, size_t room), dst)

/*
 * C11 7.29.4.2.2: at most n characters of src; always writes n, the rest zero, no terminator if it does not
 * fit. POSIX.1-2008 wcpncpy returns the address of the first zero, or of the end.
 */
#define MODEL_WCSNCPY(name, parameters, result)                                                    \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		CHARACTERS(bytes, n, #name)                                                        \
		BOUNDED_WIDE_LENGTH(length, src, n)                                                     \
		__vf_require_write(dst, bytes);                                                    \
		__vf_require_no_overlap(dst, src, length * sizeof(wchar_t));                       \
		__vf_copy(dst, src, length * sizeof(wchar_t));                                     \
		__vf_fill_wide(dst + length, 0, (n - length) * sizeof(wchar_t));                   \
		return result;                                                                     \
	}
MODEL_WCSNCPY(wcsncpy, (wchar_t *dst, const wchar_t *src, size_t n), dst)
MODEL_WCSNCPY(wcpncpy, (wchar_t *dst, const wchar_t *src, size_t n), dst + length)
MODEL_WCSNCPY(__wcsncpy_chk, (wchar_t *dst, const wchar_t *src, size_t n, size_t room), dst)

/* C11 7.29.4.3.1: appends src with its terminator to the string dst. */
#define MODEL_WCSCAT(name, parameters)                                                             \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		size_t at, bytes;                                                                  \
		__vf_require_wide_string(dst);                                                     \
		__vf_require_wide_string(src);                                                     \
		at = __vf_wcslen(dst);                                                             \
		bytes = (__vf_wcslen(src) + 1) * sizeof(wchar_t);                                  \
		__vf_require_write(dst + at, bytes);                                               \
		__vf_require_no_overlap(dst + at, src, bytes);                                     \
		__vf_copy(dst + at, src, bytes);                                                   \
		return dst;                                                                        \
	}
MODEL_WCSCAT(wcscat, (wchar_t *dst, const wchar_t *src))
MODEL_WCSCAT(__wcscat_chk, (wchar_t *dst, const wchar_t *src, size_t room))

/* C11 7.29.4.3.2: appends at most n characters of src, then a terminator. */
#define MODEL_WCSNCAT(name, parameters)                                                            \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		size_t at;                                                                         \
		BOUNDED_WIDE_LENGTH(length, src, n)                                                     \
		__vf_require_wide_string(dst);                                                     \
		at = __vf_wcslen(dst);                                                             \
		__vf_require_write(dst + at, (length + 1) * sizeof(wchar_t));                      \
		__vf_require_no_overlap(dst + at, src, length * sizeof(wchar_t));                  \
		__vf_copy(dst + at, src, length * sizeof(wchar_t));                                \
		__vf_fill_wide(dst + at + length, 0, sizeof(wchar_t));                             \
		return dst;                                                                        \
	}
MODEL_WCSNCAT(wcsncat, (wchar_t *dst, const wchar_t *src, size_t n))
MODEL_WCSNCAT(__wcsncat_chk, (wchar_t *dst, const wchar_t *src, size_t n, size_t room))

/* BSD wcslcpy(3), glibc 2.38: what fits into n characters with the terminator; the length of src. */
size_t wcslcpy(wchar_t *dst, const wchar_t *src, size_t n)
{
	size_t length, kept;

	__vf_require_wide_string(src);
	length = __vf_wcslen(src);
	if (n != 0) {
		kept = length < n ? length : n - 1;
		__vf_require_write(dst, (kept + 1) * sizeof(wchar_t));
		__vf_require_no_overlap(dst, src, kept * sizeof(wchar_t));
		__vf_copy(dst, src, kept * sizeof(wchar_t));
		__vf_fill_wide(dst + kept, 0, sizeof(wchar_t));
	}
	return length;
}

/* C11 7.29.4.4.1: strings of different length differ; a string equals itself. */
int wcscmp(const wchar_t *a, const wchar_t *b)
{
	int result = 0;

	__vf_require_wide_string(a);
	__vf_require_wide_string(b);
	if (a != b) {
		result = __vf_nondet_int();
		__vf_assume(result != 0 || __vf_wcslen(a) == __vf_wcslen(b));
	}
	return result;
}

/* C11 7.29.4.4.2 and POSIX.1-2008 wcscasecmp: different strings may compare equal, of different lengths too. */
#define MODEL_WCSCOLL(name)                                                                        \
	int name(const wchar_t *a, const wchar_t *b)                                               \
	{                                                                                          \
		__vf_require_wide_string(a);                                                       \
		__vf_require_wide_string(b);                                                       \
		if (a == b)                                                                        \
			return 0;                                                                  \
		return __vf_nondet_int();                                                          \
	}
MODEL_WCSCOLL(wcscoll)
MODEL_WCSCOLL(wcscasecmp)

/*
 * C11 7.29.4.4.3, POSIX.1-2008 wcsncasecmp: up to n characters and not beyond a NUL of either. The first NUL of
 * one ends the comparison in the other too.
 */
#define MODEL_WCSNCMP(name)                                                                        \
	int name(const wchar_t *a, const wchar_t *b, size_t n)                                     \
	{                                                                                          \
		size_t length_a, length_b, reach;                                                  \
		int result = 0;                                                                    \
		if (n == 0)                                                                        \
			return 0;                                                                  \
		length_a = __vf_wcslen(a);                                                         \
		length_b = __vf_wcslen(b);                                                         \
		reach = (length_a < length_b ? length_a : length_b) + 1;                           \
		if (reach > n)                                                                     \
			reach = n;                                                                 \
		__vf_require_read(a, reach * sizeof(wchar_t));                                     \
		__vf_require_read(b, reach * sizeof(wchar_t));                                     \
		if (a != b) {                                                                      \
			result = __vf_nondet_int();                                                \
			__vf_assume(result != 0 || length_a == length_b ||                         \
				    (length_a >= n && length_b >= n));                             \
		}                                                                                  \
		return result;                                                                     \
	}
MODEL_WCSNCMP(wcsncmp)
MODEL_WCSNCMP(wcsncasecmp)

/* C11 7.29.4.5.1, 7.29.4.5.5: the first (last) c in the string, its terminator included; null when there is none. */
#define MODEL_WCSCHR(name)                                                                         \
	wchar_t *name(const wchar_t *s, wchar_t c)                                                 \
	{                                                                                          \
		size_t length, at;                                                                 \
		__vf_require_wide_string(s);                                                       \
		length = __vf_wcslen(s);                                                           \
		if (c == 0)                                                                        \
			return (wchar_t *)s + length;                                              \
		if (length != 0 && __vf_nondet_bool()) {                                           \
			at = __vf_nondet_ulong();                                                  \
			__vf_assume(at < length);                                                  \
			return (wchar_t *)s + at;                                                  \
		}                                                                                  \
		return 0;                                                                          \
	}
MODEL_WCSCHR(wcschr)
MODEL_WCSCHR(wcsrchr)

/* GNU wcschrnul(3): as wcschr, but the terminator's address instead of null. */
wchar_t *wcschrnul(const wchar_t *s, wchar_t c)
{
	size_t length, at;

	__vf_require_wide_string(s);
	length = __vf_wcslen(s);
	at = length;
	if (c != 0) {
		at = __vf_nondet_ulong();
		__vf_assume(at <= length);
	}
	return (wchar_t *)s + at;
}

/* C11 7.29.4.5.6: the first place in a where b occurs; a itself for an empty b. */
#define MODEL_WCSSTR(name)                                                                         \
	wchar_t *name(const wchar_t *a, const wchar_t *b)                                          \
	{                                                                                          \
		size_t length_a, length_b, at;                                                     \
		__vf_require_wide_string(a);                                                       \
		__vf_require_wide_string(b);                                                       \
		length_a = __vf_wcslen(a);                                                         \
		length_b = __vf_wcslen(b);                                                         \
		if (length_b == 0)                                                                 \
			return (wchar_t *)a;                                                       \
		if (length_b <= length_a && __vf_nondet_bool()) {                                  \
			at = __vf_nondet_ulong();                                                  \
			__vf_assume(at <= length_a - length_b);                                    \
			return (wchar_t *)a + at;                                                  \
		}                                                                                  \
		return 0;                                                                          \
	}
MODEL_WCSSTR(wcsstr)
MODEL_WCSSTR(wcswcs)

/* C11 7.29.4.5.3: the first character of s that occurs in set. */
wchar_t *wcspbrk(const wchar_t *s, const wchar_t *set)
{
	size_t length, at;

	__vf_require_wide_string(s);
	__vf_require_wide_string(set);
	length = __vf_wcslen(s);
	if (length != 0 && __vf_wcslen(set) != 0 && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at < length);
		return (wchar_t *)s + at;
	}
	return 0;
}

/* C11 7.29.4.5.5 and 7.29.4.5.2: length of the initial part of s made of characters in (not in) set. */
#define MODEL_WCSSPN(name)                                                                         \
	size_t name(const wchar_t *s, const wchar_t *set)                                          \
	{                                                                                          \
		size_t result;                                                                     \
		__vf_require_wide_string(s);                                                       \
		__vf_require_wide_string(set);                                                     \
		result = __vf_nondet_ulong();                                                      \
		__vf_assume(result <= __vf_wcslen(s));                                             \
		return result;                                                                     \
	}
MODEL_WCSSPN(wcsspn)
MODEL_WCSSPN(wcscspn)

/*
 * C11 7.29.4.5.7: the next token of s or, for a null s, of what *save has left; a zero is written behind it and
 * *save points behind that, or is null. Null when there is none.
 */
wchar_t *wcstok(wchar_t *s, const wchar_t *delimiters, wchar_t **save)
{
	size_t length, from, to;
	wchar_t *rest;

	__vf_require_wide_string(delimiters);
	__vf_require_write(save, sizeof(wchar_t *));
	if (!s)
		s = *save;
	if (!s)
		return 0;
	__vf_require_wide_string(s);
	length = __vf_wcslen(s);
	if (length == 0 || __vf_nondet_bool()) {
		*save = 0;
		return 0;
	}
	from = __vf_nondet_ulong();
	to = __vf_nondet_ulong();
	__vf_assume(from < length && to > from && to <= length);
	rest = 0;
	if (to < length) {
		__vf_require_write(s + to, sizeof(wchar_t));
		__vf_fill_wide(s + to, 0, sizeof(wchar_t));
		rest = s + to + 1;
	}
	*save = rest;
	return s + from;
}

/* POSIX.1-2008 wcsdup: a copy on the heap, or null. */
wchar_t *wcsdup(const wchar_t *s)
{
	size_t bytes;
	wchar_t *copy;

	__vf_require_wide_string(s);
	bytes = (__vf_wcslen(s) + 1) * sizeof(wchar_t);
	copy = __vf_alloc(bytes);
	if (copy)
		__vf_copy(copy, s, bytes);
	return copy;
}

/* C11 7.29.4.2.3; GNU wmempcpy(3) returns the end. */
#define MODEL_WMEMCPY(name, parameters, result)                                                    \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		CHARACTERS(bytes, n, #name)                                                        \
		__vf_require_read(src, bytes);                                                     \
		__vf_require_write(dst, bytes);                                                    \
		__vf_require_no_overlap(dst, src, bytes);                                          \
		__vf_copy(dst, src, bytes);                                                        \
		return result;                                                                     \
	}
MODEL_WMEMCPY(wmemcpy, (wchar_t *dst, const wchar_t *src, size_t n), dst)
MODEL_WMEMCPY(wmempcpy, (wchar_t *dst, const wchar_t *src, size_t n), dst + n)
MODEL_WMEMCPY(__wmemcpy_chk, (wchar_t *dst, const wchar_t *src, size_t n, size_t room), dst)

/* C11 7.29.4.2.4: as wmemcpy, overlap allowed. */
#define MODEL_WMEMMOVE(name, parameters)                                                           \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		CHARACTERS(bytes, n, #name)                                                        \
		__vf_require_read(src, bytes);                                                     \
		__vf_require_write(dst, bytes);                                                    \
		__vf_copy(dst, src, bytes);                                                        \
		return dst;                                                                        \
	}
MODEL_WMEMMOVE(wmemmove, (wchar_t *dst, const wchar_t *src, size_t n))
MODEL_WMEMMOVE(__wmemmove_chk, (wchar_t *dst, const wchar_t *src, size_t n, size_t room))

/* C11 7.29.4.6.2. */
#define MODEL_WMEMSET(name, parameters)                                                            \
	wchar_t *name parameters                                                                   \
	{                                                                                          \
		CHARACTERS(bytes, n, #name)                                                        \
		__vf_require_write(dst, bytes);                                                    \
		__vf_fill_wide(dst, c, bytes);                                                     \
		return dst;                                                                        \
	}
MODEL_WMEMSET(wmemset, (wchar_t *dst, wchar_t c, size_t n))
MODEL_WMEMSET(__wmemset_chk, (wchar_t *dst, wchar_t c, size_t n, size_t room))

/* C11 7.29.4.4.5. */
int wmemcmp(const wchar_t *a, const wchar_t *b, size_t n)
{
	int result = 0;
	CHARACTERS(bytes, n, "wmemcmp")

	__vf_require_read(a, bytes);
	__vf_require_read(b, bytes);
	if (n != 0 && a != b)
		result = __vf_nondet_int();
	return result;
}

/* C11 7.29.4.5.8: null, or the address of one of the n characters. */
wchar_t *wmemchr(const wchar_t *s, wchar_t c, size_t n)
{
	size_t at;
	CHARACTERS(bytes, n, "wmemchr")

	__vf_require_read(s, bytes);
	if (n != 0 && __vf_nondet_bool()) {
		at = __vf_nondet_ulong();
		__vf_assume(at < n);
		return (wchar_t *)s + at;
	}
	return 0;
}

/* C11 7.29.4.1.2: some number; *end, unless end is null, points into the string or to its terminator. */
#define MODEL_WCSTO(type, name, nondet)                                                            \
	type name(const wchar_t *s, wchar_t **end, int base)                                       \
	{                                                                                          \
		size_t at;                                                                         \
		__vf_require_wide_string(s);                                                       \
		if (end) {                                                                         \
			__vf_require_write(end, sizeof(wchar_t *));                                \
			at = __vf_nondet_ulong();                                                  \
			__vf_assume(at <= __vf_wcslen(s));                                         \
			*end = (wchar_t *)s + at;                                                  \
		}                                                                                  \
		return nondet();                                                                   \
	}
MODEL_WCSTO(long, wcstol, __vf_nondet_long)
MODEL_WCSTO(long long, wcstoll, __vf_nondet_longlong)
MODEL_WCSTO(unsigned long, wcstoul, __vf_nondet_ulong)
MODEL_WCSTO(unsigned long long, wcstoull, __vf_nondet_ulonglong)

/*
 * C11 7.22.8.1: at most n wide characters, a zero among them ending it; (size_t)-1 on a byte sequence that is no
 * character. A multibyte string has at most as many characters as bytes. With a null dst, only counts (POSIX).
 */
size_t mbstowcs(wchar_t *dst, const char *src, size_t n)
{
	size_t length, stored;

	__vf_require_string(src);
	length = __vf_nondet_ulong();
	__vf_assume(length <= __vf_strlen(src));
	if (!dst)
		return __vf_nondet_bool() ? (size_t)-1 : length;
	stored = length < n ? length + 1 : n;
	__vf_require_write(dst, stored * sizeof(wchar_t));
	if (__vf_nondet_bool()) {
		size_t done = __vf_nondet_ulong();
		__vf_assume(done <= stored);
		__vf_havoc(dst, done * sizeof(wchar_t));
		return (size_t)-1;
	}
	if (length < n) {
		__vf_havoc(dst, length * sizeof(wchar_t));
		__vf_fill_wide(dst + length, 0, sizeof(wchar_t));
		return length;
	}
	__vf_havoc(dst, n * sizeof(wchar_t));
	return n;
}

/* C11 7.22.8.2: at most n bytes, whole characters of at most MB_LEN_MAX (16) bytes; (size_t)-1 on what is none. */
size_t wcstombs(char *dst, const wchar_t *src, size_t n)
{
	size_t length, most, done;

	__vf_require_wide_string(src);
	most = __vf_wcslen(src) * 16;
	length = __vf_nondet_ulong();
	__vf_assume(length <= most);
	if (!dst)
		return __vf_nondet_bool() ? (size_t)-1 : length;
	if (__vf_nondet_bool()) {
		done = __vf_nondet_ulong();
		__vf_assume(done <= length && done <= n);
		__vf_require_write(dst, done);
		__vf_havoc(dst, done);
		return (size_t)-1;
	}
	if (length < n) {
		__vf_require_write(dst, length + 1);
		__vf_havoc(dst, length);
		dst[length] = 0;
		return length;
	}
	/* A character that does not fit as a whole is left out. */
	done = __vf_nondet_ulong();
	__vf_assume(done <= n && (n < 16 || done > n - 16));
	__vf_require_write(dst, done);
	__vf_havoc(dst, done);
	return done;
}

/* C11 7.29.6.1.1, 7.29.6.1.2. */
wint_t btowc(int c)
{
	return __vf_nondet_uint();
}

int wctob(wint_t c)
{
	int result = __vf_nondet_int();

	__vf_assume(result >= -1 && result <= 255);
	return result;
}

/*
 * C11 7.29.3.2: at most n - 1 wide characters and a terminator; null at the end of the file (nothing written)
 * or after an error (contents indeterminate).
 */
wchar_t *fgetws(wchar_t *buf, int n, void *stream)
{
	size_t length;

	if (n <= 0)
		return 0;
	__vf_require_write(buf, (size_t)n * sizeof(wchar_t));
	length = __vf_nondet_ulong();
	__vf_assume(length < (size_t)n);
	if (__vf_nondet_bool()) {
		__vf_havoc(buf, length * sizeof(wchar_t));
		return 0;
	}
	__vf_assume(length != 0 || n == 1);
	__vf_havoc(buf, length * sizeof(wchar_t));
	__vf_fill_wide(buf + length, 0, sizeof(wchar_t));
	return buf;
}

/* C11 7.29.3.4. */
int fputws(const wchar_t *s, void *stream)
{
	__vf_require_wide_string(s);
	return __vf_nondet_int();
}

/* C11 7.29.3: a wide character, or WEOF. */
#define MODEL_GETWC(name, parameters)                                                              \
	wint_t name parameters                                                                     \
	{                                                                                          \
		return __vf_nondet_uint();                                                         \
	}
MODEL_GETWC(getwchar, (void))
MODEL_GETWC(fgetwc, (void *stream))
MODEL_GETWC(getwc, (void *stream))
MODEL_GETWC(putwchar, (wchar_t c))
MODEL_GETWC(fputwc, (wchar_t c, void *stream))
MODEL_GETWC(putwc, (wchar_t c, void *stream))
MODEL_GETWC(ungetwc, (wint_t c, void *stream))

/* C11 7.29.2.1, 7.29.2.11: the string arguments are checked where the format is known. */
int wprintf(const wchar_t *format, ...)
{
	__vf_require_wide_string(format);
	return __vf_nondet_int();
}

int fwprintf(void *stream, const wchar_t *format, ...)
{
	__vf_require_wide_string(format);
	return __vf_nondet_int();
}

/* C11 7.29.3.5: whether the stream is wide oriented. */
int fwide(void *stream, int mode)
{
	return __vf_nondet_int();
}

/*
 * C11 7.30.2.1: the argument is representable as wchar_t, or WEOF: any. Only decimal and hexadecimal digits are the
 * same in every locale (7.30.2.1.5, 7.30.2.1.12).
 */
#define MODEL_ISW(name)                                                                            \
	int name(wint_t c)                                                                         \
	{                                                                                          \
		return __vf_nondet_int();                                                          \
	}
MODEL_ISW(iswalnum)
MODEL_ISW(iswalpha)
MODEL_ISW(iswblank)
MODEL_ISW(iswcntrl)
MODEL_ISW(iswgraph)
MODEL_ISW(iswlower)
MODEL_ISW(iswprint)
MODEL_ISW(iswpunct)
MODEL_ISW(iswspace)
MODEL_ISW(iswupper)

int iswdigit(wint_t c)
{
	int result = 0;

	if (c >= '0' && c <= '9') {
		result = __vf_nondet_int();
		__vf_assume(result != 0);
	}
	return result;
}

int iswxdigit(wint_t c)
{
	int result = 0;

	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
		result = __vf_nondet_int();
		__vf_assume(result != 0);
	}
	return result;
}

/* C11 7.30.3.1. */
wint_t towlower(wint_t c)
{
	return __vf_nondet_uint();
}

wint_t towupper(wint_t c)
{
	return __vf_nondet_uint();
}

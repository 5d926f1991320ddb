// SPDX-License-Identifier: MIT OR Apache-2.0
/* Models of the string functions that only the Linux kernel has (kernel-doc of lib/string.c, lib/kstrtox.c). */
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_require_no_overlap(const void *p, const void *q, size_t n);
size_t __vf_strlen(const char *p);
size_t __vf_object_size(const void *p);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void __vf_havoc(void *dst, size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/* As in string.c: min(strlen(s), n) of a string or an array of at least n bytes. */
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

/*
 * strscpy: copies what fits into size bytes, always with a terminator; returns the length copied, or -E2BIG (-7)
 * when it did not fit, when size is 0, or when size is above INT_MAX. Reads at most size bytes of src.
 */
#define MODEL_STRSCPY(name, pad)                                                                   \
	ssize_t name(char *dst, const char *src, size_t size)                                      \
	{                                                                                          \
		if (size == 0 || size > __INT_MAX__)                                               \
			return -7;                                                                 \
		BOUNDED_LENGTH(length, src, size)                                                  \
		if (length == size) {                                                              \
			__vf_require_write(dst, size);                                             \
			__vf_require_no_overlap(dst, src, size - 1);                               \
			__vf_copy(dst, src, size - 1);                                             \
			__vf_fill(dst + (size - 1), 0, 1);                                         \
			return -7;                                                                 \
		}                                                                                  \
		__vf_require_write(dst, pad ? size : length + 1);                                  \
		__vf_require_no_overlap(dst, src, length);                                         \
		__vf_copy(dst, src, length);                                                       \
		__vf_fill(dst + length, 0, pad ? size - length : 1);                               \
		return (ssize_t)length;                                                            \
	}
MODEL_STRSCPY(strscpy, 0)
MODEL_STRSCPY(sized_strscpy, 0)
/* strscpy_pad: the same, with zeros up to size. */
MODEL_STRSCPY(strscpy_pad, 1)

/* kstrtoint and kin: 0 and a number in *result, or -EINVAL or -ERANGE and *result as it was. */
#define MODEL_KSTRTO(name, type)                                                                   \
	int name(const char *s, unsigned int base, type *result)                                   \
	{                                                                                          \
		__vf_require_string(s);                                                            \
		if (__vf_nondet_bool())                                                            \
			return -22;                                                                \
		if (__vf_nondet_bool())                                                            \
			return -34;                                                                \
		__vf_require_write(result, sizeof(type));                                          \
		__vf_havoc(result, sizeof(type));                                                  \
		return 0;                                                                          \
	}
MODEL_KSTRTO(kstrtoint, int)
MODEL_KSTRTO(kstrtouint, unsigned int)
MODEL_KSTRTO(kstrtol, long)
MODEL_KSTRTO(kstrtoul, unsigned long)
MODEL_KSTRTO(_kstrtol, long)
MODEL_KSTRTO(_kstrtoul, unsigned long)
MODEL_KSTRTO(kstrtoll, long long)
MODEL_KSTRTO(kstrtoull, unsigned long long)
MODEL_KSTRTO(kstrtou8, unsigned char)
MODEL_KSTRTO(kstrtos8, signed char)
MODEL_KSTRTO(kstrtou16, unsigned short)
MODEL_KSTRTO(kstrtos16, short)

/* kstrtobool: 0 and a truth value in *result, or -EINVAL; null is -EINVAL. */
int kstrtobool(const char *s, _Bool *result)
{
	if (!s || __vf_nondet_bool())
		return -22;
	__vf_require_read(s, 1);
	__vf_require_write(result, 1);
	__vf_fill(result, __vf_nondet_bool(), 1);
	return 0;
}

/* sysfs_streq: equality that ignores one trailing newline. */
_Bool sysfs_streq(const char *a, const char *b)
{
	__vf_require_string(a);
	__vf_require_string(b);
	return a == b || __vf_nondet_bool();
}

/* skip_spaces: the first character that is not white space. */
char *skip_spaces(const char *s)
{
	size_t at;

	__vf_require_string(s);
	at = __vf_nondet_ulong();
	__vf_assume(at <= __vf_strlen(s));
	return (char *)s + at;
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the Linux kernel's access to user space and to device memory (kernel-doc of include/linux/uaccess.h, lib/usercopy.c).
 *
 * A user-space address is never dereferenced by the kernel's own rules, so nothing is asked of it: what comes from
 * there is any data, and any copy may fail anywhere.
 */
typedef __SIZE_TYPE__ size_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_allocation(size_t n);
void __vf_havoc(void *dst, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void *__vf_alloc(size_t n);
void __vf_assume(_Bool condition);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/*
 * copy_from_user: returns the number of bytes that could not be copied; those are set to zero, so that all n bytes
 * of `to` are written in any case.
 */
#define MODEL_COPY_FROM_USER(name)                                                                 \
	unsigned long name(void *to, const void *from, unsigned long n)                            \
	{                                                                                          \
		unsigned long left = 0;                                                            \
		__vf_require_write(to, n);                                                         \
		__vf_havoc(to, n);                                                                 \
		if (__vf_nondet_bool()) {                                                          \
			left = __vf_nondet_ulong();                                                \
			__vf_assume(left <= n);                                                    \
			__vf_fill((char *)to + (n - left), 0, left);                               \
		}                                                                                  \
		return left;                                                                       \
	}
MODEL_COPY_FROM_USER(copy_from_user)
MODEL_COPY_FROM_USER(_copy_from_user)

/* The variants without checks leave the bytes that could not be copied as they were. */
#define MODEL_RAW_COPY_FROM_USER(name)                                                             \
	unsigned long name(void *to, const void *from, unsigned long n)                            \
	{                                                                                          \
		unsigned long left;                                                                \
		__vf_require_write(to, n);                                                         \
		left = __vf_nondet_ulong();                                                        \
		__vf_assume(left <= n);                                                            \
		__vf_havoc(to, n - left);                                                          \
		return left;                                                                       \
	}
MODEL_RAW_COPY_FROM_USER(__copy_from_user)
MODEL_RAW_COPY_FROM_USER(__copy_from_user_inatomic)
MODEL_RAW_COPY_FROM_USER(raw_copy_from_user)

/* copy_to_user: returns the number of bytes that could not be copied. */
#define MODEL_COPY_TO_USER(name)                                                                   \
	unsigned long name(void *to, const void *from, unsigned long n)                            \
	{                                                                                          \
		unsigned long left;                                                                \
		__vf_require_read(from, n);                                                        \
		left = __vf_nondet_ulong();                                                        \
		__vf_assume(left <= n);                                                            \
		return left;                                                                       \
	}
MODEL_COPY_TO_USER(copy_to_user)
MODEL_COPY_TO_USER(_copy_to_user)
MODEL_COPY_TO_USER(__copy_to_user)
MODEL_COPY_TO_USER(__copy_to_user_inatomic)
MODEL_COPY_TO_USER(raw_copy_to_user)

/* clear_user: zeroes user memory; returns the number of bytes that could not be cleared. */
unsigned long clear_user(void *to, unsigned long n)
{
	unsigned long left = __vf_nondet_ulong();

	__vf_assume(left <= n);
	return left;
}

/*
 * strncpy_from_user: copies a string of up to count bytes with its terminator; returns its length, count when no NUL was
 * met (then there is no terminator), or -EFAULT, having copied something.
 */
long strncpy_from_user(char *dst, const char *src, long count)
{
	size_t length;

	if (count <= 0)
		return 0;
	__vf_require_write(dst, (size_t)count);
	length = __vf_nondet_ulong();
	__vf_assume(length <= (size_t)count);
	__vf_havoc(dst, length);
	if (__vf_nondet_bool())
		return -14L;
	if (length < (size_t)count)
		__vf_fill(dst + length, 0, 1);
	return (long)length;
}

/* strnlen_user: size of the string with its terminator; 0 on a fault, more than n when it is longer. */
long strnlen_user(const char *src, long n)
{
	long result = (long)__vf_nondet_ulong();

	__vf_assume(result >= 0 && (result <= n || result - 1 == n));
	return result;
}

/* memdup_user, vmemdup_user: a heap copy of len bytes, or an error pointer: -ENOMEM or -EFAULT. */
#define MODEL_MEMDUP_USER(name)                                                                    \
	void *name(const void *src, size_t len)                                                    \
	{                                                                                          \
		void *copy;                                                                        \
		__vf_require_allocation(len);                                                      \
		if (__vf_nondet_bool())                                                            \
			return (void *)-14L;                                                       \
		copy = __vf_alloc(len);                                                            \
		if (!copy)                                                                         \
			return (void *)-12L;                                                       \
		__vf_havoc(copy, len);                                                             \
		return copy;                                                                       \
	}
MODEL_MEMDUP_USER(memdup_user)
MODEL_MEMDUP_USER(vmemdup_user)

/* memdup_user_nul: the same with a terminator behind the copy. */
void *memdup_user_nul(const void *src, size_t len)
{
	char *copy;

	__vf_require_allocation(len);
	if (__vf_nondet_bool())
		return (void *)-14L;
	copy = __vf_alloc(len + 1);
	if (!copy)
		return (void *)-12L;
	__vf_havoc(copy, len);
	__vf_fill(copy + len, 0, 1);
	return copy;
}

/* strndup_user: a heap copy of a string that takes at most n bytes; error pointer -EINVAL when longer. */
char *strndup_user(const char *src, long n)
{
	size_t length;
	char *copy;

	if (n <= 0 || __vf_nondet_bool())
		return (char *)-22L;
	if (__vf_nondet_bool())
		return (char *)-14L;
	length = __vf_nondet_ulong();
	__vf_assume(length < (size_t)n);
	copy = __vf_alloc(length + 1);
	if (!copy)
		return (char *)-12L;
	__vf_havoc(copy, length);
	__vf_fill(copy + length, 0, 1);
	return copy;
}

/* memcpy_fromio, memcpy_toio, memset_io: one side is device memory, whose contents are any data. */
void memcpy_fromio(void *to, const volatile void *from, size_t n)
{
	__vf_require_write(to, n);
	__vf_havoc(to, n);
}

void memcpy_toio(volatile void *to, const void *from, size_t n)
{
	__vf_require_read(from, n);
}

void memset_io(volatile void *to, int byte, size_t n)
{
}

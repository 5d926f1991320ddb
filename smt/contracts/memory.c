// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the functions that move and compare bytes: memcpy and its kin.
 *
 * C11 7.24.1p2 wants valid pointers even when the length is 0; every implementation (and C2y, N3322) allows
 * null then, and so do these models.
 */
typedef __SIZE_TYPE__ size_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_no_overlap(const void *p, const void *q, size_t n);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/* C11 7.24.2.1: n bytes of src are read, n of dst written; the two do not overlap. */
#define MODEL_MEMCPY(name)                                                                         \
	void *name(void *dst, const void *src, size_t n)                                           \
	{                                                                                          \
		__vf_require_read(src, n);                                                         \
		__vf_require_write(dst, n);                                                        \
		__vf_require_no_overlap(dst, src, n);                                              \
		__vf_copy(dst, src, n);                                                            \
		return dst;                                                                        \
	}
MODEL_MEMCPY(memcpy)
MODEL_MEMCPY(__memcpy)

/* GNU mempcpy(3): memcpy that returns the end. */
void *mempcpy(void *dst, const void *src, size_t n)
{
	__vf_require_read(src, n);
	__vf_require_write(dst, n);
	__vf_require_no_overlap(dst, src, n);
	__vf_copy(dst, src, n);
	return (char *)dst + n;
}

/* C11 7.24.2.2: as memcpy, overlap allowed. */
#define MODEL_MEMMOVE(name)                                                                        \
	void *name(void *dst, const void *src, size_t n)                                           \
	{                                                                                          \
		__vf_require_read(src, n);                                                         \
		__vf_require_write(dst, n);                                                        \
		__vf_copy(dst, src, n);                                                            \
		return dst;                                                                        \
	}
MODEL_MEMMOVE(memmove)
MODEL_MEMMOVE(__memmove)

/* POSIX.1-2001 bcopy: memmove with the operands the other way round. */
void bcopy(const void *src, void *dst, size_t n)
{
	__vf_require_read(src, n);
	__vf_require_write(dst, n);
	__vf_copy(dst, src, n);
}

/* C11 7.24.6.1: n bytes of dst become (unsigned char)byte. */
#define MODEL_MEMSET(name)                                                                         \
	void *name(void *dst, int byte, size_t n)                                                  \
	{                                                                                          \
		__vf_require_write(dst, n);                                                        \
		__vf_fill(dst, byte, n);                                                           \
		return dst;                                                                        \
	}
MODEL_MEMSET(memset)
MODEL_MEMSET(__memset)

/* POSIX.1-2001 bzero, glibc explicit_bzero(3), kernel memzero_explicit: n zero bytes. */
#define MODEL_BZERO(name)                                                                          \
	void name(void *dst, size_t n)                                                             \
	{                                                                                          \
		__vf_require_write(dst, n);                                                        \
		__vf_fill(dst, 0, n);                                                              \
	}
MODEL_BZERO(bzero)
MODEL_BZERO(explicit_bzero)
MODEL_BZERO(memzero_explicit)

/*
 * C11 7.24.4.1: compares n bytes of both. Only that equal pointers and a length of 0 compare equal is
 * known of the result.
 */
#define MODEL_MEMCMP(name)                                                                         \
	int name(const void *a, const void *b, size_t n)                                           \
	{                                                                                          \
		int result = 0;                                                                    \
		__vf_require_read(a, n);                                                           \
		__vf_require_read(b, n);                                                           \
		if (n != 0 && a != b)                                                              \
			result = __vf_nondet_int();                                                \
		return result;                                                                     \
	}
MODEL_MEMCMP(memcmp)
MODEL_MEMCMP(bcmp)

/* C11 7.24.5.1: null, or the address of one of the n bytes. */
void *memchr(const void *s, int c, size_t n)
{
	__vf_require_read(s, n);
	if (n != 0 && __vf_nondet_bool()) {
		size_t at = __vf_nondet_ulong();
		__vf_assume(at < n);
		return (char *)s + at;
	}
	return 0;
}

/* glibc memrchr(3): as memchr, from the end. */
void *memrchr(const void *s, int c, size_t n)
{
	__vf_require_read(s, n);
	if (n != 0 && __vf_nondet_bool()) {
		size_t at = __vf_nondet_ulong();
		__vf_assume(at < n);
		return (char *)s + at;
	}
	return 0;
}

/* kernel-doc memchr_inv: null when all n bytes are c, else the address of one that is not. */
void *memchr_inv(const void *s, int c, size_t n)
{
	__vf_require_read(s, n);
	if (n != 0 && __vf_nondet_bool()) {
		size_t at = __vf_nondet_ulong();
		__vf_assume(at < n);
		return (char *)s + at;
	}
	return 0;
}

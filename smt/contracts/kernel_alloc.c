// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the Linux kernel's allocators (kernel-doc, "Memory Allocation Guide"; include/linux/slab.h).
 *
 * Every allocation may fail. `flags & 0x100` is __GFP_ZERO (include/linux/gfp_types.h). The special pointer that
 * the kernel returns for 0 bytes is an object without bytes here. Objects of a kmem_cache are not modelled:
 * their size is a run-time value of the cache.
 *
 * SIZE_MAX is how struct_size, array_size and size_add say that a size does not fit; an allocator that is asked for it returns
 * null (include/linux/overflow.h). Any other size above PTRDIFF_MAX is a mistake that nobody made on purpose.
 */
typedef __SIZE_TYPE__ size_t;
typedef unsigned int gfp_t;

void __vf_require_freeable(void *p);
void __vf_require_allocation(size_t n);
void __vf_require_read(const void *p, size_t n);
void __vf_require_string(const char *p);
size_t __vf_strlen(const char *p);
size_t __vf_object_size(const void *p);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void *__vf_alloc(size_t n);
void *__vf_alloc_zeroed(size_t n);
void __vf_free(void *p);

#define FLAG_ZERO 0x100U

#define SATURATED ((size_t)-1)

#define BODY_ALLOC(n, flags)                                                                       \
	if ((n) == SATURATED)                                                                      \
		return 0;                                                                          \
	__vf_require_allocation(n);                                                                \
	if ((flags) & FLAG_ZERO)                                                                   \
		return __vf_alloc_zeroed(n);                                                       \
	return __vf_alloc(n);

#define BODY_ZALLOC(n)                                                                             \
	if ((n) == SATURATED)                                                                      \
		return 0;                                                                          \
	__vf_require_allocation(n);                                                                \
	return __vf_alloc_zeroed(n);

/* kmalloc: size bytes, physically contiguous; indeterminate unless __GFP_ZERO. */
void *kmalloc(size_t size, gfp_t flags)
{
	BODY_ALLOC(size, flags)
}

void *__kmalloc(size_t size, gfp_t flags)
{
	BODY_ALLOC(size, flags)
}

void *__kmalloc_noprof(size_t size, gfp_t flags)
{
	BODY_ALLOC(size, flags)
}

void *kmalloc_large(size_t size, gfp_t flags)
{
	BODY_ALLOC(size, flags)
}

void *kmalloc_trace(void *cache, gfp_t flags, size_t size)
{
	BODY_ALLOC(size, flags)
}

void *kmalloc_node(size_t size, gfp_t flags, int node)
{
	BODY_ALLOC(size, flags)
}

void *__kmalloc_node(size_t size, gfp_t flags, int node)
{
	BODY_ALLOC(size, flags)
}

void *kmalloc_node_trace(void *cache, gfp_t flags, int node, size_t size)
{
	BODY_ALLOC(size, flags)
}

void *kmalloc_large_node(size_t size, gfp_t flags, int node)
{
	BODY_ALLOC(size, flags)
}

/* kvmalloc: kmalloc, falling back to vmalloc. */
void *kvmalloc(size_t size, gfp_t flags)
{
	BODY_ALLOC(size, flags)
}

void *kvmalloc_node(size_t size, gfp_t flags, int node)
{
	BODY_ALLOC(size, flags)
}

/* kzalloc, kvzalloc: the same, zeroed. */
void *kzalloc(size_t size, gfp_t flags)
{
	BODY_ZALLOC(size)
}

void *kzalloc_node(size_t size, gfp_t flags, int node)
{
	BODY_ZALLOC(size)
}

void *kvzalloc(size_t size, gfp_t flags)
{
	BODY_ZALLOC(size)
}

/* vmalloc, vzalloc, and the variants for user mappings: virtually contiguous. */
void *vmalloc(unsigned long size)
{
	BODY_ALLOC(size, 0)
}

void *vmalloc_user(unsigned long size)
{
	BODY_ZALLOC(size)
}

void *vzalloc(unsigned long size)
{
	BODY_ZALLOC(size)
}

/* kmalloc_array, kcalloc and kin: n * size bytes; null when the product does not fit size_t. */
#define MODEL_ARRAY(name, allocate)                                                                \
	void *name(size_t n, size_t size, gfp_t flags)                                             \
	{                                                                                          \
		size_t bytes;                                                                      \
		if (__builtin_mul_overflow(n, size, &bytes))                                       \
			return 0;                                                                  \
		allocate                                                                           \
	}
MODEL_ARRAY(kmalloc_array, BODY_ALLOC(bytes, flags))
MODEL_ARRAY(kvmalloc_array, BODY_ALLOC(bytes, flags))
MODEL_ARRAY(kcalloc, BODY_ZALLOC(bytes))
MODEL_ARRAY(kvcalloc, BODY_ZALLOC(bytes))

/* krealloc: as realloc(3), but null for p and size 0 frees (kernel-doc); the old contents are kept. */
void *krealloc(const void *p, size_t size, gfp_t flags)
{
	void *fresh;
	size_t old;

	__vf_require_freeable((void *)p);
	if (size == SATURATED)
		return 0;
	__vf_require_allocation(size);
	if (size == 0) {
		__vf_free((void *)p);
		return (void *)16UL;
	}
	if (flags & FLAG_ZERO)
		fresh = __vf_alloc_zeroed(size);
	else
		fresh = __vf_alloc(size);
	if (fresh && p) {
		old = __vf_object_size(p);
		__vf_copy(fresh, p, old < size ? old : size);
		__vf_free((void *)p);
	}
	return fresh;
}

/* kfree and kin: null, or what an allocator returned and what was not freed since. */
#define MODEL_FREE(name)                                                                           \
	void name(const void *p)                                                                   \
	{                                                                                          \
		__vf_require_freeable((void *)p);                                                  \
		__vf_free((void *)p);                                                              \
	}
MODEL_FREE(kfree)
MODEL_FREE(kvfree)
MODEL_FREE(vfree)
MODEL_FREE(kfree_sensitive)
MODEL_FREE(kfree_const)

/* devm_k*: freed with the device, which is behind the end of the function. */
void *devm_kmalloc(void *dev, size_t size, gfp_t flags)
{
	BODY_ALLOC(size, flags)
}

void *devm_kzalloc(void *dev, size_t size, gfp_t flags)
{
	BODY_ZALLOC(size)
}

#define MODEL_DEVM_ARRAY(name, allocate)                                                           \
	void *name(void *dev, size_t n, size_t size, gfp_t flags)                                  \
	{                                                                                          \
		size_t bytes;                                                                      \
		if (__builtin_mul_overflow(n, size, &bytes))                                       \
			return 0;                                                                  \
		allocate                                                                           \
	}
MODEL_DEVM_ARRAY(devm_kmalloc_array, BODY_ALLOC(bytes, flags))
MODEL_DEVM_ARRAY(devm_kcalloc, BODY_ZALLOC(bytes))

void devm_kfree(void *dev, const void *p)
{
	__vf_require_freeable((void *)p);
	__vf_free((void *)p);
}

/* kstrdup: a copy of the string; null for null or without memory. */
char *kstrdup(const char *s, gfp_t flags)
{
	size_t n;
	char *copy;

	if (!s)
		return 0;
	__vf_require_string(s);
	n = __vf_strlen(s) + 1;
	copy = __vf_alloc(n);
	if (copy)
		__vf_copy(copy, s, n);
	return copy;
}

/* kstrndup: a copy of at most max characters, with a terminator. */
char *kstrndup(const char *s, size_t max, gfp_t flags)
{
	size_t n = 0;
	char *copy;

	if (!s)
		return 0;
	if (max != 0) {
		if (__vf_object_size(s) < max)
			__vf_require_string(s);
		else
			__vf_require_read(s, max);
		n = __vf_strlen(s);
		if (n > max)
			n = max;
	}
	copy = __vf_alloc(n + 1);
	if (copy) {
		__vf_copy(copy, s, n);
		__vf_fill(copy + n, 0, 1);
	}
	return copy;
}

/* kmemdup, kmemdup_nul: a copy of len bytes (and a terminator). */
void *kmemdup(const void *src, size_t len, gfp_t flags)
{
	void *copy;

	__vf_require_allocation(len);
	__vf_require_read(src, len);
	copy = __vf_alloc(len);
	if (copy)
		__vf_copy(copy, src, len);
	return copy;
}

char *kmemdup_nul(const char *s, size_t len, gfp_t flags)
{
	char *copy;

	if (!s)
		return 0;
	__vf_require_allocation(len);
	__vf_require_read(s, len);
	copy = __vf_alloc(len + 1);
	if (copy) {
		__vf_copy(copy, s, len);
		__vf_fill(copy + len, 0, 1);
	}
	return copy;
}

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_OVERFLOW_H
#define LINUX_OVERFLOW_H

#include <linux/types.h>

#define SIZE_MAX (~(size_t)0)

#define check_add_overflow(a, b, result) __builtin_add_overflow(a, b, result)
#define check_sub_overflow(a, b, result) __builtin_sub_overflow(a, b, result)
#define check_mul_overflow(a, b, result) __builtin_mul_overflow(a, b, result)

/* Both give the largest size when the result does not fit, which no allocator has. */
static inline size_t size_add(size_t a, size_t b)
{
	size_t sum;

	if (check_add_overflow(a, b, &sum))
		return SIZE_MAX;
	return sum;
}

static inline size_t array_size(size_t count, size_t size)
{
	size_t product;

	if (check_mul_overflow(count, size, &product))
		return SIZE_MAX;
	return product;
}

/* Size of a structure with a flexible array of `count` elements at its end. */
#define struct_size(pointer, member, count) \
	size_add(sizeof(*(pointer)), array_size(count, sizeof((pointer)->member[0])))

#endif

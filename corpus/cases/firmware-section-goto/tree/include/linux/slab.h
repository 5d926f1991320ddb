/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_SLAB_H
#define LINUX_SLAB_H

#include <linux/types.h>

#define GFP_KERNEL 0xcc0U

void *kmalloc(size_t size, gfp_t flags);
void *kzalloc(size_t size, gfp_t flags);
void *kmalloc_array(size_t n, size_t size, gfp_t flags);
void *kcalloc(size_t n, size_t size, gfp_t flags);
void kfree(const void *ptr);

#endif

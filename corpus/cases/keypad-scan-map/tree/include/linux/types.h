/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_TYPES_H
#define LINUX_TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;
typedef unsigned int gfp_t;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)
#define __user

#endif

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_OVERFLOW_H
#define LINUX_OVERFLOW_H

#define check_add_overflow(a, b, result) __builtin_add_overflow(a, b, result)
#define check_sub_overflow(a, b, result) __builtin_sub_overflow(a, b, result)
#define check_mul_overflow(a, b, result) __builtin_mul_overflow(a, b, result)

#endif

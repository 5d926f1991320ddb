/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_UACCESS_H
#define LINUX_UACCESS_H

#include <linux/types.h>

/* Both return the number of bytes that could not be copied. */
unsigned long copy_from_user(void *to, const void __user *from, unsigned long n);
unsigned long copy_to_user(void __user *to, const void *from, unsigned long n);

#define u64_to_user_ptr(value) ((void __user *)(unsigned long)(value))

#endif

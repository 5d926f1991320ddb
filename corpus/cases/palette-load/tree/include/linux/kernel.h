/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_KERNEL_H
#define LINUX_KERNEL_H

#include <linux/types.h>

#define INT_MAX 0x7fffffff
#define UINT_MAX 0xffffffffU
#define PAGE_SIZE 4096UL

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define min_t(type, a, b) ({ type min_a = (a); type min_b = (b); min_a < min_b ? min_a : min_b; })
#define max_t(type, a, b) ({ type max_a = (a); type max_b = (b); max_a > max_b ? max_a : max_b; })

int sprintf(char *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int scnprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int kstrtouint(const char *s, unsigned int base, unsigned int *res);
int kstrtoint(const char *s, unsigned int base, int *res);

int _printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define pr_debug(fmt, ...) _printk("debug: " fmt, ##__VA_ARGS__)
#define pr_err(fmt, ...) _printk("error: " fmt, ##__VA_ARGS__)

#endif

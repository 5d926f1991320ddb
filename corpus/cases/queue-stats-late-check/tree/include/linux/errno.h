/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef LINUX_ERRNO_H
#define LINUX_ERRNO_H

#define ENOENT 2
#define E2BIG 7
#define ENOMEM 12
#define EFAULT 14
#define ENODEV 19
#define EINVAL 22
#define ENOTTY 25
#define ENOSPC 28
#define ERANGE 34
#define ENAMETOOLONG 36
#define EOVERFLOW 75

#endif

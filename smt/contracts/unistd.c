// SPDX-License-Identifier: MIT OR Apache-2.0
/* Models of <unistd.h> and <sys/socket.h>: input is any data, and as much of it as the call allows. */
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
size_t __vf_strlen(const char *p);
void __vf_havoc(void *dst, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/* POSIX.1-2008 read, pread, recv: -1, or the number of bytes received, at most n and at most SSIZE_MAX. */
#define MODEL_READ(name, parameters)                                                               \
	ssize_t name parameters                                                                    \
	{                                                                                          \
		size_t done;                                                                       \
		__vf_require_write(buf, n);                                                        \
		if (__vf_nondet_bool())                                                            \
			return -1;                                                                 \
		done = __vf_nondet_ulong();                                                        \
		__vf_assume(done <= n && done <= __PTRDIFF_MAX__);                                 \
		__vf_havoc(buf, done);                                                             \
		return (ssize_t)done;                                                              \
	}
MODEL_READ(read, (int fd, void *buf, size_t n))
MODEL_READ(pread, (int fd, void *buf, size_t n, long offset))
MODEL_READ(recv, (int fd, void *buf, size_t n, int flags))

/* POSIX.1-2008 write, pwrite, send: -1, or the number of bytes taken. */
#define MODEL_WRITE(name, parameters)                                                              \
	ssize_t name parameters                                                                    \
	{                                                                                          \
		size_t done;                                                                       \
		__vf_require_read(buf, n);                                                         \
		if (__vf_nondet_bool())                                                            \
			return -1;                                                                 \
		done = __vf_nondet_ulong();                                                        \
		__vf_assume(done <= n && done <= __PTRDIFF_MAX__);                                 \
		return (ssize_t)done;                                                              \
	}
MODEL_WRITE(write, (int fd, const void *buf, size_t n))
MODEL_WRITE(pwrite, (int fd, const void *buf, size_t n, long offset))
MODEL_WRITE(send, (int fd, const void *buf, size_t n, int flags))

/* POSIX.1-2008 readlink: the target without a terminator. */
ssize_t readlink(const char *path, char *buf, size_t n)
{
	size_t done;

	__vf_require_string(path);
	__vf_require_write(buf, n);
	if (__vf_nondet_bool())
		return -1;
	done = __vf_nondet_ulong();
	__vf_assume(done <= n && done <= __PTRDIFF_MAX__);
	__vf_havoc(buf, done);
	return (ssize_t)done;
}

/* POSIX.1-2008 gethostname: on success up to n bytes; whether a truncated name is terminated is unspecified. */
int gethostname(char *buf, size_t n)
{
	size_t length;

	__vf_require_write(buf, n);
	if (__vf_nondet_bool())
		return -1;
	length = __vf_nondet_ulong();
	__vf_assume(length <= n);
	__vf_havoc(buf, length);
	if (length < n)
		__vf_fill(buf + length, 0, 1);
	return 0;
}

/* POSIX.1-2008 close, and calls that touch no memory. */
int close(int fd)
{
	return __vf_nondet_int();
}

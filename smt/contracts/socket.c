// SPDX-License-Identifier: MIT OR Apache-2.0
/* Models of <sys/socket.h>, <arpa/inet.h> and <time.h>: what comes from outside is any data. */
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_havoc(void *dst, size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
unsigned int __vf_nondet_uint(void);
long __vf_nondet_long(void);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/* POSIX.1-2008: a file descriptor, or -1. */
static int __vf_descriptor(void)
{
	int fd = __vf_nondet_int();

	__vf_assume(fd >= -1);
	return fd;
}

/* POSIX.1-2008: 0, or -1 after an error. */
static int __vf_success(void)
{
	return __vf_nondet_bool() ? 0 : -1;
}

int socket(int domain, int type, int protocol)
{
	return __vf_descriptor();
}

int listen(int fd, int backlog)
{
	return __vf_success();
}

int shutdown(int fd, int how)
{
	return __vf_success();
}

int bind(int fd, const void *address, unsigned int length)
{
	__vf_require_read(address, length);
	return __vf_success();
}

int connect(int fd, const void *address, unsigned int length)
{
	__vf_require_read(address, length);
	return __vf_success();
}

int setsockopt(int fd, int level, int name, const void *value, unsigned int length)
{
	__vf_require_read(value, length);
	return __vf_success();
}

/* The address of the other side, cut to what *length says, and its whole length in *length. */
static void __vf_give_address(void *address, unsigned int *length)
{
	size_t done;

	if (!address)
		return;
	__vf_require_read(length, sizeof(*length));
	__vf_require_write(length, sizeof(*length));
	__vf_require_write(address, *length);
	done = __vf_nondet_ulong();
	__vf_assume(done <= *length);
	__vf_havoc(address, done);
	*length = __vf_nondet_uint();
}

/* POSIX.1-2008 accept, getsockname, getpeername. */
int accept(int fd, void *address, unsigned int *length)
{
	__vf_give_address(address, length);
	return __vf_descriptor();
}

int getsockname(int fd, void *address, unsigned int *length)
{
	__vf_give_address(address, length);
	return __vf_success();
}

int getpeername(int fd, void *address, unsigned int *length)
{
	__vf_give_address(address, length);
	return __vf_success();
}

/* POSIX.1-2008 recvfrom, sendto: as recv and send, with an address. */
ssize_t recvfrom(int fd, void *buf, size_t n, int flags, void *address, unsigned int *length)
{
	size_t done;

	__vf_require_write(buf, n);
	__vf_give_address(address, length);
	if (__vf_nondet_bool())
		return -1;
	done = __vf_nondet_ulong();
	__vf_assume(done <= n && done <= __PTRDIFF_MAX__);
	__vf_havoc(buf, done);
	return (ssize_t)done;
}

ssize_t sendto(int fd, const void *buf, size_t n, int flags, const void *address, unsigned int length)
{
	size_t done;

	__vf_require_read(buf, n);
	if (address)
		__vf_require_read(address, length);
	if (__vf_nondet_bool())
		return -1;
	done = __vf_nondet_ulong();
	__vf_assume(done <= n && done <= __PTRDIFF_MAX__);
	return (ssize_t)done;
}

/* POSIX.1-2008 htonl and kin: network order has the highest byte first. */
unsigned short htons(unsigned short host)
{
	return __builtin_bswap16(host);
}

unsigned short ntohs(unsigned short network)
{
	return __builtin_bswap16(network);
}

unsigned int htonl(unsigned int host)
{
	return __builtin_bswap32(host);
}

unsigned int ntohl(unsigned int network)
{
	return __builtin_bswap32(network);
}

/* POSIX.1-2008 inet_addr; inet(3) inet_aton: an address of 4 bytes. */
unsigned int inet_addr(const char *text)
{
	__vf_require_string(text);
	return __vf_nondet_uint();
}

int inet_aton(const char *text, void *address)
{
	__vf_require_string(text);
	__vf_require_write(address, 4);
	if (__vf_nondet_bool())
		return 0;
	__vf_havoc(address, 4);
	return 1;
}

/* C11 7.27.2.4: the time, in *result too unless that is null. */
long time(long *result)
{
	long now = __vf_nondet_long();

	if (result) {
		__vf_require_write(result, sizeof(long));
		*result = now;
	}
	return now;
}

/* C11 7.27.2.1. */
long clock(void)
{
	return __vf_nondet_long();
}

/* POSIX.1-2008 sleep, usleep. */
unsigned int sleep(unsigned int seconds)
{
	unsigned int left = __vf_nondet_uint();

	__vf_assume(left <= seconds);
	return left;
}

int usleep(unsigned int microseconds)
{
	return __vf_success();
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of the checked spellings that glibc's _FORTIFY_SOURCE puts in place of the plain functions (Linux Standard
 * Base, "__memcpy_chk" and following). The check would stop the program where the size of the object, as far as
 * the compiler saw it, does not suffice. The models ask for the same as the plain functions do: what the
 * check catches at run time is still a violation.
 */
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_require_no_overlap(const void *p, const void *q, size_t n);
size_t __vf_strlen(const char *p);
size_t __vf_object_size(const void *p);
void __vf_copy(void *dst, const void *src, size_t n);
void __vf_fill(void *dst, int byte, size_t n);
void __vf_havoc(void *dst, size_t n);
void __vf_assume(_Bool condition);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);
int __vf_nondet_int(void);
void __vf_unreachable(void);

void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room)
{
	__vf_require_read(src, n);
	__vf_require_write(dst, n);
	__vf_require_no_overlap(dst, src, n);
	__vf_copy(dst, src, n);
	return dst;
}

void *__memmove_chk(void *dst, const void *src, size_t n, size_t room)
{
	__vf_require_read(src, n);
	__vf_require_write(dst, n);
	__vf_copy(dst, src, n);
	return dst;
}

void *__memset_chk(void *dst, int byte, size_t n, size_t room)
{
	__vf_require_write(dst, n);
	__vf_fill(dst, byte, n);
	return dst;
}

char *__strcpy_chk(char *dst, const char *src, size_t room)
{
	size_t n;

	__vf_require_string(src);
	n = __vf_strlen(src) + 1;
	__vf_require_write(dst, n);
	__vf_require_no_overlap(dst, src, n);
	__vf_copy(dst, src, n);
	return dst;
}

char *__strcat_chk(char *dst, const char *src, size_t room)
{
	size_t at, n;

	__vf_require_string(dst);
	__vf_require_string(src);
	at = __vf_strlen(dst);
	n = __vf_strlen(src) + 1;
	__vf_require_write(dst + at, n);
	__vf_require_no_overlap(dst + at, src, n);
	__vf_copy(dst + at, src, n);
	return dst;
}

char *__strncpy_chk(char *dst, const char *src, size_t n, size_t room)
{
	size_t length = 0;

	if (n != 0) {
		if (__vf_object_size(src) < n)
			__vf_require_string(src);
		else
			__vf_require_read(src, n);
		length = __vf_strlen(src);
		if (length > n)
			length = n;
	}
	__vf_require_write(dst, n);
	__vf_require_no_overlap(dst, src, length);
	__vf_copy(dst, src, length);
	__vf_fill(dst + length, 0, n - length);
	return dst;
}

char *__fgets_chk(char *buf, size_t room, int n, void *stream)
{
	size_t length;

	if (n <= 0)
		return 0;
	__vf_require_write(buf, (size_t)n);
	length = __vf_nondet_ulong();
	__vf_assume(length < (size_t)n);
	if (__vf_nondet_bool()) {
		__vf_havoc(buf, length);
		return 0;
	}
	__vf_assume(length != 0 || n == 1);
	__vf_havoc(buf, length);
	__vf_fill(buf + length, 0, 1);
	return buf;
}

ssize_t __read_chk(int fd, void *buf, size_t n, size_t room)
{
	size_t done;

	__vf_require_write(buf, n);
	if (__vf_nondet_bool())
		return -1;
	done = __vf_nondet_ulong();
	__vf_assume(done <= n && done <= __PTRDIFF_MAX__);
	__vf_havoc(buf, done);
	return (ssize_t)done;
}

/* printf to a stream with a flag in front (glibc): the flag only forbids %n. */
int __printf_chk(int flag, const char *format, ...)
{
	__vf_require_string(format);
	return __vf_nondet_int();
}

int __fprintf_chk(void *stream, int flag, const char *format, ...)
{
	__vf_require_string(format);
	return __vf_nondet_int();
}

/* Stops the program after a failed check. */
void __chk_fail(void)
{
	__vf_unreachable();
}

void __stack_chk_fail(void)
{
	__vf_unreachable();
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of <stdio.h>. A stream is opaque: what is read is any data, what is written leaves the program. The
 * functions that format into memory (sprintf and its kin) are not here; the program computes their lengths
 * from the format and rewrites the call. For those that format to a stream, the same pass checks the string
 * arguments.
 */
typedef __SIZE_TYPE__ size_t;

void __vf_require_read(const void *p, size_t n);
void __vf_require_write(void *p, size_t n);
void __vf_require_string(const char *p);
void __vf_require(_Bool condition, const char *what);
void __vf_fill(void *dst, int byte, size_t n);
void __vf_havoc(void *dst, size_t n);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);
size_t __vf_nondet_ulong(void);
_Bool __vf_nondet_bool(void);

/* C11 7.21.7.9, 7.21.7.4: the string leaves the program. */
int puts(const char *s)
{
	__vf_require_string(s);
	return __vf_nondet_int();
}

int fputs(const char *s, void *stream)
{
	__vf_require_string(s);
	return __vf_nondet_int();
}

/* C11 7.21.10.4: null and the empty string are allowed. */
void perror(const char *s)
{
	if (s)
		__vf_require_string(s);
}

/* C11 7.21.6.1, 7.21.6.3: any result; %n is not allowed for (see the format pass). */
int printf(const char *format, ...)
{
	__vf_require_string(format);
	return __vf_nondet_int();
}

int fprintf(void *stream, const char *format, ...)
{
	__vf_require_string(format);
	return __vf_nondet_int();
}

int dprintf(int fd, const char *format, ...)
{
	__vf_require_string(format);
	return __vf_nondet_int();
}

/* C11 7.21.7: a character as unsigned char, or EOF (-1). */
#define MODEL_GETC(name, parameters)                                                               \
	int name parameters                                                                        \
	{                                                                                          \
		int result = __vf_nondet_int();                                                    \
		__vf_assume(result >= -1 && result <= 255);                                        \
		return result;                                                                     \
	}
MODEL_GETC(getchar, (void))
MODEL_GETC(fgetc, (void *stream))
MODEL_GETC(getc, (void *stream))
MODEL_GETC(putchar, (int c))
MODEL_GETC(fputc, (int c, void *stream))
MODEL_GETC(putc, (int c, void *stream))
MODEL_GETC(ungetc, (int c, void *stream))

/*
 * C11 7.21.7.2: at most n - 1 bytes and a terminator; null at the end of the file (nothing written) or after
 * an error (contents indeterminate).
 */
char *fgets(char *buf, int n, void *stream)
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

/* Removed in C11; C99 7.19.7.7: a line of any length. No buffer is large enough. */
char *gets(char *buf)
{
	size_t length = __vf_nondet_ulong();

	__vf_assume(length < __PTRDIFF_MAX__);
	if (__vf_nondet_bool())
		return 0;
	__vf_require_write(buf, length + 1);
	__vf_havoc(buf, length);
	__vf_fill(buf + length, 0, 1);
	return buf;
}

/* C11 7.21.8.1: count elements of size bytes, or fewer; of a partial one the value is indeterminate. */
size_t fread(void *buf, size_t size, size_t count, void *stream)
{
	size_t bytes, done, elements;

	__vf_require(!__builtin_mul_overflow(size, count, &bytes), "fread: size * count fits size_t");
	__vf_require_write(buf, bytes);
	done = __vf_nondet_ulong();
	__vf_assume(done <= bytes);
	__vf_havoc(buf, done);
	if (size == 0 || count == 0)
		return 0;
	if (size == 1)
		return done;
	elements = __vf_nondet_ulong();
	__vf_assume(elements <= count && (elements == count) == (done == bytes) && (elements == 0) == (done < size));
	return elements;
}

/* C11 7.21.8.2. */
size_t fwrite(const void *buf, size_t size, size_t count, void *stream)
{
	size_t bytes, elements;

	__vf_require(!__builtin_mul_overflow(size, count, &bytes), "fwrite: size * count fits size_t");
	__vf_require_read(buf, bytes);
	if (size == 0 || count == 0)
		return 0;
	elements = __vf_nondet_ulong();
	__vf_assume(elements <= count);
	return elements;
}

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
long __vf_nondet_long(void);
size_t __vf_strlen(const char *p);
size_t __vf_object_size(const void *p);
void *__vf_alloc(size_t n);
void *__vf_alloc_nofail(size_t n);
void __vf_free(void *p);
void __vf_require_freeable(void *p);
void __vf_copy(void *dst, const void *src, size_t n);

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

int vprintf(const char *format, __builtin_va_list arguments)
{
	__vf_require_string(format);
	return __vf_nondet_int();
}

int vfprintf(void *stream, const char *format, __builtin_va_list arguments)
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

/*
 * C11 7.21.5.3: null, or a stream: an object of its own, of which the program sees only the address. It begins
 * behind the start of its object, so that freeing it is a violation.
 */
#define MODEL_FOPEN(name, parameters, checks)                                                      \
	void *name parameters                                                                      \
	{                                                                                          \
		checks                                                                             \
		if (__vf_nondet_bool())                                                            \
			return 0;                                                                  \
		return (char *)__vf_alloc_nofail(2) + 1;                                           \
	}
MODEL_FOPEN(fopen, (const char *path, const char *mode), __vf_require_string(path); __vf_require_string(mode);)
MODEL_FOPEN(fdopen, (int fd, const char *mode), __vf_require_string(mode);)
MODEL_FOPEN(popen, (const char *command, const char *mode), __vf_require_string(command); __vf_require_string(mode);)
MODEL_FOPEN(tmpfile, (void), )

/* C11 7.21.5.1, 7.21.9, 7.21.10: calls on a stream that touch no memory of the program. */
#define MODEL_STREAM(type, name, parameters, nondet)                                               \
	type name parameters                                                                       \
	{                                                                                          \
		__vf_require(stream != 0, #name ": the stream is not null");                       \
		return nondet();                                                                   \
	}
MODEL_STREAM(int, fclose, (void *stream), __vf_nondet_int)
MODEL_STREAM(int, pclose, (void *stream), __vf_nondet_int)
MODEL_STREAM(int, feof, (void *stream), __vf_nondet_int)
MODEL_STREAM(int, ferror, (void *stream), __vf_nondet_int)
MODEL_STREAM(int, fileno, (void *stream), __vf_nondet_int)
MODEL_STREAM(int, fseek, (void *stream, long offset, int from), __vf_nondet_int)
MODEL_STREAM(long, ftell, (void *stream), __vf_nondet_long)

void rewind(void *stream)
{
	__vf_require(stream != 0, "rewind: the stream is not null");
}

void clearerr(void *stream)
{
	__vf_require(stream != 0, "clearerr: the stream is not null");
}

/* C11 7.21.5.2: null flushes every stream. */
int fflush(void *stream)
{
	return __vf_nondet_int();
}

/* C11 7.21.4.1, 7.21.4.2. */
int remove(const char *path)
{
	__vf_require_string(path);
	return __vf_nondet_int();
}

int rename(const char *from, const char *to)
{
	__vf_require_string(from);
	__vf_require_string(to);
	return __vf_nondet_int();
}

/*
 * POSIX.1-2008 getline, getdelim: a line with its delimiter and a NUL, in *line, which is as large as *room says or
 * null and made to fit; -1 at the end of the file.
 */
#define MODEL_GETLINE(name, parameters)                                                            \
	long name parameters                                                                       \
	{                                                                                          \
		size_t length, size;                                                               \
		char *text;                                                                        \
		__vf_require_write(line, sizeof(char *));                                          \
		__vf_require_write(room, sizeof(size_t));                                          \
		text = *line;                                                                      \
		length = __vf_nondet_ulong();                                                      \
		__vf_assume(length < __PTRDIFF_MAX__);                                             \
		size = text ? *room : 0;                                                           \
		if (size <= length) {                                                              \
			__vf_require_freeable(text);                                               \
			text = __vf_alloc(length + 1);                                             \
			if (!text)                                                                 \
				return -1;                                                         \
			__vf_free(*line);                                                          \
			*line = text;                                                              \
			*room = length + 1;                                                        \
		}                                                                                  \
		__vf_require_write(text, length + 1);                                              \
		if (__vf_nondet_bool())                                                            \
			return -1;                                                                 \
		__vf_assume(length != 0);                                                          \
		__vf_havoc(text, length);                                                          \
		__vf_fill(text + length, 0, 1);                                                    \
		return (long)length;                                                               \
	}
MODEL_GETLINE(getline, (char **line, size_t *room, void *stream))
MODEL_GETLINE(getdelim, (char **line, size_t *room, int delimiter, void *stream))

/*
 * Functions of the kernel that compute their results (lib/kstrtox.c, lib/vsprintf.c), for runs in which no
 * counterexample decides what they return. Weak: a program's own definition wins.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WEAK __attribute__((weak))

/* The whole text is digits, with at most a newline behind them. */
static int digits(const char *s, unsigned base, unsigned long long *result)
{
	char *end;
	unsigned long long value;

	if (base == 0)
		base = s[0] != '0' ? 10 : (s[1] == 'x' || s[1] == 'X') ? 16 : 8;
	if (*s == '+' || *s == '-' || *s == ' ' || (*s >= '\t' && *s <= '\r'))
		return -EINVAL;
	errno = 0;
	value = strtoull(s, &end, base);
	if (errno == ERANGE)
		return -ERANGE;
	if (end == s)
		return -EINVAL;
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	*result = value;
	return 0;
}

static int unsigned_number(const char *s, unsigned base, unsigned long long most, unsigned long long *result)
{
	int error = digits(s + (*s == '+'), base, result);

	return error ? error : *result > most ? -ERANGE : 0;
}

static int signed_number(const char *s, unsigned base, long long most, long long *result)
{
	unsigned long long value;
	int negative = *s == '-';
	int error = digits(s + (*s == '-' || *s == '+'), base, &value);

	if (error)
		return error;
	if (value > (unsigned long long)most + negative)
		return -ERANGE;
	*result = negative ? (long long)-value : (long long)value;
	return 0;
}

#define UNSIGNED(name, type, most)                                              \
	WEAK int name(const char *s, unsigned base, type *result)               \
	{                                                                       \
		unsigned long long value;                                       \
		int error = unsigned_number(s, base, most, &value);             \
		if (!error)                                                     \
			*result = (type)value;                                  \
		return error;                                                   \
	}
#define SIGNED(name, type, most)                                                \
	WEAK int name(const char *s, unsigned base, type *result)               \
	{                                                                       \
		long long value;                                                \
		int error = signed_number(s, base, most, &value);               \
		if (!error)                                                     \
			*result = (type)value;                                  \
		return error;                                                   \
	}
UNSIGNED(kstrtouint, unsigned int, UINT_MAX)
UNSIGNED(kstrtoul, unsigned long, ULONG_MAX)
UNSIGNED(_kstrtoul, unsigned long, ULONG_MAX)
UNSIGNED(kstrtoull, unsigned long long, ULLONG_MAX)
UNSIGNED(kstrtou8, unsigned char, UCHAR_MAX)
UNSIGNED(kstrtou16, unsigned short, USHRT_MAX)
SIGNED(kstrtoint, int, INT_MAX)
SIGNED(kstrtol, long, LONG_MAX)
SIGNED(_kstrtol, long, LONG_MAX)
SIGNED(kstrtoll, long long, LLONG_MAX)
SIGNED(kstrtos8, signed char, SCHAR_MAX)
SIGNED(kstrtos16, short, SHRT_MAX)

WEAK int kstrtobool(const char *s, _Bool *result)
{
	if (!s)
		return -EINVAL;
	if (strchr("yYtT1", *s) && *s)
		*result = 1;
	else if (strchr("nNfF0", *s) && *s)
		*result = 0;
	else if ((*s == 'o' || *s == 'O') && (s[1] == 'n' || s[1] == 'N'))
		*result = 1;
	else if ((*s == 'o' || *s == 'O') && (s[1] == 'f' || s[1] == 'F'))
		*result = 0;
	else
		return -EINVAL;
	return 0;
}

WEAK _Bool sysfs_streq(const char *a, const char *b)
{
	size_t m = strlen(a), n = strlen(b);

	m -= m && a[m - 1] == '\n';
	n -= n && b[n - 1] == '\n';
	return m == n && memcmp(a, b, m) == 0;
}

WEAK char *skip_spaces(const char *s)
{
	while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		s++;
	return (char *)s;
}

/* The length of what is there, and not of what there would be. */
WEAK int vscnprintf(char *buf, size_t size, const char *format, va_list arguments)
{
	int length = vsnprintf(buf, size, format, arguments);

	if (length < 0 || (size_t)length < size)
		return length;
	return size ? (int)size - 1 : 0;
}

WEAK int scnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vscnprintf(buf, size, format, arguments);
	va_end(arguments);
	return length;
}

WEAK int sysfs_emit(char *buf, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vscnprintf(buf, 4096, format, arguments);
	va_end(arguments);
	return length;
}

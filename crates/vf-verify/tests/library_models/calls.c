/* Calls of the modelled functions on two objects of 32 bytes; what is left in them goes to `observe`. */
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;

void *memcpy(void *dst, const void *src, size_t n);
void *mempcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
void bzero(void *dst, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
void *memrchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
char *strcpy(char *dst, const char *src);
char *stpcpy(char *dst, const char *src);
char *strncpy(char *dst, const char *src, size_t n);
char *strcat(char *dst, const char *src);
char *strncat(char *dst, const char *src, size_t n);
size_t strlcpy(char *dst, const char *src, size_t n);
size_t strlcat(char *dst, const char *src, size_t n);
ssize_t strscpy(char *dst, const char *src, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strchrnul(const char *s, int c);
char *strstr(const char *a, const char *b);
char *strpbrk(const char *s, const char *set);
size_t strspn(const char *s, const char *set);
size_t strcspn(const char *s, const char *set);
char *strdup(const char *s);
char *strndup(const char *s, size_t n);
void free(void *p);

void observe(int byte);

char dst[32];
char src[32];

static void show(void)
{
	unsigned i;

	for (i = 0; i < sizeof(dst); i++)
		observe((unsigned char)dst[i]);
}

/* A place in an object, or -1 for null. */
static long place(const char *base, const void *p)
{
	return p ? (const char *)p - base : -1;
}

#define CALL(name, expression)                                                                     \
	long call_##name(size_t d, size_t s, size_t n)                                             \
	{                                                                                          \
		long result = (long)(expression);                                                  \
		show();                                                                            \
		return result;                                                                     \
	}

CALL(memcpy, place(dst, memcpy(dst + d, src + s, n)))
CALL(mempcpy, place(dst, mempcpy(dst + d, src + s, n)))
CALL(memmove, place(dst, memmove(dst + d, dst + s, n)))
CALL(memset, place(dst, memset(dst + d, (int)s - 16, n)))
CALL(bzero, (bzero(dst + d, n), 0))
CALL(memcmp, memcmp(dst + d, src + s, n))
CALL(memchr, place(src, memchr(src + s, (int)d, n)))
CALL(memrchr, place(src, memrchr(src + s, (int)d, n)))
CALL(strlen, strlen(src + s))
CALL(strnlen, strnlen(src + s, n))
CALL(strcpy, place(dst, strcpy(dst + d, src + s)))
CALL(stpcpy, place(dst, stpcpy(dst + d, src + s)))
CALL(strncpy, place(dst, strncpy(dst + d, src + s, n)))
CALL(strcat, place(dst, strcat(dst + d, src + s)))
CALL(strncat, place(dst, strncat(dst + d, src + s, n)))
CALL(strlcpy, strlcpy(dst + d, src + s, n))
CALL(strlcat, strlcat(dst + d, src + s, n))
CALL(strscpy, strscpy(dst + d, src + s, n))
CALL(strcmp, strcmp(dst + d, src + s))
CALL(strncmp, strncmp(dst + d, src + s, n))
CALL(strcasecmp, strcasecmp(dst + d, src + s))
CALL(strncasecmp, strncasecmp(dst + d, src + s, n))
CALL(strchr, place(src, strchr(src + s, (int)d)))
CALL(strrchr, place(src, strrchr(src + s, (int)d)))
CALL(strchrnul, place(src, strchrnul(src + s, (int)d)))
CALL(strstr, place(dst, strstr(dst + d, src + s)))
CALL(strpbrk, place(dst, strpbrk(dst + d, src + s)))
CALL(strspn, strspn(dst + d, src + s))
CALL(strcspn, strcspn(dst + d, src + s))

/* A copy on the heap goes back to dst + d, where there is room. */
static long put_back(size_t d, char *copy)
{
	size_t n;

	if (!copy)
		return -1;
	n = strlen(copy) + 1;
	if (d + n <= sizeof(dst))
		memcpy(dst + d, copy, n);
	free(copy);
	return (long)n;
}

CALL(strdup, put_back(d, strdup(src + s)))
CALL(strndup, put_back(d, strndup(src + s, n)))

/* Wide characters: the same two objects, as eight of them each. */
typedef __WCHAR_TYPE__ wchar_t;

wchar_t *wmemcpy(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wmempcpy(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wmemmove(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wmemset(wchar_t *dst, wchar_t c, size_t n);
int wmemcmp(const wchar_t *a, const wchar_t *b, size_t n);
wchar_t *wmemchr(const wchar_t *s, wchar_t c, size_t n);
size_t wcslen(const wchar_t *s);
size_t wcsnlen(const wchar_t *s, size_t n);
wchar_t *wcscpy(wchar_t *dst, const wchar_t *src);
wchar_t *wcpcpy(wchar_t *dst, const wchar_t *src);
wchar_t *wcsncpy(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wcpncpy(wchar_t *dst, const wchar_t *src, size_t n);
wchar_t *wcscat(wchar_t *dst, const wchar_t *src);
wchar_t *wcsncat(wchar_t *dst, const wchar_t *src, size_t n);
size_t wcslcpy(wchar_t *dst, const wchar_t *src, size_t n);
int wcscmp(const wchar_t *a, const wchar_t *b);
int wcsncmp(const wchar_t *a, const wchar_t *b, size_t n);
int wcscasecmp(const wchar_t *a, const wchar_t *b);
int wcsncasecmp(const wchar_t *a, const wchar_t *b, size_t n);
wchar_t *wcschr(const wchar_t *s, wchar_t c);
wchar_t *wcsrchr(const wchar_t *s, wchar_t c);
wchar_t *wcschrnul(const wchar_t *s, wchar_t c);
wchar_t *wcsstr(const wchar_t *a, const wchar_t *b);
wchar_t *wcspbrk(const wchar_t *s, const wchar_t *set);
size_t wcsspn(const wchar_t *s, const wchar_t *set);
size_t wcscspn(const wchar_t *s, const wchar_t *set);
wchar_t *wcsdup(const wchar_t *s);
wchar_t *wcstok(wchar_t *s, const wchar_t *delimiters, wchar_t **save);

#define D ((wchar_t *)dst + d)
#define S ((wchar_t *)src + s)

static long wide_place(const char *base, const wchar_t *p)
{
	return p ? p - (const wchar_t *)base : -1;
}

/* One of few characters. */
static wchar_t letter(size_t d)
{
	return d % 3 ? (wchar_t)(0x60 + d % 3) : 0;
}

CALL(wmemcpy, wide_place(dst, wmemcpy(D, S, n)))
CALL(wmempcpy, wide_place(dst, wmempcpy(D, S, n)))
CALL(wmemmove, wide_place(dst, wmemmove(D, (wchar_t *)dst + s, n)))
CALL(wmemset, wide_place(dst, wmemset(D, (wchar_t)s - 4, n)))
CALL(wmemcmp, wmemcmp(D, S, n))
CALL(wmemchr, wide_place(src, wmemchr(S, letter(d), n)))
CALL(wcslen, wcslen(S))
CALL(wcsnlen, wcsnlen(S, n))
CALL(wcscpy, wide_place(dst, wcscpy(D, S)))
CALL(wcpcpy, wide_place(dst, wcpcpy(D, S)))
CALL(wcsncpy, wide_place(dst, wcsncpy(D, S, n)))
CALL(wcpncpy, wide_place(dst, wcpncpy(D, S, n)))
CALL(wcscat, wide_place(dst, wcscat(D, S)))
CALL(wcsncat, wide_place(dst, wcsncat(D, S, n)))
CALL(wcslcpy, wcslcpy(D, S, n))
CALL(wcscmp, wcscmp(D, S))
CALL(wcsncmp, wcsncmp(D, S, n))
CALL(wcscasecmp, wcscasecmp(D, S))
CALL(wcsncasecmp, wcsncasecmp(D, S, n))
CALL(wcschr, wide_place(src, wcschr(S, letter(d))))
CALL(wcsrchr, wide_place(src, wcsrchr(S, letter(d))))
CALL(wcschrnul, wide_place(src, wcschrnul(S, letter(d))))
CALL(wcsstr, wide_place(dst, wcsstr(D, S)))
CALL(wcspbrk, wide_place(dst, wcspbrk(D, S)))
CALL(wcsspn, wcsspn(D, S))
CALL(wcscspn, wcscspn(D, S))

static long put_back_wide(size_t d, wchar_t *copy)
{
	size_t n;

	if (!copy)
		return -1;
	n = wcslen(copy) + 1;
	if (d + n <= sizeof(dst) / sizeof(wchar_t))
		wmemcpy((wchar_t *)dst + d, copy, n);
	free(copy);
	return (long)n;
}

CALL(wcsdup, put_back_wide(d, wcsdup(S)))

/* The first token of dst, and what is left. */
static long token(wchar_t *s, const wchar_t *delimiters)
{
	wchar_t *save;
	wchar_t *first = wcstok(s, delimiters, &save);

	return wide_place(dst, first) * 100 + wide_place(dst, save);
}

CALL(wcstok, token(D, S))

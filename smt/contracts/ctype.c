// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Models of <ctype.h>: C11 7.4p1 wants the argument to be representable as unsigned char, or EOF.
 * Only digits are the same in every locale (7.4.1.5, 7.4.1.12).
 */
void __vf_require(_Bool condition, const char *what);
void __vf_assume(_Bool condition);
int __vf_nondet_int(void);

#define MODEL_IS(name)                                                                             \
	int name(int c)                                                                            \
	{                                                                                          \
		__vf_require(c >= -1 && c <= 255, #name ": the argument is an unsigned char or EOF"); \
		return __vf_nondet_int();                                                          \
	}
MODEL_IS(isalnum)
MODEL_IS(isalpha)
MODEL_IS(isblank)
MODEL_IS(iscntrl)
MODEL_IS(isgraph)
MODEL_IS(islower)
MODEL_IS(isprint)
MODEL_IS(ispunct)
MODEL_IS(isspace)
MODEL_IS(isupper)

int isdigit(int c)
{
	__vf_require(c >= -1 && c <= 255, "isdigit: the argument is an unsigned char or EOF");
	if (c >= '0' && c <= '9') {
		int result = __vf_nondet_int();
		__vf_assume(result != 0);
		return result;
	}
	return 0;
}

int isxdigit(int c)
{
	__vf_require(c >= -1 && c <= 255, "isxdigit: the argument is an unsigned char or EOF");
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
		int result = __vf_nondet_int();
		__vf_assume(result != 0);
		return result;
	}
	return 0;
}

/* C11 7.4.2: another character of the same set; EOF stays EOF. */
#define MODEL_TO(name)                                                                             \
	int name(int c)                                                                            \
	{                                                                                          \
		int result;                                                                        \
		__vf_require(c >= -1 && c <= 255, #name ": the argument is an unsigned char or EOF"); \
		if (c == -1)                                                                       \
			return -1;                                                                 \
		result = __vf_nondet_int();                                                        \
		__vf_assume(result >= 0 && result <= 255);                                         \
		return result;                                                                     \
	}
MODEL_TO(tolower)
MODEL_TO(toupper)

/*
 * glibc's headers expand the macros to look-ups in tables with elements -128 to 255 (Linux Standard Base,
 * __ctype_b_loc). What the tables hold depends on the locale.
 */
extern const unsigned short __vf_ctype_class[384];
extern const int __vf_ctype_lower[384];
extern const int __vf_ctype_upper[384];
static const unsigned short *const __vf_ctype_class_at = __vf_ctype_class + 128;
static const int *const __vf_ctype_lower_at = __vf_ctype_lower + 128;
static const int *const __vf_ctype_upper_at = __vf_ctype_upper + 128;

const unsigned short **__ctype_b_loc(void)
{
	return (const unsigned short **)&__vf_ctype_class_at;
}

const int **__ctype_tolower_loc(void)
{
	return (const int **)&__vf_ctype_lower_at;
}

const int **__ctype_toupper_loc(void)
{
	return (const int **)&__vf_ctype_upper_at;
}

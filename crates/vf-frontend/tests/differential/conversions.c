/* Conversions, promotions, operators. Each function has no undefined behaviour and returns a digest. */
long t_promote_char(void) { signed char a = -5; unsigned char b = 250; return a + b; }
long t_char_is_signed(void) { char c = (char)200; return c; }
long t_shift_promotes(void) { unsigned char c = 0x80; return c << 8; }
long t_complement_char(void) { unsigned char c = 0; return ~c; }
long t_usual_unsigned(void) { int a = -1; unsigned b = 1; return a > b; }
long t_usual_long(void) { long a = -1; unsigned b = 1; return a < b; }
long t_short_multiply(void) { unsigned short a = 60000, b = 2; return a * b; }
long t_division_truncates(void) { int a = -7, b = 2; return a / b * 100 + a % b; }
long t_unsigned_division(void) { unsigned a = -7, b = 2; return a / b + a % b; }
long t_narrowing(void) { int x = 0x12345678; short s = x; char c = x; unsigned char u = x >> 4; return s + c * 3 + u * 5; }
long t_sign_extension(void) { int x = -2; long y = x; unsigned long z = x; return y + (z >> 60); }
long t_zero_extension(void) { unsigned x = 0xfffffffe; long y = x; return y; }
long t_bool(void) { _Bool b = 256; _Bool c = 0.5; _Bool d = (void *)0; return b * 4 + c * 2 + d; }
long t_bool_increment(void) { _Bool b = 0; b++; b++; return b; }
long t_bool_decrement(void) { _Bool b = 0; b--; return b; }
long t_compound_char(void) { unsigned char c = 200; c += 100; c <<= 1; c ^= 0xff; return c; }
long t_compound_mixed(void) { int x = 10; x += 3L; x *= 2u; x -= (char)5; x /= 2; x %= 7; return x; }
long t_shift_right_signed(void) { int x = -16; unsigned y = -16; return (x >> 2) + (y >> 28); }
long t_shift_count_wide(void) { unsigned x = 1; long n = 5; return x << n; }
long t_logical(void) { int a = 0, b = 5, n = 0; int r = a && (n = 1); r = r * 2 + (b || (n = 2)); return r * 10 + n + !b + !!b; }
long t_conditional_types(void) { int a = -1; unsigned b = 5; return (1 ? a : b) > 0; }
long t_conditional_void(void) { int x = 0; x ? (void)(x = 3) : (void)(x = 4); return x; }
long t_elvis(void) { int n = 0; int f = 7; int r = (n++, f) ?: 9; r += 0 ?: 5; return r * 10 + n; }
long t_comma(void) { int a = 1; int b = (a += 2, a * 3); return a * 100 + b; }
long t_int128(void) { unsigned __int128 x = (unsigned __int128)0xffffffffffffffffull * 0xffffffffffffffffull; return (long)(x >> 64) ^ (long)x; }
long t_int128_signed(void) { __int128 x = -5; x *= 1000000007; x /= 3; return (long)x; }
long t_literals(void) { return sizeof(1) + sizeof(1L) * 10 + sizeof(0x80000000) * 100 + sizeof(2147483648) * 1000 + sizeof('a') * 10000 + sizeof(4294967295u) * 100000; }
long t_literal_values(void) { return 0777 + 0x1F + 0b101 + 'a' + '\n' + '\x41' + '\101' + '\0' + '\377' + 'ab'; }
long t_wide_characters(void) { return L'\x1234' + u'a' + U'b' + (L'a' < 0); }
long t_float_to_int(void) { return (int)2.9 + (int)-2.9 * 10 + (unsigned char)200.7; }
long t_enum(void) { enum { A, B = 5, C, D = -1, E } e = C; enum big { X = 0xffffffffu } f = X; return e * 10 + D + E + sizeof(f) * 100 + (f > 0); }
long t_enum_unsigned(void) { enum u { P, Q } e = P; return e - 1 < 0; }
long t_pointer_difference(void) { int a[10]; int *p = a + 7, *q = &a[2]; return (p - q) * 100 + (q < p) * 10 + (p == a + 7); }
long t_pointer_to_int(void) { int a[4]; return ((unsigned long)&a[3] - (unsigned long)a) + !!(long)a; }
long t_null(void) { int *p = 0; char *q = (char *)0; return !p + (p == (void *)q) + (p ? 10 : 20); }
long t_sizeof(void) { int a[10]; struct { char c; long l; } s; return sizeof a + sizeof s * 100 + sizeof(int *) * 10000 + sizeof a[0] * 100000 + sizeof(char[3][5]) * 1000000; }
long t_sizeof_not_evaluated(void) { int n = 1; (void)sizeof(n++); return n; }
long t_alignof(void) { struct s { char c; double d; }; return _Alignof(struct s) * 10 + __alignof__(short) + _Alignof(int[3]) * 100; }
long t_generic(void) { long l = 0; char c = 0; unsigned u = 0; const int ci = 0;
#define K(x) _Generic((x), char: 1, signed char: 2, int: 3, unsigned: 4, long: 5, long long: 6, char *: 7, const char *: 8, default: 9)
    return K(l) + K(c) * 10 + K(u) * 100 + K(ci) * 1000 + K("s") * 10000 + K(c + 0) * 100000 + K((const char *)0) * 1000000 + K(1.0) * 10000000; }
long t_typeof(void) { unsigned char c = 255; typeof(c) d = c + 1; __auto_type e = c + 1; typeof(&c) p = &c; return d + e + *p + sizeof(typeof(c + 0)); }
long t_statement_expression(void) { int x = ({ int y = 3; y *= 2; y + 1; }); return x + ({ struct { int a, b; } s = { 4, 5 }; s; }).b; }
long t_increments(void) { int i = 5; int a = i++ * 10; a += ++i; a -= i-- - --i; return a * 100 + i; }
long t_pointer_increments(void) { int a[5] = { 1, 2, 3, 4, 5 }; int *p = a; int s = *p++; s = s * 10 + *++p; s = s * 10 + (*p)++; s = s * 10 + *p--; s = s * 10 + --*p; return s; }
long t_chain(void) { int a, b, c; a = b = c = 7; char d; long e = d = 300; return a + b + c + e; }
long t_order(void) { int n = 0, a[3]; a[n++] = 5; a[n++] = 6; a[n] = a[0] + a[1]; return a[2] * 10 + n; }
long t_mask_idiom(void) { unsigned long x = 0x12345; return (x & ~7) + (x | -8) + (x == -1); }
long t_min_macro(void) { int a = 3; unsigned char b = 2;
#define MIN(x, y) ({ typeof(x) _x = (x); typeof(y) _y = (y); (void)(&_x == (void *)&_y); _x < _y ? _x : _y; })
    return MIN(a++, b) * 10 + a; }
long t_choose(void) { return __builtin_choose_expr(1, 5, "x") + __builtin_types_compatible_p(int, const int) * 10 + __builtin_types_compatible_p(long, long long) * 100 + __builtin_types_compatible_p(typeof("a"), char[]) * 1000; }
long t_constant_p(void) { int x = 3; return __builtin_constant_p(5) + __builtin_constant_p(x) * 10 + __builtin_constant_p("s") * 100; }
#define is_constexpr(x) (sizeof(int) == sizeof(*(8 ? ((void *)((long)(x) * 0l)) : (int *)8)))
long t_is_constexpr(void) { int x = 3; return is_constexpr(4) + is_constexpr(x) * 10 + is_constexpr(sizeof(x)) * 100; }
long t_lognot_pointer(void) { char s[2]; char *p = s; return !p + !*"" + !"a"; }
long t_unsigned_long_compare(void) { unsigned long a = 0x8000000000000000; long b = -1; return (a < b) + (a > 5) * 2; }
long t_negate_unsigned(void) { unsigned x = 5; return -x + (long)-x; }
long t_plus_promotes(void) { char c = 1; return sizeof(+c) + sizeof(c) + sizeof(-c) + sizeof(c, c) + sizeof(c ? c : c); }

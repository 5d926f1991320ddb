/* Records: layout, bit-fields, unions, copies. */
struct plain { char a; short b; int c; long d; char e; };
long t_offsets(void) { return __builtin_offsetof(struct plain, b) + __builtin_offsetof(struct plain, c) * 10 + __builtin_offsetof(struct plain, d) * 100 + __builtin_offsetof(struct plain, e) * 10000 + sizeof(struct plain) * 1000000; }
struct __attribute__((packed)) packed { char a; int b; short c; long d; };
long t_packed(void) { struct packed p = { 1, 0x01020304, 5, 6 }; unsigned char *q = (unsigned char *)&p; return sizeof p * 1000 + q[1] * 100 + q[5] * 10 + q[7]; }
struct aligned { char a; int b __attribute__((aligned(16))); char c; } __attribute__((aligned(32)));
long t_aligned(void) { return sizeof(struct aligned) * 1000 + __builtin_offsetof(struct aligned, c) + _Alignof(struct aligned) * 100000; }
struct bits { unsigned a : 3; int b : 5; unsigned c : 24; unsigned d : 10; _Bool e : 1; signed char f : 3; };
long t_bits_size(void) { return sizeof(struct bits); }
long t_bits_values(void) { struct bits s = { 9 & 7, -3, 0xabcdef, 1000, 1, -2 }; s.a++; s.b -= 2; s.c += 5; s.d ^= 0xff; return s.a + s.b * 10 + s.c * 3 + s.d * 7 + s.e * 1000 + s.f * 100000; }
long t_bits_wrap(void) { struct { unsigned x : 4; int y : 4; } s; s.x = 15; s.x++; s.y = 7; s.y++; return s.x * 100 + s.y; }
long t_bits_bytes(void) { union { struct { unsigned a : 5, b : 7, c : 20; } s; unsigned char raw[4]; unsigned w; } u; u.w = 0; u.s.a = 17; u.s.b = 99; u.s.c = 0x54321; return u.raw[0] + u.raw[1] * 256L + u.raw[2] * 65536L + u.raw[3] * 16777216L; }
struct mixed { char c; int b : 4; short s; int d : 20; int : 0; int e : 3; char tail; };
long t_bits_mixed(void) { struct mixed m = { 1, 2, 3, 4, 3, 6 }; m.b = -1; m.d = -5; return sizeof m * 100000 + m.c + m.b * 10 + m.s * 100 + m.d * 1000 + m.e + m.tail; }
long t_bits_mixed_offsets(void) { return __builtin_offsetof(struct mixed, s) * 100 + __builtin_offsetof(struct mixed, tail); }
struct wide { unsigned long a : 40; unsigned long b : 24; long c : 33; };
long t_bits_wide(void) { struct wide w = { 0xffffffffff, 0x123456, -7 }; w.a++; w.a += 3; return w.a + w.b + w.c + sizeof w * 10; }
long t_bits_wide_shift(void) { struct wide w; w.a = 0x8000000001; return (long)((w.a << 4) >> 8); }
struct packed_bits { unsigned a : 3; unsigned b : 13; unsigned long c : 45; char d; } __attribute__((packed));
long t_packed_bits(void) { struct packed_bits p; for (unsigned i = 0; i < sizeof p; i++) ((char *)&p)[i] = 0x5a; p.a = 1; p.b = 0x1234; p.c = 0x123456789abUL; p.d = 9; unsigned long h = sizeof p; for (unsigned i = 0; i < sizeof p; i++) h = h * 31 + ((unsigned char *)&p)[i]; return h; }
long t_bits_promotion(void) { struct { unsigned a : 5; unsigned b : 32; } s = { 1, 1 }; return (s.a - 2 < 0) * 10 + (s.b - 2 < 0); }
long t_bits_in_conditions(void) { struct { unsigned f : 1, g : 2; } s = { 1, 2 }; return (s.f && s.g) + (s.g == 2 ? 10 : 20) + !s.f; }
union number { int i; unsigned char c[4]; short s[2]; float f; };
long t_union(void) { union number n; n.i = 0x01020304; n.c[1] = 0xff; return n.s[0] + n.s[1] * 3 + sizeof n * 1000000L; }
struct outer { int x; union { int a; struct { short lo, hi; }; }; struct { int p, q; } named; };
long t_anonymous(void) { struct outer o = { 1, { 0x00050006 }, { 7, 8 } }; return o.x + o.lo * 10 + o.hi * 100 + o.named.q * 1000; }
struct flexible { int n; short data[]; };
long t_flexible_size(void) { return sizeof(struct flexible) + __builtin_offsetof(struct flexible, data) * 10; }
static struct flexible flex = { 3, { 10, 20, 30 } };
long t_flexible_static(void) { return flex.data[0] + flex.data[2] * flex.n; }
struct pair { long a; int b; };
static struct pair make(long a, int b) { struct pair p = { a, b }; return p; }
static long take(struct pair p, struct pair *q) { p.a++; q->b += p.b; return p.a + q->b; }
long t_record_calls(void) { struct pair x = make(5, 6), y = x; long r = take(x, &y); return r * 1000 + x.a * 100 + y.b + make(1, 2).b; }
long t_record_assignment(void) { struct pair a = { 1, 2 }, b, c; c = b = a; b.a = 9; return c.a * 10 + b.a + (1 ? b : c).b; }
long t_nested_records(void) { struct { struct pair p[3]; int n; } s = { .p[1] = { 5, 6 }, .n = 2 }, t = s; t.p[1].a++; return s.p[1].a * 100 + t.p[1].a * 10 + t.p[2].b + t.n; }
long t_array_of_arrays(void) { int m[3][4]; int s = 0; for (int i = 0; i < 3; i++) for (int j = 0; j < 4; j++) m[i][j] = i * 10 + j; int (*row)[4] = m + 1; int *last = m[2]; for (int j = 0; j < 4; j++) s += (*row)[j] * last[j]; return s + sizeof m[0] + sizeof m + row[1][3]; }
long t_pointer_to_pointer(void) { int x = 3, y = 4; int *p = &x, **pp = &p; **pp = 10; *pp = &y; **pp += 5; return x * 100 + y; }
enum __attribute__((packed)) small { S1, S2 = 200 };
long t_packed_enum(void) { return sizeof(enum small) * 10 + S2; }
#pragma pack(push, 2)
struct two { char a; long b; int c; };
#pragma pack(pop)
long t_pragma_pack(void) { return sizeof(struct two) * 100 + __builtin_offsetof(struct two, b) * 10 + __builtin_offsetof(struct two, c); }
typedef int loose __attribute__((aligned(2)));
struct uses_loose { char a; loose b; };
long t_typedef_align(void) { return sizeof(struct uses_loose) * 10 + __builtin_offsetof(struct uses_loose, b); }
struct zero { int a; int z[0]; char b; };
long t_zero_array(void) { return sizeof(struct zero) * 10 + __builtin_offsetof(struct zero, b); }
struct empty {};
long t_empty(void) { struct { int a; struct empty e; int b; } s = { 1, {}, 2 }; return sizeof s * 10 + s.b; }

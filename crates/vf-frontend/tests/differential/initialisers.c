/* Initialisers of every form, static and automatic. */
static int zeros[4];
static int some[5] = { 1, [3] = 4, 5 };
static int range[8] = { [1 ... 3] = 7, [6] = 9, 2 };
static char text[8] = "abc", exact[3] = "xyz", open[] = "hello", braced[] = { "br" };
static const char *const names[] = { "zero", "one", [3] = "three" };
struct item { int id; char tag[4]; struct { short x, y; } at; const char *name; };
static struct item items[] = { { 1, "ab", { 2, 3 }, "first" }, { .id = 4, .at.y = 5, .name = "second" }, [3] = { .tag = { 'q' } } };
static struct item elided[2] = { 1, 'a', 'b', 0, 0, 2, 3, "n", 9, "zz", 8, 7, 0 };
static int matrix[][3] = { { 1, 2, 3 }, { 4 }, 5, 6, 7, 8 };
static int *inner = &matrix[1][0] + 1;
static const char *suffix = "abcdef" + 2;
static long address_difference = (char *)&items[1].at.y - (char *)&items[1];
static union { char c; int i; long l; } first = { 5 }, chosen = { .l = 0x123456789a };
static double pi = 3.25; static float tau = 6.5f;
static struct { unsigned a : 3, b : 5; int c : 10; unsigned d : 30; } flags = { 5, 17, -3, 0x2fffffff };
static int (*function_table[3])(int);
static int twice(int x) { return 2 * x; }
static int thrice(int x) { return 3 * x; }
static int (*const table[])(int) = { twice, &thrice, [4] = twice };
static struct item *pointers[] = { &items[0], items + 1, 0 };
static int *compound = (int[]){ 4, 5, 6 };
static struct item *record_literal = &(struct item){ .id = 77, .tag = "t" };
static int cases = sizeof(matrix) / sizeof(matrix[0]);
static unsigned char overridden[6] = { [0 ... 5] = 1, [2] = 9, [2] = 8 };
long t_static_arrays(void) { long h = 0; for (int i = 0; i < 5; i++) h = h * 10 + some[i]; for (int i = 0; i < 8; i++) h = h * 10 + range[i]; for (int i = 0; i < 4; i++) h += zeros[i]; return h; }
long t_static_strings(void) { return sizeof text + sizeof exact * 10 + sizeof open * 100 + sizeof braced * 1000 + text[2] + text[7] + exact[2] + open[5] + braced[1]; }
long t_string_pointers(void) { return names[0][1] + names[1][0] * 2 + !names[2] + names[3][4] + sizeof names; }
long t_static_records(void) { return items[0].id + items[0].tag[1] + items[0].at.y * 10 + items[0].name[2] + items[1].id * 100 + items[1].at.x + items[1].at.y * 1000 + items[1].name[0] + items[2].id + items[3].tag[0] + sizeof items; }
long t_brace_elision(void) { return elided[0].id + elided[0].tag[1] * 2 + elided[0].at.x * 3 + elided[0].at.y * 5 + elided[0].name[0] + elided[1].id * 7 + elided[1].tag[1] * 11 + elided[1].at.x * 13; }
long t_matrix(void) { long h = cases; for (int i = 0; i < cases; i++) for (int j = 0; j < 3; j++) h = h * 7 + matrix[i][j]; return h + *inner * 100000 + sizeof matrix; }
long t_addresses(void) { return *suffix + address_difference * 1000 + pointers[1]->id * 7 + (pointers[2] == 0); }
long t_unions(void) { return first.i + chosen.l; }
long t_float_bytes(void) { unsigned char *p = (unsigned char *)&pi, *q = (unsigned char *)&tau; long h = 0; for (int i = 0; i < 8; i++) h = h * 31 + p[i]; for (int i = 0; i < 4; i++) h = h * 31 + q[i]; return h; }
long t_static_bits(void) { return flags.a + flags.b * 10 + flags.c * 1000 + flags.d; }
long t_function_tables(void) { return table[0](5) + table[1](5) * 100 + !table[2] + table[4](1) + !function_table[1]; }
long t_static_compound(void) { compound[1]++; return compound[0] + compound[1] * 10 + record_literal->id + record_literal->tag[0]; }
long t_overridden(void) { long h = 0; for (int i = 0; i < 6; i++) h = h * 10 + overridden[i]; return h; }
long t_automatic(void) { int n = 4; int a[5] = { n, n + 1, [4] = n * 2 }; struct item it = { .at = { .y = n }, .id = n - 1, .tag = "wxyz" }; long h = 0; for (int i = 0; i < 5; i++) h = h * 10 + a[i]; return h * 1000 + it.at.y * 100 + it.at.x + it.id + it.tag[3] + !it.name; }
long t_automatic_nested(void) { int n = 1; int m[2][3] = { { n++, n++ }, n++, n++, n++ }; return m[0][0] + m[0][1] * 10 + m[0][2] + m[1][0] * 100 + m[1][1] * 1000 + m[1][2] * 10000 + n * 100000; }
long t_automatic_range(void) { char b[10] = { [2 ... 5] = 'x', 'y' }; long h = 0; for (int i = 0; i < 10; i++) h = h * 131 + b[i]; return h; }
long t_record_in_list(void) { struct item a = { 1, "q", { 2, 3 }, 0 }; struct { int k; struct item i; int l; } s = { 5, a, 6 }; return s.k + s.i.at.y * 10 + s.l * 100; }
long t_compound_literals(void) { int s = 0; for (int i = 0; i < 3; i++) { int *p = (int[]){ i, i + 1, i + 2 }; p[0] += 10; s += p[0] * p[2]; } return s + (struct item){ .id = 9 }.id + *&(int){ 3 }; }
long t_empty_braces(void) { struct item i = {}; int a[3] = {}; return i.id + a[2] + !i.name; }
long t_scalar_braces(void) { int x = { 5 }; char *p = { "ab" }; return x + p[1]; }
static int counter(void) { static int n = 10, list[2] = { 1, 2 }; static const char *s = "k"; list[1] += n; return n++ + list[1] + *s; }
long t_static_locals(void) { counter(); counter(); return counter(); }
long t_designated_inner(void) { struct { struct { int a, b, c; } in[2]; int z; } s = { .in[0].b = 1, 2, .in[1] = { 3 }, .z = 4 }; return s.in[0].a + s.in[0].b * 10 + s.in[0].c * 100 + s.in[1].a * 1000 + s.z * 10000; }
long t_anonymous_designator(void) { struct { int a; union { struct { int b, c; }; long d; }; } s = { .c = 5, .a = 1 }; return s.a + s.b * 10 + s.c * 100; }
long t_unnamed_bits(void) { struct { int a : 4; int : 4; int b : 8; } s = { 1, 2 }; return s.a * 10 + s.b; }
long t_long_string(void) { char a[] = "one" " two" "\tthree\x21\060"; unsigned long h = sizeof a; for (unsigned i = 0; i < sizeof a; i++) h = h * 31 + a[i]; return h; }
long t_unicode(void) { const char *s = "é€"; const int *w = (const int *)L"é€"; const unsigned short *u = u"é"; return (unsigned char)s[0] + (unsigned char)s[4] + w[1] + u[0]; }
long t_func_name(void) { return sizeof __func__ + __func__[0] + __FUNCTION__[2]; }

/* Control flow. */
long t_if_chain(void) { int r = 0; for (int i = -2; i < 6; i++) { if (i < 0) r += 1; else if (i == 0) r += 10; else if (i % 2) r += 100; else r += 1000; } return r; }
long t_while(void) { int n = 27, c = 0; while (n != 1) { n = n % 2 ? 3 * n + 1 : n / 2; c++; } return c; }
long t_do(void) { int i = 0, s = 0; do { s += i; if (i == 3) continue; s += 100; } while (++i < 6); return s; }
long t_for_nested(void) { int s = 0; for (int i = 0; i < 5; i++) { for (int j = 0;; j++) { if (j > i) break; if (j == 2) continue; s += i * j + 1; } } return s; }
static int sw(int x) { int r = 0; switch (x) { case 1: r += 1; case 2: r += 2; break; case 3 ... 6: r = 50; break; case -5 ... -1: r = 60; default: r += 100; break; case 7: { int y = x; r = y; } } return r; }
long t_switch(void) { long h = 0; for (int i = -7; i < 10; i++) h = h * 3 + sw(i); return h; }
long t_switch_char(void) { int r = 0; for (const char *p = "a1 b2"; *p; p++) switch (*p) { case 'a' ... 'z': r += 1; break; case '0' ... '9': r += 10; break; default: r += 100; } return r; }
long t_switch_unsigned(void) { unsigned x = 0xffffffff; switch (x) { case -1: return 1; default: return 2; } }
long t_switch_long(void) { long x = 0x100000001; switch (x) { case 1: return 1; case 0x100000001: return 2; } return 3; }
long t_switch_scope(void) { int r = 0; for (int i = 0; i < 4; i++) switch (i) { int a[2]; case 0: a[0] = 5; a[1] = 1; r += a[0]; break; case 1: { int b[2] = { 3, 4 }; r += b[1]; case 2: r += 1000; } } return r; }
long t_switch_no_default(void) { int n = 5; switch (n) { case 1: n = 0; } return n; }
static void duff(char *to, const char *from, int count) { int n = (count + 7) / 8; switch (count % 8) { case 0: do { *to++ = *from++; case 7: *to++ = *from++; case 6: *to++ = *from++; case 5: *to++ = *from++; case 4: *to++ = *from++; case 3: *to++ = *from++; case 2: *to++ = *from++; case 1: *to++ = *from++; } while (--n > 0); } }
long t_duff(void) { char from[21], to[21] = { 0 }; for (int i = 0; i < 21; i++) from[i] = i * 7; duff(to, from, 21); unsigned long h = 0; for (int i = 0; i < 21; i++) h = h * 31 + to[i]; return h; }
long t_goto_back(void) { int i = 0, s = 0; again: s += i; if (++i < 10) goto again; return s; }
long t_goto_out(void) { int s = 0; for (int i = 0; i < 10; i++) { int a[2] = { i, 2 }; for (int j = 0; j < 10; j++) { int b[1] = { j }; s += a[1] * b[0]; if (i * j == 42) goto done; } } done: return s; }
long t_goto_in(void) { int s = 0, once = 0; goto inside; { int a[2]; s = 100; inside: a[0] = 4; a[1] = 5; s += a[0] * a[1]; if (!once++) goto inside; } return s; }
long t_goto_cleanup(void) { int r = -1; int *p = 0; int x = 3; if (x > 5) goto out; p = &x; r = *p; if (r == 3) goto free; r = 9; free: p = 0; out: return r * 10 + (p == 0); }
long t_return_in_loop(void) { for (int i = 0;; i++) { int a[3] = { i, i, i }; if (a[0] + a[1] + a[2] > 20) return i; } }
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
long t_recursion(void) { return fib(15); }
static int depth_sum(int n) { int a[4] = { n, n + 1, n + 2, n + 3 }; if (n == 0) return a[3]; return a[0] + depth_sum(n - 1) + a[0]; }
long t_recursive_arrays(void) { return depth_sum(10); }
long t_vla(void) { int s = 0; for (int n = 1; n < 5; n++) { int a[n]; for (int i = 0; i < n; i++) a[i] = i * n; s += a[n - 1] + sizeof a; } return s; }
static int sum2(int n, int m, int a[n][m]) { int s = 0; for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) s = s * 3 + a[i][j]; return s; }
long t_vla_parameter(void) { int a[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }; return sum2(2, 3, a); }
long t_vla_2d(void) { int n = 3, m = 4; int a[n][m]; for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i][j] = i * j; int (*p)[m] = a + 1; return p[1][3] + sizeof a + sizeof a[0] + sizeof *p; }
long t_statement_expression_loop(void) { int s = 0; for (int i = 0; i < 5; i++) s += ({ int r = 0; for (int j = 0; j < i; j++) { if (j == 3) break; r += j; } r; }); return s; }
long t_side_effects_in_condition(void) { int i = 0, n = 0; while (i++ < 5 && (n += i) < 100) ; return i * 100 + n; }
long t_short_circuit_calls(void) { int c = 0;
#define YES (c++, 1)
#define NO (c++, 0)
    int r = (YES && NO) || (NO || YES) && YES; return r * 100 + c; }
static int g; static int set(int v) { g = g * 10 + v; return v; }
long t_call_order(void) { g = 0; int r = set(1) + set(2) * set(3); return r * 10000 + g; }
static int apply(int (*f)(int), int x) { return f(x) + (*f)(x) + (**f)(1); }
long t_function_pointers(void) { g = 0; int (*p)(int) = set; return apply(set, 4) + apply(p, 1) * 100 + p(2); }
static int many(int a, char b, unsigned short c, long d, _Bool e) { return a + b * 10 + c + d + e; }
long t_argument_conversions(void) { return many(1.9, 300, -1, 5u, 7); }
static long variadic_ignored(int n, ...) { return n; }
long t_variadic(void) { return variadic_ignored(3, 1, 2L, "x", 'c'); }
int old(a, b) int a; long b; { return a - b; }
long t_old_style(void) { return old(5, 3L); }
static inline int inl(int x) { if (x) return x; return -1; }
long t_inline(void) { return inl(0) * 10 + inl(4); }
long t_local_label(void) { int s = 0; for (int i = 0; i < 3; i++) { { __label__ again; int n = 0; again: s += ++n; if (n < i) goto again; } { __label__ again; int n = 0; again: s += 10; if (++n < 2) goto again; } } return s; }
long t_block_extern(void) { extern int later_defined; int later(void); return later_defined + later(); }
int later_defined = 5; int later(void) { return 7; }
long t_shadowing(void) { int x = 1; { int x = 2; { int x = 3; x++; } x += 10; } for (int x = 0; x < 3; x++) ; return x; }
long t_shadowed_type(void) { typedef int T; T a = 5; { int T = 3; a += T; } { typedef char T; a += sizeof(T); } return a; }
long t_local_struct(void) { struct s { int a; } x = { 1 }; { struct s { char c[3]; } y; x.a += sizeof y; } return x.a + sizeof(struct s); }
long t_loop_address(void) { int s = 0; for (int i = 0; i < 4; i++) { int *p = &i; *p += 1; s += i; } return s; }
long t_conditional_lvalue_record(void) { struct { int a[2]; } x = { { 1, 2 } }, y = { { 3, 4 } }; int n = 0; return (n ? x : y).a[1]; }
static int log_; static void note(int *p) { log_ = log_ * 10 + *p; }
#define CLEAN __attribute__((cleanup(note)))
static int cleaned(int n) { CLEAN int a = 1; if (n == 0) return a + log_; for (int i = 0; i < 3; i++) { CLEAN int b = i + 2; if (i == 1 && n == 1) break; if (n == 2) { if (i) return 5; } if (n == 3) continue; { CLEAN int c = 9; } } CLEAN int d = 6; a = 7; return log_; }
long t_cleanup(void) { long h = 0; for (int n = 0; n < 5; n++) { log_ = 0; long r = cleaned(n); h = h * 7 + r + log_ * 3l; } return h; }

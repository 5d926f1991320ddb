/* GCC's built-in functions. */
long t_overflow_add(void) { int r; long l; unsigned char c; unsigned long u; long h = 0;
    h = h * 2 + __builtin_add_overflow(2147483647, 1, &r); h = h * 3 + r % 1000; h = h * 2 + __builtin_add_overflow(2147483647, 1, &l); h += l % 1000;
    h = h * 2 + __builtin_add_overflow(200, 100, &c); h = h * 3 + c; h = h * 2 + __builtin_add_overflow(-1, 5u, &u); h = h * 3 + u; h = h * 2 + __builtin_add_overflow(-1L, 1ul, &u); h = h * 3 + u; return h; }
long t_overflow_sub(void) { unsigned u; int r; unsigned long s; long h = __builtin_sub_overflow(3u, 5u, &u); h = h * 1000 + u % 1000; h = h * 2 + __builtin_sub_overflow(-2147483647 - 1, 1, &r); h = h * 7 + r % 100; h = h * 2 + __builtin_sub_overflow(5ul, 3ul, &s); return h * 10 + s; }
long t_overflow_mul(void) { unsigned long u; long l; int i; short q; long h = __builtin_mul_overflow(0xfffffffful, 0x100000001ul, &u); h = h * 10 + (u == ~0ul); h = h * 2 + __builtin_mul_overflow(0x100000000ul, 0x100000000ul, &u); h = h * 2 + (u == 0); h = h * 2 + __builtin_mul_overflow(-5, 7, &i); h = h * 100 + i; h = h * 2 + __builtin_mul_overflow(-3L, 0x7000000000000000l, &l); h = h * 2 + __builtin_mul_overflow(1000, 1000, &q); return h * 100 + q % 100; }
long t_overflow_typed(void) { unsigned u; long l; unsigned long ul; return __builtin_uadd_overflow(~0u, 1, &u) + __builtin_saddl_overflow(1, 2, &l) * 10 + __builtin_umull_overflow(1ul << 40, 1ul << 30, &ul) * 100 + u + l; }
long t_overflow_p(void) { return __builtin_add_overflow_p(100, 100, (signed char)0) + __builtin_mul_overflow_p(10, 10, (signed char)0) * 10; }
long t_bswap(void) { unsigned x = 0x12345678; unsigned long y = 0x0102030405060708; unsigned short z = 0xabcd; return __builtin_bswap32(x) + __builtin_bswap64(y) % 1000003 + __builtin_bswap16(z); }
long t_bit_counts(void) { unsigned long h = 0; for (unsigned x = 1; x < 100000; x = x * 5 + 1) h = h * 31 + __builtin_clz(x) * 7 + __builtin_ctz(x) * 5 + __builtin_popcount(x) * 3 + __builtin_ffs(x) + __builtin_parity(x); return h; }
long t_bit_counts_long(void) { unsigned long h = 0; for (unsigned long x = 1; x < 1ul << 60; x = x * 7 + 2) h = h * 31 + __builtin_clzl(x) * 7 + __builtin_ctzll(x) * 5 + __builtin_popcountl(x) * 3 + __builtin_ffsll(x); return h + __builtin_ffs(0) + __builtin_popcount(~0u); }
long t_expect(void) { int x = 5; if (__builtin_expect(!!(x > 3), 1)) return __builtin_expect(x, 0); return 0; }
long t_abs(void) { return __builtin_abs(-5) + __builtin_labs(7) + __builtin_llabs(-100ll); }
long t_object_size(void) { char b[4]; char *p = b; return (long)__builtin_object_size(p + 1, 3) >= 0; }
long t_sync(void) { int x = 5; int a = __sync_fetch_and_add(&x, 3); int b = __sync_add_and_fetch(&x, 2); int c = __sync_bool_compare_and_swap(&x, 10, 20); int d = __sync_val_compare_and_swap(&x, 1, 2); int e = __sync_lock_test_and_set(&x, 7); __sync_lock_release(&x); __sync_synchronize(); return a + b * 10 + c * 1000 + d * 10000 + e + x; }
long t_atomic(void) { long x = 4, e = 5; long a = __atomic_load_n(&x, 5); __atomic_store_n(&x, 6, 5); int b = __atomic_compare_exchange_n(&x, &e, 9, 0, 5, 5); int c = __atomic_compare_exchange_n(&x, &e, 9, 0, 5, 5); long d = __atomic_fetch_or(&x, 6, 5); long f = __atomic_exchange_n(&x, 1, 5); return a + b * 10 + c * 100 + d * 1000 + f * 10000 + e * 100000 + x; }
long t_alloca(void) { char *p = __builtin_alloca(10); for (int i = 0; i < 10; i++) p[i] = i; return p[9] + p[3]; }
long t_strlen_constant(void) { static int n[__builtin_strlen("abc")]; return sizeof n; }
long t_assume_aligned(void) { int x = 5; int *p = __builtin_assume_aligned(&x, 4); return *p; }

// Programs of the competition: a wrap of unsigned arithmetic is no defect, and nothing follows from its absence.
// test: verify
// options: specification=unreach-call
extern void abort(void);
extern unsigned int __VERIFIER_nondet_uint(void);
extern unsigned char __VERIFIER_nondet_uchar(void);
extern _Bool __VERIFIER_nondet_bool(void);
extern void __VERIFIER_nondet_memory(void *, __SIZE_TYPE__);
extern void __assert_fail(const char *, const char *, unsigned int, const char *) __attribute__((__noreturn__));
extern void *malloc(__SIZE_TYPE__);
void reach_error(void)
{
    __assert_fail("0", "unreach_call.c", 12, "reach_error");
}
void assume_abort_if_not(int cond)
{
    if (!cond)
        abort();
}
static void wrapped(void)
{
    unsigned int n = __VERIFIER_nondet_uint();
    char *p = malloc(n + 1);
    if (n + 1 < n && p)
        reach_error();
//      ^^^^^^^^^^^^^ refuted[assertion]
}
static void never_null(void)
{
    char *p = malloc(4);
    if (!p)
        reach_error();
}
static void bytes(void)
{
    unsigned char c = __VERIFIER_nondet_uchar();
    if (c > 255)
        reach_error();
    _Bool b = __VERIFIER_nondet_bool();
    if (b != 0 && b != 1)
        reach_error();
}
static void memory(void)
{
    int x = 1;
    __VERIFIER_nondet_memory(&x, sizeof x);
    if (x == 77)
        reach_error();
//      ^^^^^^^^^^^^^ refuted[assertion]
}
static void assumed(void)
{
    unsigned int n = __VERIFIER_nondet_uint();
    assume_abort_if_not(n > 5);
    if (n < 6)
        reach_error();
}
int main(void)
{
    if (__VERIFIER_nondet_bool())
        wrapped();
    if (__VERIFIER_nondet_bool())
        memory();
    never_null();
    bytes();
    assumed();
    return 0;
}
// summary: assumed: 1 proved
// summary: bytes: 2 proved
// summary: memory: 1 refuted
// summary: wrapped: 1 refuted

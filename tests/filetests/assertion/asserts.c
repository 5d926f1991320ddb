// Assertions in their usual spellings.
// test: verify
void __assert_fail(const char *text, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));
void reach_error(void) __attribute__((noreturn));
void __VERIFIER_assume(int condition);
void __CPROVER_assume(_Bool condition);
int __VERIFIER_nondet_int(void);

#define assert(e) ((e) ? (void)0 : __assert_fail(#e, "asserts.c", 1, "f"))

void holds(unsigned n)
{
    unsigned rest = n % 10;

    assert(rest < 10);
//  ^^^^^^^^^^^^^^^^^ proved[assertion]
}

void fails(unsigned n)
{
    unsigned rest = n % 10;

    assert(rest < 9);
//  ^^^^^^^^^^^^^^^^ refuted[assertion] n % 10 == 9
}

void assumed(int n)
{
    __VERIFIER_assume(n > 5);
    assert(n > 4);
//  ^^^^^^^^^^^^^ proved[assertion]
}

void assumed_too_little(int n)
{
    __CPROVER_assume(n > 5);
    assert(n > 6);
//  ^^^^^^^^^^^^^ refuted[assertion] n == 6
}

void error_reached(int n)
{
    if (n == 42)
        reach_error();
//      ^^^^^^^^^^^^^ refuted[assertion] n == 42
}

void error_not_reached(int n)
{
    if (n > 5 && n < 5)
        reach_error();
//      ^^^^^^^^^^^^^ proved[assertion]
}

void of_any_input(void)
{
    int x = __VERIFIER_nondet_int();

    if (x > 0)
        assert(x >= 1);
//      ^^^^^^^^^^^^^^ proved[assertion]
    assert(x != 7);
//  ^^^^^^^^^^^^^^ refuted[assertion]
}
// summary: assumed: 1 proved
// summary: assumed_too_little: 1 refuted
// summary: error_not_reached: 1 proved
// summary: error_reached: 1 refuted
// summary: fails: 1 refuted
// summary: holds: 1 proved
// summary: of_any_input: 1 proved, 1 refuted

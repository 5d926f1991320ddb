//! The functions on wide characters: the two objects are eight of them each.

use std::ffi::{c_char, c_int, c_void};

use vf_ir::input::ChoiceKind;

use super::{
    Arguments, Bytes, Decisions, Function, Real, SIZE, distance_in_src, found_in_dst, found_in_src, length,
    nothing, sign, value,
};

/// `wchar_t`.
type Wide = c_int;

const CELLS: usize = SIZE / 4;

unsafe extern "C" {
    fn wmemcpy(dst: *mut Wide, src: *const Wide, n: usize) -> *mut Wide;
    fn wmempcpy(dst: *mut Wide, src: *const Wide, n: usize) -> *mut Wide;
    fn wmemmove(dst: *mut Wide, src: *const Wide, n: usize) -> *mut Wide;
    fn wmemset(dst: *mut Wide, c: Wide, n: usize) -> *mut Wide;
    fn wmemcmp(a: *const Wide, b: *const Wide, n: usize) -> c_int;
    fn wmemchr(s: *const Wide, c: Wide, n: usize) -> *mut Wide;
    fn wcslen(s: *const Wide) -> usize;
    fn wcsnlen(s: *const Wide, n: usize) -> usize;
    fn wcscpy(dst: *mut Wide, src: *const Wide) -> *mut Wide;
    fn wcpcpy(dst: *mut Wide, src: *const Wide) -> *mut Wide;
    fn wcsncpy(dst: *mut Wide, src: *const Wide, n: usize) -> *mut Wide;
    fn wcpncpy(dst: *mut Wide, src: *const Wide, n: usize) -> *mut Wide;
    fn wcscat(dst: *mut Wide, src: *const Wide) -> *mut Wide;
    fn wcsncat(dst: *mut Wide, src: *const Wide, n: usize) -> *mut Wide;
    fn wcscmp(a: *const Wide, b: *const Wide) -> c_int;
    fn wcsncmp(a: *const Wide, b: *const Wide, n: usize) -> c_int;
    fn wcscasecmp(a: *const Wide, b: *const Wide) -> c_int;
    fn wcsncasecmp(a: *const Wide, b: *const Wide, n: usize) -> c_int;
    fn wcschr(s: *const Wide, c: Wide) -> *mut Wide;
    fn wcsrchr(s: *const Wide, c: Wide) -> *mut Wide;
    fn wcschrnul(s: *const Wide, c: Wide) -> *mut Wide;
    fn wcsstr(a: *const Wide, b: *const Wide) -> *mut Wide;
    fn wcspbrk(s: *const Wide, set: *const Wide) -> *mut Wide;
    fn wcsspn(s: *const Wide, set: *const Wide) -> usize;
    fn wcscspn(s: *const Wide, set: *const Wide) -> usize;
    fn wcsdup(s: *const Wide) -> *mut Wide;
    fn wcstok(s: *mut Wide, delimiters: *const Wide, save: *mut *mut Wide) -> *mut Wide;
}

/// Wide characters from the start of the object, -1 for null.
fn place(base: *const c_char, pointer: *const Wide) -> i64 {
    if pointer.is_null() {
        -1
    } else {
        (pointer as i64 - base as i64) / 4
    }
}

fn at(base: *mut c_char, cells: usize) -> *mut Wide {
    base.cast::<Wide>().wrapping_add(cells)
}

/// As `letter` of calls.c.
fn letter(d: usize) -> Wide {
    if d.is_multiple_of(3) {
        0
    } else {
        0x60 + (d % 3) as Wide
    }
}

/// BSD wcslcpy(3), which the C library may not have, after its manual.
unsafe fn wcslcpy(dst: *mut Wide, src: *const Wide, n: usize) -> i64 {
    unsafe {
        let length = wcslen(src);
        if n > 0 {
            let kept = length.min(n - 1);
            wmemcpy(dst, src, kept);
            *dst.add(kept) = 0;
        }
        length as i64
    }
}

/// What `put_back_wide` of calls.c does.
unsafe fn put_back(dst: *mut c_char, d: usize, copy: *mut Wide) -> i64 {
    unsafe {
        let n = wcslen(copy) + 1;
        if d + n <= CELLS {
            wmemcpy(at(dst, d), copy, n);
        }
        libc::free(copy.cast::<c_void>());
        n as i64
    }
}

/// What `token` of calls.c returns.
unsafe fn token(base: *mut c_char, s: *mut Wide, delimiters: *const Wide) -> i64 {
    let mut save = std::ptr::null_mut();
    let first = unsafe { wcstok(s, delimiters, &mut save) };
    place(base, first) * 100 + place(base, save)
}

/// Whether there is no token, and where the first begins and ends.
fn token_found(before: &Bytes, arguments: Arguments, result: i64) -> Vec<ChoiceKind> {
    let (first, rest) = ((result + 1).div_euclid(100), (result + 1).rem_euclid(100) - 1);
    if first < 0 {
        return vec![value(8, 1)];
    }
    let cells = before.dst.chunks_exact(4).skip(arguments.d);
    let length = cells.take_while(|cell| cell.iter().any(|b| *b != 0)).count() as i64;
    let start = arguments.d as i64;
    let end = if rest < 0 { length } else { rest - 1 - start };
    vec![value(8, 0), value(64, first - start), value(64, end)]
}

pub(super) fn functions() -> Vec<Function> {
    let with = |name, real: Real, decisions: Decisions, strict| Function {
        name,
        real,
        decisions,
        strict,
        unit: 4,
    };
    let exact = |name, real: Real| with(name, real, nothing, false);
    let told = |name, real: Real, decisions: Decisions| with(name, real, decisions, true);
    vec![
        exact("wmemcpy", |d, s, a| unsafe {
            place(d, wmemcpy(at(d, a.d), at(s, a.s), a.n))
        }),
        exact("wmempcpy", |d, s, a| unsafe {
            place(d, wmempcpy(at(d, a.d), at(s, a.s), a.n))
        }),
        told(
            "wmemmove",
            |d, _, a| unsafe { place(d, wmemmove(at(d, a.d), at(d, a.s), a.n)) },
            nothing,
        ),
        exact("wmemset", |d, _, a| unsafe {
            place(d, wmemset(at(d, a.d), a.s as Wide - 4, a.n))
        }),
        told(
            "wmemcmp",
            |d, s, a| unsafe { i64::from(wmemcmp(at(d, a.d), at(s, a.s), a.n)) },
            sign,
        ),
        told(
            "wmemchr",
            |_, s, a| unsafe { place(s, wmemchr(at(s, a.s), letter(a.d), a.n)) },
            found_in_src,
        ),
        exact("wcslen", |_, s, a| unsafe { wcslen(at(s, a.s)) as i64 }),
        exact("wcsnlen", |_, s, a| unsafe { wcsnlen(at(s, a.s), a.n) as i64 }),
        exact("wcscpy", |d, s, a| unsafe {
            place(d, wcscpy(at(d, a.d), at(s, a.s)))
        }),
        exact("wcpcpy", |d, s, a| unsafe {
            place(d, wcpcpy(at(d, a.d), at(s, a.s)))
        }),
        exact("wcsncpy", |d, s, a| unsafe {
            place(d, wcsncpy(at(d, a.d), at(s, a.s), a.n))
        }),
        exact("wcpncpy", |d, s, a| unsafe {
            place(d, wcpncpy(at(d, a.d), at(s, a.s), a.n))
        }),
        told(
            "wcscat",
            |d, s, a| unsafe { place(d, wcscat(at(d, a.d), at(s, a.s))) },
            nothing,
        ),
        told(
            "wcsncat",
            |d, s, a| unsafe { place(d, wcsncat(at(d, a.d), at(s, a.s), a.n)) },
            nothing,
        ),
        exact("wcslcpy", |d, s, a| unsafe {
            wcslcpy(at(d, a.d), at(s, a.s), a.n)
        }),
        told(
            "wcscmp",
            |d, s, a| unsafe { i64::from(wcscmp(at(d, a.d), at(s, a.s))) },
            sign,
        ),
        told(
            "wcsncmp",
            |d, s, a| unsafe { i64::from(wcsncmp(at(d, a.d), at(s, a.s), a.n)) },
            sign,
        ),
        told(
            "wcscasecmp",
            |d, s, a| unsafe { i64::from(wcscasecmp(at(d, a.d), at(s, a.s))) },
            sign,
        ),
        told(
            "wcsncasecmp",
            |d, s, a| unsafe { i64::from(wcsncasecmp(at(d, a.d), at(s, a.s), a.n)) },
            sign,
        ),
        told(
            "wcschr",
            |_, s, a| unsafe { place(s, wcschr(at(s, a.s), letter(a.d))) },
            found_in_src,
        ),
        told(
            "wcsrchr",
            |_, s, a| unsafe { place(s, wcsrchr(at(s, a.s), letter(a.d))) },
            found_in_src,
        ),
        told(
            "wcschrnul",
            |_, s, a| unsafe { place(s, wcschrnul(at(s, a.s), letter(a.d))) },
            distance_in_src,
        ),
        told(
            "wcsstr",
            |d, s, a| unsafe { place(d, wcsstr(at(d, a.d), at(s, a.s))) },
            found_in_dst,
        ),
        told(
            "wcspbrk",
            |d, s, a| unsafe { place(d, wcspbrk(at(d, a.d), at(s, a.s))) },
            found_in_dst,
        ),
        told(
            "wcsspn",
            |d, s, a| unsafe { wcsspn(at(d, a.d), at(s, a.s)) as i64 },
            length,
        ),
        told(
            "wcscspn",
            |d, s, a| unsafe { wcscspn(at(d, a.d), at(s, a.s)) as i64 },
            length,
        ),
        exact("wcsdup", |d, s, a| unsafe {
            put_back(d, a.d, wcsdup(at(s, a.s)))
        }),
        told(
            "wcstok",
            |d, s, a| unsafe { token(d, at(d, a.d), at(s, a.s)) },
            token_found,
        ),
    ]
}

//! Format strings as data: literal text and directives (C11 7.21.6.1; the Linux kernel's
//! `Documentation/core-api/printk-formats.rst`).

/// A piece of a format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes printed as they are (`%%` counts as one).
    Literal(u64),
    Directive(Directive),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    /// `#`.
    pub alternate: bool,
    /// `+` or a space: a sign is always printed.
    pub signed_prefix: bool,
    /// `'` or `I`: digits may be grouped or replaced as the locale says.
    pub locale: bool,
    pub width: Amount,
    pub precision: Amount,
    pub length: Length,
    /// The conversion character.
    pub conversion: u8,
    /// Letters and digits right behind a `%p`: in the kernel they select what is printed.
    pub extension: String,
}

/// A width or a precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    Absent,
    Fixed(u64),
    /// `*`: an `int` among the arguments.
    Argument,
}

/// Length modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    None,
    Char,
    Short,
    Long,
    LongLong,
    /// `j`.
    IntMax,
    /// `z` (and the kernel's `Z`).
    Size,
    /// `t`.
    PtrDiff,
    /// `L`.
    LongDouble,
}

/// A format string that is not understood: positional arguments, or one that ends inside a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

/// Splits a format string (without its terminator) into pieces.
pub(super) fn parse(format: &[u8]) -> Result<Vec<Piece>, NotUnderstood> {
    let mut pieces = Vec::new();
    let mut literal = 0;
    let mut rest = Cursor::new(format);
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            literal += 1;
            continue;
        }
        if rest.peek() == Some(b'%') {
            rest.next();
            literal += 1;
            continue;
        }
        if literal > 0 {
            pieces.push(Piece::Literal(literal));
            literal = 0;
        }
        pieces.push(Piece::Directive(directive(&mut rest)?));
    }
    if literal > 0 {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let yes = self.peek() == Some(byte);
        self.at += usize::from(yes);
        yes
    }
    /// Digits as a number, if any; one beyond `int` is not understood.
    pub(super) fn number(&mut self) -> Result<Option<u64>, NotUnderstood> {
        let mut value: Option<u64> = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.at += 1;
            let next = value.unwrap_or(0) * 10 + u64::from(digit - b'0');
            if next > i32::MAX as u64 {
                return Err(NotUnderstood);
            }
            value = Some(next);
        }
        Ok(value)
    }
}

/// The directive whose `%` was just read.
fn directive(rest: &mut Cursor<'_>) -> Result<Directive, NotUnderstood> {
    let (mut alternate, mut signed_prefix, mut locale) = (false, false, false);
    loop {
        match rest.peek() {
            Some(b'#') => alternate = true,
            Some(b'+' | b' ') => signed_prefix = true,
            Some(b'\'' | b'I') => locale = true,
            Some(b'-' | b'0') => {}
            _ => break,
        }
        rest.next();
    }
    let width = if rest.eat(b'*') {
        Amount::Argument
    } else {
        rest.number()?.map_or(Amount::Absent, Amount::Fixed)
    };
    // `%1$d` and `%*1$d`: arguments by position.
    if rest.peek() == Some(b'$')
        || (width == Amount::Argument && rest.peek().is_some_and(|b| b.is_ascii_digit()))
    {
        return Err(NotUnderstood);
    }
    let precision = if !rest.eat(b'.') {
        Amount::Absent
    } else if rest.eat(b'*') {
        Amount::Argument
    } else if rest.eat(b'-') {
        // A negative precision counts as none (glibc; the standard allows only `*` to give one).
        rest.number()?;
        Amount::Absent
    } else {
        Amount::Fixed(rest.number()?.unwrap_or(0))
    };
    let length = length_modifier(rest);
    let conversion = rest.next().ok_or(NotUnderstood)?;
    let mut extension = String::new();
    if conversion == b'p' {
        while let Some(byte) = rest.peek().filter(u8::is_ascii_alphanumeric) {
            extension.push(char::from(byte));
            rest.next();
        }
    }
    Ok(Directive {
        alternate,
        signed_prefix,
        locale,
        width,
        precision,
        length,
        conversion,
        extension,
    })
}

/// The length modifier, if there is one.
pub(super) fn length_modifier(rest: &mut Cursor<'_>) -> Length {
    match rest.peek() {
        Some(b'h') => {
            rest.next();
            if rest.eat(b'h') {
                Length::Char
            } else {
                Length::Short
            }
        }
        Some(b'l') => {
            rest.next();
            if rest.eat(b'l') {
                Length::LongLong
            } else {
                Length::Long
            }
        }
        Some(b'q') => {
            rest.next();
            Length::LongLong
        }
        Some(b'L') => {
            rest.next();
            Length::LongDouble
        }
        Some(b'j') => {
            rest.next();
            Length::IntMax
        }
        Some(b'z' | b'Z') => {
            rest.next();
            Length::Size
        }
        Some(b't') => {
            rest.next();
            Length::PtrDiff
        }
        _ => Length::None,
    }
}

/// Bounds of what a kernel `%p` extension prints, padding not counted; `None` where no small bound is known
/// (names, bitmaps, nested formats).
pub(super) fn kernel_pointer_range(extension: &str) -> Option<(u64, u64)> {
    let bytes = extension.as_bytes();
    let second = bytes.get(1).copied();
    Some(match bytes.first()? {
        // MAC address, with and without colons.
        b'M' => (17, 17),
        b'm' => (12, 12),
        b'I' | b'i' => match second {
            // "0.0.0.0" or, for `i`, "000.000.000.000".
            Some(b'4') => (7, 15),
            // Compressed: as short as "::", as long as six groups and an IPv4 address.
            Some(b'6') if bytes.contains(&b'c') => (2, 45),
            Some(b'6') if bytes[0] == b'i' => (32, 32),
            Some(b'6') => (39, 39),
            // A socket address with brackets, port, flow and scope.
            _ => (1, 96),
        },
        b'U' => (36, 36),
        // The address itself, and the error name of an error pointer.
        b'x' | b'K' => (1, 18),
        b'e' => (1, 32),
        // Physical address: always all digits.
        b'a' => (10, 18),
        // A time or date.
        b't' => (1, 48),
        // Up to 64 bytes in hexadecimal, with a separator between.
        b'h' => (0, 191),
        // Four letters of a pixel format, with its description.
        b'4' => (1, 48),
        _ => return None,
    })
}

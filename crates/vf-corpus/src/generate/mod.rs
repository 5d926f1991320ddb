//! Functions as kernels and libraries have them: put together from pieces, with guards, names, types and control flow chosen at
//! random. What is made is meant to be safe; only the prover decides whether it is.

mod arithmetic;
mod bytes;
mod memory;
mod names;
mod sketch;
mod strings;
mod tables;

use crate::prelude::prelude;
use crate::random::Random;
use sketch::Sketch;

/// A file with one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Where the file would lie in a tree.
    pub path: String,
    pub function: String,
    pub text: String,
    /// What the function is put together from.
    pub pieces: Vec<String>,
}

/// Writes a piece of a function, with all that it needs.
type Piece = fn(&mut Sketch);

const PIECES: &[(&str, Piece)] = &[
    ("table-lookup", tables::lookup),
    ("table-update", tables::update),
    ("grid", tables::grid),
    ("append", tables::append),
    ("take", tables::take),
    ("remove", tables::remove),
    ("search", tables::search),
    ("fill", tables::fill),
    ("choose", tables::choose),
    ("masked-index", tables::masked),
    ("clamped-index", tables::clamped),
    ("header", bytes::header),
    ("counted-body", bytes::counted),
    ("records", bytes::records),
    ("copy-in", bytes::copy_in),
    ("copy-out", bytes::copy_out),
    ("checksum", bytes::checksum),
    ("field-at-offset", bytes::at_offset),
    ("descriptor", bytes::descriptor),
    ("consume", bytes::consume),
    ("ring", bytes::ring),
    ("transfer", bytes::transfer),
    ("keep-name", strings::keep),
    ("show", strings::show),
    ("text-from-bytes", strings::from_bytes),
    ("trim", strings::trim),
    ("add-character", strings::add_char),
    ("hexadecimal", strings::hexadecimal),
    ("store-number", strings::store),
    ("key", strings::key),
    ("join", strings::join),
    ("allocate-table", memory::table),
    ("duplicate", memory::duplicate),
    ("scratch", memory::scratch),
    ("object", memory::object),
    ("ioctl", memory::ioctl),
    ("from-user", memory::from_user),
    ("attached", memory::attached),
    ("shift", arithmetic::shift),
    ("bitmap", arithmetic::bitmap),
    ("quotient", arithmetic::quotient),
    ("sum", arithmetic::sum),
    ("product", arithmetic::product),
    ("average", arithmetic::average),
    ("window", arithmetic::window),
];

/// The function with this number under this seed; it depends on nothing else.
pub fn generate(seed: u64, number: u64) -> Generated {
    let mut s = Sketch::new(Random::new(seed, number));
    let pieces = match s.random.below(20) {
        0..=8 => 1,
        9..=16 => 2,
        _ => 3,
    };
    for place in 0..pieces {
        let index = s.random.below(PIECES.len());
        let Some((name, write)) = PIECES.get(index) else {
            continue;
        };
        if place > 0 && s.percent(70) {
            s.blank();
        }
        if s.percent(14) {
            s.noise();
        }
        s.pieces.push(name);
        write(&mut s);
        if s.percent(18) {
            s.noise();
        }
        s.end_piece();
    }
    let names = s.pieces.iter().map(|p| (*p).to_owned()).collect();
    let (folder, file) = (s.of.folder, format!("{}_{}", s.of.prefix, s.of.object));
    let (body, function, kernel) = s.finish();
    let head = match kernel {
        true => "// SPDX-License-Identifier: MIT OR Apache-2.0\n",
        false => "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n",
    };
    Generated {
        path: format!("{folder}/{file}.c"),
        function,
        text: format!("{head}{}{body}", prelude(kernel, &body)),
        pieces: names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vf_repair::ctext::functions::functions;

    #[test]
    fn functions_repeat_and_are_functions() {
        let mut pieces = std::collections::BTreeSet::new();
        for number in 0..400 {
            let made = generate(1, number);
            assert_eq!(made, generate(1, number));
            let defined = functions(&made.text);
            assert!(defined.iter().any(|f| f.name == made.function), "{}", made.text);
            pieces.extend(made.pieces);
        }
        assert_eq!(pieces.len(), PIECES.len(), "{pieces:?}");
        assert_ne!(generate(1, 1), generate(2, 1));
    }
}

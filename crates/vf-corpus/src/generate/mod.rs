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

const PLAIN: &[(&str, Piece)] = &[
    ("table-lookup", tables::lookup),
    ("table-update", tables::update),
    ("grid", tables::grid),
    ("append", tables::append),
    ("take", tables::take),
    ("choose", tables::choose),
    ("masked-index", tables::masked),
    ("clamped-index", tables::clamped),
    ("header", bytes::header),
    ("counted-body", bytes::counted),
    ("copy-in", bytes::copy_in),
    ("copy-out", bytes::copy_out),
    ("field-at-offset", bytes::at_offset),
    ("consume", bytes::consume),
    ("ring", bytes::ring),
    ("transfer", bytes::transfer),
    ("keep-name", strings::keep),
    ("show", strings::show),
    ("text-from-bytes", strings::from_bytes),
    ("add-character", strings::add_char),
    ("store-number", strings::store),
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
    ("window", arithmetic::window),
];

/// Those with a loop; a proof about two loops, one behind the other, takes many times as long as about one.
const WITH_LOOP: &[(&str, Piece)] = &[
    ("remove", tables::remove),
    ("search", tables::search),
    ("fill", tables::fill),
    ("records", bytes::records),
    ("checksum", bytes::checksum),
    ("descriptor", bytes::descriptor),
    ("trim", strings::trim),
    ("key", strings::key),
    ("average", arithmetic::average),
];

/// The function with this number under this seed; it depends on nothing else.
pub fn generate(seed: u64, number: u64) -> Generated {
    let mut s = Sketch::new(Random::new(seed, number));
    let pieces = match s.random.below(20) {
        0..=14 => 1,
        15..=18 => 2,
        _ => 3,
    };
    s.may_loop = pieces == 1;
    let table = if pieces == 1 && s.percent(12) {
        WITH_LOOP
    } else {
        PLAIN
    };
    for place in 0..pieces {
        let Some((name, write)) = s.random.choose(table) else {
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
        for number in 0..1200 {
            let made = generate(1, number);
            assert_eq!(made, generate(1, number));
            let defined = functions(&made.text);
            assert!(defined.iter().any(|f| f.name == made.function), "{}", made.text);
            pieces.extend(made.pieces);
        }
        assert_eq!(pieces.len(), PLAIN.len() + WITH_LOOP.len(), "{pieces:?}");
        assert_ne!(generate(1, 1), generate(2, 1));
    }
}

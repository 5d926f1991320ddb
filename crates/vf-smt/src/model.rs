//! Values of our variables, read from a z3 model.

use crate::tables::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};

use z3::ast::{Array, Ast, BV, Dynamic};

use crate::term::{Sort, Term, Terms, View};
use crate::translate::{Expression, Translation, bits_constant};
use crate::value::{Assignment, Value};

/// Values of all variables of the query. An array's value is read off z3's normal form of it (updates of a
/// constant array, or the table of a function); where z3 answers in another form, the array is read at the
/// values that the query's index terms have in the model, and is zero elsewhere. The caller checks the result
/// with the evaluator.
pub(crate) fn extract(
    terms: &Terms,
    translation: &mut Translation,
    model: &z3::Model,
    query: &[Term],
) -> Assignment {
    let mut assignment = Assignment::new();
    let reachable = terms.reachable(query);
    let mut indices: Option<HashMap<u32, Vec<u128>>> = None;
    let read: HashSet<(Term, Term)> = reachable
        .iter()
        .filter_map(|term| match terms.view(*term) {
            View::Select(array, place) => Some((array, place)),
            _ => None,
        })
        .collect();
    for &term in &reachable {
        let View::Var { sort, .. } = terms.view(term) else {
            continue;
        };
        let value = match (translation.expression(terms, term), sort) {
            (Expression::Bool(expression), _) => Value::Bool(
                model
                    .eval(&expression, true)
                    .and_then(|v| v.as_bool())
                    .unwrap_or(false),
            ),
            (Expression::Bits(expression), Sort::BitVec(bits)) => Value::Bits {
                bits,
                value: bits_value(model, &expression, bits).unwrap_or(0),
            },
            (Expression::Array(expression), Sort::Array { index, element }) => {
                let as_variables = elements_read(model, translation, &read, term, (index, element));
                let read = as_variables
                    .or_else(|| whole_array(model, &expression, index, element))
                    .unwrap_or_else(|| {
                        let indices = indices
                            .get_or_insert_with(|| index_values(terms, translation, model, &reachable));
                        let at = indices.get(&index).map_or(&[][..], Vec::as_slice);
                        (0, entries_at(model, &expression, index, element, at))
                    });
                let (default, mut entries) = read;
                entries.retain(|_, value| *value != default);
                Value::Array {
                    index_bits: index,
                    element_bits: element,
                    default,
                    entries,
                }
            }
            _ => continue,
        };
        assignment.set(term, value);
    }
    assignment
}

/// Default and entries of an array whose reads are variables. Those that only a former check asked for may have any
/// value now.
fn elements_read(
    model: &z3::Model,
    translation: &Translation,
    read: &HashSet<(Term, Term)>,
    array: Term,
    (index_bits, element_bits): (u32, u32),
) -> Option<(u128, BTreeMap<u128, u128>)> {
    let reads = translation.reads()?.of(array);
    let entry = |read: &crate::reads::Read| {
        let index = bits_value(model, &read.index, index_bits)?;
        Some((index, bits_value(model, &read.value, element_bits)?))
    };
    let mut entries = BTreeMap::new();
    let asked = reads.iter().filter(|r| read.contains(&(array, r.place)));
    for (index, value) in asked.filter_map(entry) {
        entries.entry(index).or_insert(value);
    }
    Some((0, entries))
}

/// The values in the model of all index terms, by index width.
fn index_values(
    terms: &Terms,
    translation: &mut Translation,
    model: &z3::Model,
    reachable: &[Term],
) -> HashMap<u32, Vec<u128>> {
    // Sorted: translating makes new terms in z3, whose order must be the same each time.
    let mut index_terms: BTreeSet<Term> = BTreeSet::new();
    for &term in reachable {
        if let View::Select(_, index) | View::Store(_, index, _) = terms.view(term) {
            index_terms.insert(index);
        }
    }
    let mut values: HashMap<u32, Vec<u128>> = HashMap::default();
    for index in index_terms {
        let bits = terms.width(index);
        if let Expression::Bits(expression) = translation.expression(terms, index)
            && let Some(value) = bits_value(model, &expression, bits)
        {
            values.entry(bits).or_default().push(value);
        }
    }
    for list in values.values_mut() {
        list.sort_unstable();
        list.dedup();
    }
    values
}

/// Default and entries of an array's value in the model: `(store (store ((as const S) d) i v) j w)`, or the
/// table of the function behind `(_ as-array f)`. Operators are told apart by their names, which are the same
/// in every version of z3; their numbers are not.
fn whole_array(
    model: &z3::Model,
    array: &Array,
    index_bits: u32,
    element_bits: u32,
) -> Option<(u128, BTreeMap<u128, u128>)> {
    let mut value = Dynamic::from_ast(&model.eval(array, true)?);
    // The outermost update of an index is the one that counts.
    let mut entries = BTreeMap::new();
    loop {
        if let Some(function) = value.as_array().and_then(|array| array.as_array_func_decl()) {
            let table = model.get_func_interp(&function)?;
            for entry in table.get_entries() {
                let index = bits_value(model, &entry.get_args().first()?.as_bv()?, index_bits)?;
                let element = bits_value(model, &entry.get_value().as_bv()?, element_bits)?;
                entries.entry(index).or_insert(element);
            }
            let default = bits_value(model, &table.get_else()?.as_bv()?, element_bits)?;
            return Some((default, entries));
        }
        let children = value.children();
        match (value.safe_decl().ok()?.name().as_str(), children.as_slice()) {
            ("store", [older, index, element]) => {
                let index = bits_value(model, &index.as_bv()?, index_bits)?;
                let element = bits_value(model, &element.as_bv()?, element_bits)?;
                entries.entry(index).or_insert(element);
                value = older.clone();
            }
            ("const", [element]) => {
                return Some((bits_value(model, &element.as_bv()?, element_bits)?, entries));
            }
            _ => return None,
        }
    }
}

fn entries_at(
    model: &z3::Model,
    array: &Array,
    index_bits: u32,
    element_bits: u32,
    at: &[u128],
) -> BTreeMap<u128, u128> {
    let mut entries = BTreeMap::new();
    for &index in at {
        let element = array.select(&bits_constant(index_bits, index)).as_bv();
        if let Some(value) = element.and_then(|e| bits_value(model, &e, element_bits))
            && value != 0
        {
            entries.insert(index, value);
        }
    }
    entries
}

/// Value of a bit-vector expression in the model, 64 bits at a time.
fn bits_value(model: &z3::Model, expression: &BV, bits: u32) -> Option<u128> {
    if bits <= 64 {
        return model.eval(expression, true)?.as_u64().map(u128::from);
    }
    let low = model.eval(&expression.extract(63, 0), true)?.as_u64()?;
    let high = model.eval(&expression.extract(bits - 1, 64), true)?.as_u64()?;
    Some(u128::from(high) << 64 | u128::from(low))
}

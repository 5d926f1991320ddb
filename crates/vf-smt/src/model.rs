//! Values of our variables, read from a z3 model.

use std::collections::{BTreeMap, HashMap, HashSet};

use z3::ast::{Array, BV};

use crate::term::{Sort, Term, Terms, View};
use crate::translate::{Expression, Translation, bits_constant};
use crate::value::{Assignment, Value};

/// Values of all variables of the query. An array is read at the values that the query's index terms of its
/// width have in the model, and is zero elsewhere: that is the whole of what the query can see of it, equality
/// of arrays apart, and the caller checks the result with the evaluator.
pub(crate) fn extract(
    terms: &Terms,
    translation: &mut Translation,
    model: &z3::Model,
    query: &[Term],
) -> Assignment {
    let mut assignment = Assignment::new();
    let reachable = terms.reachable(query);
    let indices = index_values(terms, translation, model, &reachable);
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
                let at = indices.get(&index).cloned().unwrap_or_default();
                Value::Array {
                    index_bits: index,
                    element_bits: element,
                    default: 0,
                    entries: entries(model, &expression, index, element, &at),
                }
            }
            _ => continue,
        };
        assignment.set(term, value);
    }
    assignment
}

/// The values in the model of all index terms, by index width.
fn index_values(
    terms: &Terms,
    translation: &mut Translation,
    model: &z3::Model,
    reachable: &[Term],
) -> HashMap<u32, Vec<u128>> {
    let mut index_terms: HashSet<Term> = HashSet::new();
    for &term in reachable {
        if let View::Select(_, index) | View::Store(_, index, _) = terms.view(term) {
            index_terms.insert(index);
        }
    }
    let mut values: HashMap<u32, Vec<u128>> = HashMap::new();
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

fn entries(
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

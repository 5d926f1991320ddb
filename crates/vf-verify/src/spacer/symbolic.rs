//! Large constants as unknown numbers.
//!
//! Where a loop runs to 298, Spacer may look at the 298 states one after the other, since each excludes one more. Where it runs
//! to some `K`, only a relation between the counters helps, and that is found at once. So constants become unknowns, those
//! near each other's small multiples by the same one: 300 is `K + 2`. What is invariant for every `K` is so for the one
//! that stood there.

use vf_smt::horn::{Application, Argument, Formula, Kind, Linear, Rule, System};

/// Constants of this magnitude are replaced; the ends of wide types are not counted to.
const SMALLEST: i128 = 8;
const LARGEST: i128 = 1 << 20;
/// Unknowns, at most, their multiples, and how far from one of those a constant may be.
const MOST_BASES: usize = 3;
const MOST_TIMES: i128 = 4;
const NEAR: i128 = 4;

/// The system for every value of the bases, and the values that they have in the one given. `None` where there is nothing
/// to replace.
pub fn generalised(system: &System) -> Option<(System, Vec<i128>)> {
    let mut constants = Vec::new();
    for rule in &system.rules {
        in_rule(rule, &mut |sum| {
            constants.push(sum.constant.checked_abs().unwrap_or(0))
        });
    }
    constants.retain(|c| (SMALLEST..=LARGEST).contains(c));
    constants.sort_unstable();
    let mut bases: Vec<i128> = Vec::new();
    for constant in constants {
        if multiple(constant, &bases).is_none() && bases.len() < MOST_BASES {
            bases.push(constant);
        }
    }
    if bases.is_empty() {
        return None;
    }
    let relation = |kinds: &Vec<Kind>| [kinds.as_slice(), &vec![Kind::Number; bases.len()]].concat();
    Some((
        System {
            relations: system.relations.iter().map(relation).collect(),
            rules: system
                .rules
                .iter()
                .map(|rule| generalised_rule(rule, &bases))
                .collect(),
        },
        bases,
    ))
}

/// What invariants of the generalised system say of the system itself.
pub fn instantiated(invariants: &[Vec<Formula>], system: &System, bases: &[i128]) -> Vec<Vec<Formula>> {
    let clauses = |(kinds, clauses): (&Vec<Kind>, &Vec<Formula>)| {
        let value = |sum: &Linear| {
            let mut result = Linear::constant(sum.constant);
            for (variable, coefficient) in &sum.terms {
                let part = match variable.checked_sub(kinds.len()) {
                    Some(base) => Linear::constant(bases.get(base).copied().unwrap_or_default()),
                    None => Linear::variable(*variable),
                };
                result = result.plus_scaled(*coefficient, &part)?;
            }
            Some(result)
        };
        clauses
            .iter()
            .filter_map(|clause| instance(clause, &value))
            .collect()
    };
    system.relations.iter().zip(invariants).map(clauses).collect()
}

fn instance(formula: &Formula, value: &dyn Fn(&Linear) -> Option<Linear>) -> Option<Formula> {
    let folded = |sum: Linear, make: fn(Linear) -> Formula, holds: fn(i128) -> bool| match sum.as_constant() {
        Some(constant) => Formula::Constant(holds(constant)),
        None => make(sum),
    };
    Some(match formula {
        Formula::Constant(_) | Formula::Truth(_) => formula.clone(),
        Formula::AtMostZero(sum) => folded(value(sum)?, Formula::AtMostZero, |c| c <= 0),
        Formula::IsZero(sum) => folded(value(sum)?, Formula::IsZero, |c| c == 0),
        Formula::Not(inner) => instance(inner, value)?.negated(),
        Formula::All(parts) | Formula::Any(parts) => {
            let is_all = matches!(formula, Formula::All(_));
            let mut kept = Vec::new();
            for part in parts {
                match instance(part, value)? {
                    Formula::Constant(holds) if holds == is_all => {}
                    Formula::Constant(holds) => return Some(Formula::Constant(holds)),
                    other => kept.push(other),
                }
            }
            match kept.len() {
                0 => Formula::Constant(is_all),
                1 => kept.remove(0),
                _ if is_all => Formula::All(kept),
                _ => Formula::Any(kept),
            }
        }
    })
}

/// A base, how often, and the rest, of a positive constant.
fn multiple(constant: i128, bases: &[i128]) -> Option<(usize, i128, i128)> {
    (1..=MOST_TIMES).find_map(|times| {
        bases.iter().enumerate().find_map(|(base, value)| {
            let rest = constant - times * value;
            (rest.abs() <= NEAR).then_some((base, times, rest))
        })
    })
}

fn generalised_rule(rule: &Rule, bases: &[i128]) -> Rule {
    let first = rule.variables.len();
    let sum = |sum: &Linear| {
        let size = sum
            .constant
            .checked_abs()
            .filter(|c| (SMALLEST..=LARGEST).contains(c));
        let Some((base, times, rest)) = size.and_then(|c| multiple(c, bases)) else {
            return sum.clone();
        };
        let sign = sum.constant.signum();
        let mut terms = sum.terms.clone();
        terms.push((first + base, sign * times));
        Linear {
            constant: sign * rest,
            terms,
        }
    };
    let lasting = (0..bases.len()).map(|base| Argument::Number(Linear::variable(first + base)));
    let applied = |application: &Application| Application {
        relation: application.relation,
        arguments: application
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Number(number) => Argument::Number(sum(number)),
                Argument::Truth(formula) => Argument::Truth(mapped(formula, &sum)),
            })
            .chain(lasting.clone())
            .collect(),
    };
    let mut conditions = vec![mapped(&rule.condition, &sum)];
    if rule.body.is_none() {
        // The least is as large as what is replaced; the others follow in order.
        conditions.push(Formula::AtMostZero(Linear {
            constant: SMALLEST,
            terms: vec![(first, -1)],
        }));
        conditions.extend((1..bases.len()).map(|base| {
            Formula::AtMostZero(Linear {
                constant: 1,
                terms: vec![(first + base - 1, 1), (first + base, -1)],
            })
        }));
    }
    Rule {
        variables: [rule.variables.as_slice(), &vec![Kind::Number; bases.len()]].concat(),
        body: rule.body.as_ref().map(applied),
        condition: Formula::All(conditions),
        head: rule.head.as_ref().map(applied),
    }
}

fn mapped(formula: &Formula, sum: &dyn Fn(&Linear) -> Linear) -> Formula {
    let all = |parts: &[Formula]| parts.iter().map(|p| mapped(p, sum)).collect();
    match formula {
        Formula::Constant(_) | Formula::Truth(_) => formula.clone(),
        Formula::AtMostZero(linear) => Formula::AtMostZero(sum(linear)),
        Formula::IsZero(linear) => Formula::IsZero(sum(linear)),
        Formula::Not(inner) => Formula::Not(Box::new(mapped(inner, sum))),
        Formula::All(parts) => Formula::All(all(parts)),
        Formula::Any(parts) => Formula::Any(all(parts)),
    }
}

fn in_rule(rule: &Rule, see: &mut dyn FnMut(&Linear)) {
    in_formula(&rule.condition, see);
    let applications = rule.body.iter().chain(&rule.head);
    for argument in applications.flat_map(|a| &a.arguments) {
        match argument {
            Argument::Number(number) => see(number),
            Argument::Truth(formula) => in_formula(formula, see),
        }
    }
}

fn in_formula(formula: &Formula, see: &mut dyn FnMut(&Linear)) {
    match formula {
        Formula::Constant(_) | Formula::Truth(_) => {}
        Formula::AtMostZero(sum) | Formula::IsZero(sum) => see(sum),
        Formula::Not(inner) => in_formula(inner, see),
        Formula::All(parts) | Formula::Any(parts) => parts.iter().for_each(|p| in_formula(p, see)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vf_smt::Limits;
    use vf_smt::horn::Answer;

    fn linear(constant: i128, terms: &[(usize, i128)]) -> Linear {
        Linear {
            constant,
            terms: terms.to_vec(),
        }
    }

    fn at(sums: &[Linear]) -> Option<Application> {
        Some(Application {
            relation: 0,
            arguments: sums.iter().cloned().map(Argument::Number).collect(),
        })
    }

    /// `while (c < 298) { a++, c++ or b++, c += 2 }` never makes `a + 2 b` more than 299.
    fn weighted_sum() -> System {
        let (a, b, c) = (0, 1, 2);
        let now: Vec<Linear> = (0..3).map(Linear::variable).collect();
        let rule = |condition: Formula, head| Rule {
            variables: vec![Kind::Number; 3],
            body: at(&now),
            condition,
            head,
        };
        let goes_on = Formula::AtMostZero(linear(-297, &[(c, 1)]));
        let one = at(&[linear(1, &[(a, 1)]), now[1].clone(), linear(1, &[(c, 1)])]);
        let two = at(&[now[0].clone(), linear(1, &[(b, 1)]), linear(2, &[(c, 1)])]);
        let start = Rule {
            variables: Vec::new(),
            body: None,
            condition: Formula::Constant(true),
            head: at(&[Linear::default(), Linear::default(), Linear::default()]),
        };
        let wrong = Formula::AtMostZero(linear(300, &[(a, -1), (b, -2)]));
        System {
            relations: vec![vec![Kind::Number; 3]],
            rules: vec![
                start,
                rule(goes_on.clone(), one),
                rule(goes_on, two),
                rule(wrong, None),
            ],
        }
    }

    #[test]
    fn constants_near_each_other_share_an_unknown() {
        let (general, bases) = generalised(&weighted_sum()).expect("it has constants");
        assert_eq!(bases, [297]);
        let wrong = general.rules.last().map(|r| r.condition.clone());
        let expected = Formula::AtMostZero(linear(3, &[(0, -1), (1, -2), (3, 1)]));
        assert_eq!(wrong, Some(Formula::All(vec![expected])));
    }

    #[test]
    fn a_relation_is_found_that_holds_for_every_bound() {
        let system = weighted_sum();
        let (general, bases) = generalised(&system).expect("it has constants");
        let limits = Limits {
            rlimit: Some(50_000_000),
            timeout_ms: None,
        };
        let Answer::Safe(invariants) = general.solve(limits) else {
            panic!("not safe");
        };
        let here = instantiated(&invariants, &system, &bases);
        let relation = Formula::AtMostZero(linear(0, &[(0, 1), (1, 2), (2, -1)]));
        assert!(here[0].contains(&relation), "{here:?}");
    }

    #[test]
    fn systems_of_small_numbers_stay() {
        let mut system = weighted_sum();
        system.rules.truncate(1);
        assert!(generalised(&system).is_none());
    }
}

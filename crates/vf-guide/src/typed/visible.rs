//! Which scopes have rules of their own.

use std::collections::BTreeSet;

use crate::places::{Place, Places};

/// Scopes with rules of their own; in the places of others, a part of what is in scope is used.
const MAX_SCOPES: usize = 6;

/// The scopes that have rules of their own.
pub(super) struct Visible {
    pub names: Vec<BTreeSet<String>>,
    /// By scope of the places: which of those it is given.
    given: Vec<usize>,
}

impl Visible {
    pub fn index(&self, scope: usize) -> usize {
        self.given.get(scope).copied().unwrap_or(0)
    }
}

/// The scopes of the most places, and for the others the largest of them that has no name that is not in view.
pub(super) fn visible(places: &Places) -> Visible {
    let sets: Vec<BTreeSet<String>> = places
        .scopes
        .iter()
        .map(|s| s.iter().cloned().collect())
        .collect();
    let uses = |scope: usize| {
        let of_scope = |p: &&Place| places.slots.get(p.slot).is_some_and(|s| s.scope == scope);
        places.places.iter().filter(of_scope).count()
    };
    let mut ranked: Vec<usize> = (0..sets.len()).collect();
    ranked.sort_by_key(|scope| std::cmp::Reverse(uses(*scope)));
    let mut names: Vec<BTreeSet<String>> = Vec::new();
    for scope in ranked {
        let set = sets.get(scope).filter(|s| !names.contains(s));
        names.extend(set.filter(|_| names.len() < MAX_SCOPES).cloned());
    }
    // What is in view everywhere is in view wherever nothing else fits.
    let everywhere = sets
        .iter()
        .skip(1)
        .fold(sets.first().cloned().unwrap_or_default(), |a, b| {
            a.intersection(b).cloned().collect()
        });
    if !names.contains(&everywhere) {
        names.push(everywhere);
    }
    let fitting = |set: &BTreeSet<String>| {
        let within = (0..names.len()).filter(|i| names.get(*i).is_some_and(|n| n.is_subset(set)));
        within.max_by_key(|i| names.get(*i).map_or(0, BTreeSet::len))
    };
    Visible {
        given: sets.iter().map(|set| fitting(set).unwrap_or(0)).collect(),
        names,
    }
}

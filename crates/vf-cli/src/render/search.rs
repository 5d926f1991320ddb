//! How the search for proofs went, for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use vf_verify::search::{Blocked, Search};

use super::text::{place, plural, seconds};

/// A few lines below a function's verdicts.
pub fn search(search: &Search) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "  search: {} cut; {} of {} kept in {}; {}",
        plural(search.loops_cut, "loop"),
        search.kept(),
        plural(search.tried(), "candidate invariant"),
        match search.passes {
            1 => "1 pass".to_owned(),
            passes => format!("{passes} passes"),
        },
        plural(usize::try_from(search.queries).unwrap_or(usize::MAX), "question"),
    );
    for (source, count) in &search.candidates {
        let _ = writeln!(
            text,
            "    {:14} {:>4} tried, {:>4} kept",
            source.name(),
            count.tried,
            count.kept
        );
    }
    if let Some(bound) = search.largest_bound {
        let _ = writeln!(
            text,
            "    loops unrolled up to {}",
            plural(bound as usize, "time")
        );
    }
    let phases = &search.phases;
    let _ = writeln!(
        text,
        "    time: execution {}, invariants {}, obligations {}, unrolling {}, suggestions {}",
        seconds(phases.execution_ms),
        seconds(phases.invariants_ms),
        seconds(phases.obligations_ms),
        seconds(phases.unrolling_ms),
        seconds(phases.suggestions_ms),
    );
    text.push_str(&blocked(&search.blocked));
    text
}

/// A line for those behind one loop whose queries ended alike.
fn blocked(queries: &[Blocked]) -> String {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for query in queries {
        let after = query.after_loop.as_ref();
        let after = after.map_or_else(String::new, |at| format!(" after the loop at {}", place(at)));
        let how = format!("blocked{after}: {}", query.ended);
        alike.entry(how).or_default().push(&query.obligation);
    }
    let lines = alike
        .iter()
        .map(|(how, ids)| format!("    {how}: {}\n", ids.join(", ")));
    lines.collect()
}

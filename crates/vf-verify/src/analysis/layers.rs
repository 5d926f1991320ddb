//! Layers of a proof for people to read: the invariants that were kept, and the queries.

use std::time::Instant;

use vf_ir::{FunctionId, ObligationId};
use vf_smt::{Limits, Stop, Terms};

use super::{Context, ENTRY_TIME, QUERY_TIME};
use crate::engine::{self, Execution, Memo, Mode};
use crate::search::{Asking, Observer};
use crate::solve::{SolveOptions, scripts, solve};
use crate::{Emit, Emitted, Reason};

impl Context<'_> {
    /// What the proof search of one entry rests on: its kept invariants, or its queries.
    pub fn emit(&self, entry: FunctionId, what: Emit) -> Result<Vec<Emitted>, Reason> {
        let terms = Terms::new();
        let mut memo = Memo::default();
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + ENTRY_TIME);
        let settings = self.settings(entry, Some(deadline), &skip, &Stop::new());
        let execution = engine::execute(&settings, &terms, &mut memo, Mode::Invariants)?;
        let limits = Limits {
            rlimit: self.options.rlimit,
            timeout_ms: Some(QUERY_TIME.as_millis() as u32),
        };
        let options = SolveOptions {
            limits,
            deadline: Some(deadline),
            only: None,
            wanted: &|_| true,
            work: None,
            modest: false,
            until_violated: false,
            preferences: &[],
            observer: Observer {
                function: "",
                progress: &|_| {},
                asking: &Asking::default(),
                outside: None,
            },
        };
        let function = self.program.function(entry).name.clone();
        Ok(match what {
            Emit::Invariants => {
                let kept = solve(&execution, &terms, &options).kept;
                let texts = kept.iter().filter_map(|i| execution.candidates.get(*i));
                texts
                    .map(|c| Emitted {
                        function: function.clone(),
                        name: self.name_of_loop(&execution, c.of),
                        text: c.text.clone(),
                    })
                    .collect()
            }
            Emit::Smt2 => scripts(&execution, &terms, &options)
                .into_iter()
                .filter(|(key, _)| *key != engine::held_key(entry))
                .map(|(key, text)| {
                    let obligation = self
                        .program
                        .function(key.inner)
                        .obligations
                        .get(key.obligation.index());
                    let name = obligation
                        .map_or_else(String::new, |o| format!("{} of {}", o.property.name(), o.text));
                    let place = self.location(self.place(&key));
                    Emitted {
                        function: function.clone(),
                        name: format!("{}: {name}", place.line),
                        text,
                    }
                })
                .collect(),
        })
    }

    /// For people who read layers: the function, and the block at which the loop begins.
    fn name_of_loop(&self, execution: &Execution, number: usize) -> String {
        execution.loops.get(number).map_or_else(String::new, |of| {
            let function = &self.program.function(of.function).name;
            format!("{function}, loop at block {}", of.header.0)
        })
    }
}

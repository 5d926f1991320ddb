//! Why a violation happens, for people: the slice as lines of the source with values, and the trace along it.
//!
//! The interpreter runs the input twice: once for what depends on what ([`vf_ir::slice`]), and once more for the
//! values that the shown steps see. A loop that ran a thousand times is one line with its first and last values;
//! in the trace it is its first rounds, a count, and its last one.

mod compress;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashMap;

use vf_ir::input::Input;
use vf_ir::interp::{self, History, Limits, NodeId, ObjectInfo, ObjectKind, Site, Source};
use vf_ir::slice::{self, Slice};
use vf_ir::{FunctionId, Program, StmtKind};
use vf_source::{FileId, Span};

use crate::analysis::Context;
use crate::inputs::Part;
use crate::report::{Location, SliceLine, TraceStep};
use compress::Item;
use words::{Fact, Words};

/// Steps of a trace, at most; what is left out from its middle is counted.
const TRACE_LIMIT: usize = 200;

pub struct Explanation {
    pub slice: Vec<SliceLine>,
    pub trace: Vec<TraceStep>,
    /// What of the input the violation depends on.
    pub sources: BTreeSet<Source>,
    pub objects: Vec<ObjectInfo>,
    /// Lines that the run executed, in the slice or not.
    pub executed_lines: u64,
}

impl Explanation {
    /// Whether the violation depends on this part of the input.
    pub fn needs(&self, program: &Program, part: &Part) -> bool {
        let kind = |object: &interp::ObjectId| self.objects.get(object.0 as usize).map(|o| o.kind);
        let overlaps =
            |from: u32, to: u32, start: u64, end: u64| u64::from(from) < end && start < u64::from(to);
        self.sources.iter().any(|source| match (source, part) {
            (Source::Argument(number), Part::Argument(argument)) => *number as usize == *argument,
            (Source::Choice(number), Part::Choice(choice)) => *number as usize == *choice,
            (Source::Extent(id), Part::Size(object)) => kind(id) == Some(ObjectKind::Input(*object)),
            (
                Source::Initial {
                    object: id,
                    start: from,
                    end: to,
                },
                Part::ObjectBytes { object, start, end },
            ) => kind(id) == Some(ObjectKind::Input(*object)) && overlaps(*from, *to, *start, *end),
            (
                Source::Initial {
                    object: id,
                    start: from,
                    end: to,
                },
                Part::GlobalBytes { name, start, end },
            ) => {
                let Some(ObjectKind::Global(global)) = kind(id) else {
                    return false;
                };
                program
                    .globals
                    .get(global.index())
                    .is_some_and(|g| g.name == *name)
                    && overlaps(*from, *to, *start, *end)
            }
            _ => false,
        })
    }
}

/// Explains the violation that the input leads to; `None` when the run is too long to be kept.
pub fn explain(
    context: &Context<'_>,
    input: &Input,
    limits: &Limits<'_>,
    violation: (Span, &str),
) -> Option<Explanation> {
    let limits = Limits { trace: 0, ..*limits };
    let (run, history) = interp::run_recorded(context.program, input, &limits, &BTreeSet::new());
    let history = history?;
    let found = slice::slice(context.program, input, &limits, &run, &history);
    let mut frames = Frames::new(context, &history);
    let executed = history.ids().filter_map(|id| frames.place_of(id));
    let executed: BTreeSet<(FileId, u32)> = executed.map(|s| (s.file, s.start.line)).collect();
    let shown = visible_steps(&history, &found, frames);
    let keys: Vec<(FileId, u32)> = shown.iter().map(|v| (v.span.file, v.span.start.line)).collect();
    let items = compress::shorten(compress::compress(&keys), TRACE_LIMIT);
    let mut lines = lines_of(&shown);
    // Once more, for the values.
    let mut watched = BTreeSet::new();
    let wanted = items.iter().filter_map(|item| match item {
        Item::Step(number) => Some(*number),
        Item::Left { .. } => None,
    });
    let ends = lines.values().flat_map(|line| [line.first, line.last]);
    for number in wanted.chain(ends) {
        watched.extend(shown.get(number).into_iter().flat_map(|v| v.own.iter().copied()));
    }
    let (run, history) = interp::run_recorded(context.program, input, &limits, &watched);
    let history = history?;
    let words = Words {
        context,
        history: &history,
        objects: &run.objects,
    };
    let trace = trace_of(&words, &shown, &items, violation);
    let mut slice: Vec<SliceLine> = Vec::new();
    declarations(context, &found, &run.objects, &mut lines);
    for line in lines.values() {
        slice.extend(slice_line(&words, &shown, line));
    }
    Some(Explanation {
        slice,
        trace,
        sources: found.inputs,
        objects: run.objects,
        executed_lines: executed.len() as u64,
    })
}

/// A stretch of executed steps on one line of one activation.
struct Visible {
    span: Span,
    depth: usize,
    function: FunctionId,
    /// Its steps that are not inside a library model.
    own: Vec<NodeId>,
    sites: Vec<Site>,
}

/// Where the calls that led to a step stand, as the user sees them: a library model is a part of its call.
struct Frames<'a> {
    context: &'a Context<'a>,
    history: &'a History,
    known: HashMap<u32, Option<Frame>>,
}

#[derive(Clone, Copy)]
struct Frame {
    function: FunctionId,
    depth: usize,
    /// Inside a model: the user's call.
    call: Option<Span>,
}

impl<'a> Frames<'a> {
    fn new(context: &'a Context<'a>, history: &'a History) -> Self {
        Frames {
            context,
            history,
            known: HashMap::default(),
        }
    }

    fn of(&mut self, id: NodeId) -> Option<Frame> {
        let number = self.history.context(id)?;
        if let Some(known) = self.known.get(&number) {
            return *known;
        }
        let frame = self.find(id);
        self.known.insert(number, frame);
        frame
    }

    /// Where the user sees a step, if anywhere.
    fn place_of(&mut self, id: NodeId) -> Option<Span> {
        let frame = self.of(id)?;
        let site = self.history.site(id)?;
        let span = frame.call.unwrap_or_else(|| span_of(self.context, &site));
        span.is_known().then_some(span)
    }

    fn find(&self, id: NodeId) -> Option<Frame> {
        let program = self.context.program;
        let site = self.history.site(id)?;
        let callers = self.history.callers(id);
        if !program.function(site.function).library_model {
            return Some(Frame {
                function: site.function,
                depth: callers.len(),
                call: None,
            });
        }
        let at = callers
            .iter()
            .position(|s| !program.function(s.function).library_model)?;
        let site = callers.get(at)?;
        Some(Frame {
            function: site.function,
            depth: callers.len() - at - 1,
            call: Some(span_of(self.context, site)),
        })
    }
}

/// Where a statement or terminator stands; the beginning of a local's life is its declaration.
fn span_of(context: &Context<'_>, site: &Site) -> Span {
    let function = context.program.function(site.function);
    let Some(block) = function.blocks().get(site.block.index()) else {
        return Span::NONE;
    };
    match site.statement.map(|s| block.statements.get(s)) {
        None => block.terminator_span,
        Some(Some(statement)) => match &statement.kind {
            StmtKind::ScopeStart(local) => function.locals.get(local.index()).map_or(Span::NONE, |l| l.span),
            _ => statement.span,
        },
        Some(None) => Span::NONE,
    }
}

fn visible_steps(history: &History, slice: &Slice, mut frames: Frames<'_>) -> Vec<Visible> {
    let mut shown: Vec<Visible> = Vec::new();
    for id in &slice.steps {
        let (Some(site), Some(frame), Some(span)) = (history.site(*id), frames.of(*id), frames.place_of(*id))
        else {
            continue;
        };
        let inside = frame.call.is_some();
        if let Some(last) = shown.last_mut()
            && (last.span.file, last.span.start.line) == (span.file, span.start.line)
            && (last.function, last.depth) == (frame.function, frame.depth)
            // The same statement once more is the next round of a loop on one line.
            && (inside || !last.sites.contains(&site))
        {
            last.span.start = last.span.start.min(span.start);
            if !inside {
                last.own.push(*id);
                last.sites.push(site);
            }
            continue;
        }
        shown.push(Visible {
            span,
            depth: frame.depth,
            function: frame.function,
            own: if inside { Vec::new() } else { vec![*id] },
            sites: if inside { Vec::new() } else { vec![site] },
        });
    }
    shown
}

/// What is known of a line of the slice.
struct Line {
    span: Span,
    /// Numbers of its first and last visible step.
    first: usize,
    last: usize,
    /// Executions of each of its statements.
    times: HashMap<Site, u64>,
    /// Beside what its steps say.
    facts: Vec<(String, String)>,
}

/// By file, in the order in which execution gets to the files, and line.
type Lines = BTreeMap<(usize, u32), Line>;

fn lines_of(shown: &[Visible]) -> Lines {
    let mut files: Vec<FileId> = Vec::new();
    let mut lines = Lines::new();
    for (number, visible) in shown.iter().enumerate() {
        let key = line_key(&mut files, visible.span);
        let line = lines.entry(key).or_insert(Line {
            span: visible.span,
            first: number,
            last: number,
            times: HashMap::default(),
            facts: Vec::new(),
        });
        line.span.start = line.span.start.min(visible.span.start);
        line.last = number;
        for site in &visible.sites {
            *line.times.entry(*site).or_default() += 1;
        }
    }
    lines
}

fn line_key(files: &mut Vec<FileId>, span: Span) -> (usize, u32) {
    let file = files.iter().position(|f| *f == span.file).unwrap_or_else(|| {
        files.push(span.file);
        files.len() - 1
    });
    (file, span.start.line)
}

/// Adds the declarations of what was there before the first step: globals whose extent or contents were read,
/// registers that were never assigned.
fn declarations(context: &Context<'_>, slice: &Slice, objects: &[ObjectInfo], lines: &mut Lines) {
    let mut files: Vec<FileId> = Vec::new();
    let mut known: Vec<(usize, FileId)> = lines
        .iter()
        .map(|((file, _), line)| (*file, line.span.file))
        .collect();
    known.sort_unstable();
    known.dedup();
    files.extend(known.iter().map(|(_, file)| *file));
    for source in &slice.inputs {
        let (span, fact) = match source {
            Source::Extent(id) | Source::Initial { object: id, .. } => {
                let Some(info) = objects.get(id.0 as usize) else {
                    continue;
                };
                let ObjectKind::Global(global) = info.kind else {
                    continue;
                };
                let Some(global) = context.program.globals.get(global.index()) else {
                    continue;
                };
                if global.name.starts_with('.') {
                    continue;
                }
                let size = (format!("object_size({})", global.name), info.size.to_string());
                (global.span, matches!(source, Source::Extent(_)).then_some(size))
            }
            Source::Unassigned(function, local) => {
                let function = context.program.function(*function);
                let Some(local) = function.locals.get(local.index()).filter(|l| l.user) else {
                    continue;
                };
                (
                    local.span,
                    Some((local.name.clone(), "never assigned".to_owned())),
                )
            }
            _ => continue,
        };
        if !span.is_known() {
            continue;
        }
        let key = line_key(&mut files, span);
        let line = lines.entry(key).or_insert(Line {
            span,
            first: usize::MAX,
            last: usize::MAX,
            times: HashMap::default(),
            facts: Vec::new(),
        });
        line.facts.extend(fact);
    }
}

fn slice_line(words: &Words<'_>, shown: &[Visible], line: &Line) -> Option<SliceLine> {
    let location = words.context.location(line.span);
    let file = words.context.sources.get(line.span.file)?;
    let mut values: BTreeMap<String, String> = line.facts.iter().cloned().collect();
    let facts = |number: usize| shown.get(number).map(|v| words.facts(&v.own)).unwrap_or_default();
    for (name, value) in facts(line.first).iter().flat_map(Fact::values) {
        values.entry(name).or_insert(value);
    }
    if line.last != line.first {
        let last: BTreeMap<String, String> = facts(line.last).iter().flat_map(Fact::values).collect();
        for (name, last) in last {
            let first = values.get(&name).filter(|first| **first != last);
            let text = first.map_or(last.clone(), |first| format!("{first} ... {last}"));
            values.insert(name, text);
        }
    }
    Some(SliceLine {
        location,
        text: file.line(line.span.start.line)?.trim().to_owned(),
        values,
        times: line.times.values().copied().max().unwrap_or(0),
    })
}

fn trace_of(words: &Words<'_>, shown: &[Visible], items: &[Item], violation: (Span, &str)) -> Vec<TraceStep> {
    let mut trace = Vec::new();
    for item in items {
        match item {
            Item::Step(number) => {
                let Some(visible) = shown.get(*number) else {
                    continue;
                };
                let facts = words.facts(&visible.own);
                let events: Vec<String> = facts.iter().filter_map(Fact::event).collect();
                if !events.is_empty() {
                    trace.push(TraceStep {
                        location: words.context.location(visible.span),
                        event: events.join("; "),
                    });
                }
            }
            Item::Left { from, rounds, steps } => trace.push(TraceStep {
                location: shown
                    .get(*from)
                    .map_or_else(Location::default, |v| words.context.location(v.span)),
                event: match steps {
                    true => format!("... {rounds} more steps"),
                    false => format!("... {rounds} more times"),
                },
            }),
        }
    }
    let (span, text) = violation;
    let operands = shown
        .last()
        .map(|v| words.operands_of_last(&v.own))
        .unwrap_or_default();
    trace.push(TraceStep {
        location: words.context.location(span),
        event: format!("{text}{}", words::bracketed(&operands)),
    });
    trace
}

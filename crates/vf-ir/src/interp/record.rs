//! The dependences of a run: for each step, what it read and which decision let it run.
//!
//! Data dependences are exact, byte by byte: a step that reads a register or memory depends on the step that
//! wrote it last (Agrawal and Horgan, *Dynamic Program Slicing*, PLDI 1990), or on the part of the input that
//! nothing wrote over. A copy and the arguments of a call get nodes of their own for each piece, so that who
//! reads one piece does not depend on the others. A condition on an object's extent depends on what fixed it:
//! the allocation or the declaration.
//!
//! Control dependences are found as Xin and Zhang do (*Efficient Online Detection of Dynamic Control
//! Dependence*, ISSTA 2007): each activation keeps the decisions whose post-dominator was not reached yet.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use vf_source::tables::HashMap;

use super::memory::{Memory, NO_STEP, ObjectId, ObjectKind, Pointer};
use super::value::Value;
use super::{Effect, FunctionId};
use crate::cfg::Cfg;
use crate::program::{BlockId, LocalId};

/// Nodes and dependences that are kept; a run with more has no history.
const MAX_NODES: usize = 1 << 22;
const MAX_SOURCES: usize = 1 << 23;

/// Index of a [`Node`] of a [`History`], in order of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a step depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// What an earlier step made.
    Step(NodeId),
    /// The n-th argument of the function under test.
    Argument(u32),
    /// Bytes `start..end` of an object as they were before the run.
    Initial { object: ObjectId, start: u32, end: u32 },
    /// The n-th decision of the outside.
    Choice(u32),
    /// The extent of an object that was there before the run.
    Extent(ObjectId),
    /// A register that was never assigned.
    Unassigned(FunctionId, LocalId),
}

/// An executed statement or terminator, or a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    context: u32,
    pub block: BlockId,
    statement: u32,
    /// The step that this node is a piece of; the node itself where it is the whole step.
    pub whole: NodeId,
    control: u32,
    first_source: u32,
}

/// An active call: who called, from where, what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Context {
    /// `NO_STEP` for the function under test.
    parent: u32,
    block: BlockId,
    statement: u32,
    function: FunctionId,
}

/// A statement (`Some`) or the terminator (`None`) of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    pub function: FunctionId,
    pub block: BlockId,
    pub statement: Option<usize>,
}

/// What a watched step read and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    pub reads: Vec<(LocalId, Value)>,
    pub effects: Vec<Effect>,
}

/// The dependence graph of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    nodes: Vec<Node>,
    sources: Vec<Source>,
    contexts: Vec<Context>,
    /// Of the steps that were to be watched.
    pub observations: BTreeMap<NodeId, Observation>,
}

impl History {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// All nodes, in order of execution.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The last step: the failed check, where the run ended in a violation.
    pub fn last(&self) -> Option<NodeId> {
        self.nodes.last().map(|node| node.whole)
    }

    /// What the node read.
    pub fn sources(&self, id: NodeId) -> &[Source] {
        let Some(node) = self.nodes.get(id.index()) else {
            return &[];
        };
        let end = self
            .nodes
            .get(id.index() + 1)
            .map_or(self.sources.len(), |next| next.first_source as usize);
        self.sources.get(node.first_source as usize..end).unwrap_or(&[])
    }

    /// The decision, or else the call, that let the node run.
    pub fn control(&self, id: NodeId) -> Option<NodeId> {
        let control = self.nodes.get(id.index())?.control;
        (control != NO_STEP).then_some(NodeId(control))
    }

    pub fn site(&self, id: NodeId) -> Option<Site> {
        let node = self.nodes.get(id.index())?;
        let context = self.contexts.get(node.context as usize)?;
        Some(Site {
            function: context.function,
            block: node.block,
            statement: (node.statement != NO_STEP).then_some(node.statement as usize),
        })
    }

    /// The calls that were active at the node, innermost first: where each stands in its caller.
    pub fn callers(&self, id: NodeId) -> Vec<Site> {
        let mut sites = Vec::new();
        let mut context = self
            .nodes
            .get(id.index())
            .and_then(|n| self.contexts.get(n.context as usize));
        while let Some(call) = context {
            let Some(caller) = self.contexts.get(call.parent as usize) else {
                break;
            };
            sites.push(Site {
                function: caller.function,
                block: call.block,
                statement: (call.statement != NO_STEP).then_some(call.statement as usize),
            });
            context = Some(caller);
        }
        sites
    }

    /// A number that tells activations apart by the calls that led to them.
    pub fn context(&self, id: NodeId) -> Option<u32> {
        self.nodes.get(id.index()).map(|n| n.context)
    }
}

struct Activation {
    context: u32,
    call: u32,
    registers: Vec<Option<Source>>,
    /// Decisions whose post-dominator was not reached yet, innermost last.
    decisions: Vec<(u32, Option<BlockId>)>,
    cfg: Rc<Cfg>,
}

/// Builds the [`History`] of a run while it goes on.
pub(super) struct Recorder<'a> {
    history: History,
    known_contexts: HashMap<Context, u32>,
    activations: Vec<Activation>,
    /// The nodes of the arguments of the call that is being made.
    arguments: Vec<NodeId>,
    current: u32,
    whole: u32,
    full: bool,
    watched: &'a BTreeSet<NodeId>,
}

impl<'a> Recorder<'a> {
    pub fn new(watched: &'a BTreeSet<NodeId>) -> Recorder<'a> {
        Recorder {
            history: History::default(),
            known_contexts: HashMap::default(),
            activations: Vec::new(),
            arguments: Vec::new(),
            current: NO_STEP,
            whole: NO_STEP,
            full: false,
            watched,
        }
    }

    /// `None` when there was more than is kept.
    pub fn finish(self) -> Option<History> {
        (!self.full).then_some(self.history)
    }

    /// The node that writes now.
    pub fn current(&self) -> u32 {
        self.current
    }

    fn push(&mut self, block: BlockId, statement: u32, piece: bool) {
        let (context, control) = self.activations.last().map_or((0, NO_STEP), |activation| {
            let decision = activation.decisions.last().map(|(node, _)| *node);
            (activation.context, decision.unwrap_or(activation.call))
        });
        let id = self.history.nodes.len();
        if id >= MAX_NODES || self.history.sources.len() >= MAX_SOURCES {
            self.full = true;
            return;
        }
        self.current = id as u32;
        if !piece {
            self.whole = self.current;
        }
        self.history.nodes.push(Node {
            context,
            block,
            statement,
            whole: NodeId(self.whole),
            control,
            first_source: self.history.sources.len() as u32,
        });
    }

    /// A step begins.
    pub fn begin(&mut self, block: BlockId, statement: Option<usize>) {
        self.arguments.clear();
        self.push(block, statement.map_or(NO_STEP, |s| s as u32), false);
    }

    /// A piece of the current step begins.
    pub fn begin_piece(&mut self) {
        let Some(node) = self.history.nodes.get(self.whole as usize).copied() else {
            return;
        };
        self.push(node.block, node.statement, true);
        self.add(Source::Step(NodeId(self.whole)));
    }

    /// The value of the next argument of a call begins.
    pub fn begin_argument(&mut self) {
        self.begin_piece();
        self.arguments.push(NodeId(self.current));
    }

    pub fn add(&mut self, source: Source) {
        let start = match self.history.nodes.last() {
            Some(node) => node.first_source as usize,
            None => return,
        };
        if self.full || self.history.sources.len() >= MAX_SOURCES {
            self.full = true;
            return;
        }
        let own = self.history.sources.get(start..).unwrap_or(&[]);
        // Sources come in runs; a source that comes back later is only kept twice.
        if own.iter().rev().take(8).any(|s| *s == source) {
            return;
        }
        if let (
            Source::Initial { object, start, end },
            Some(Source::Initial {
                object: last,
                end: last_end,
                ..
            }),
        ) = (
            source,
            self.history
                .sources
                .get_mut(start..)
                .and_then(<[Source]>::last_mut),
        ) && object == *last
            && start == *last_end
        {
            *last_end = end;
            return;
        }
        self.history.sources.push(source);
    }

    pub fn read_register(&mut self, function: FunctionId, local: LocalId, value: Value) {
        let source = self
            .activations
            .last()
            .and_then(|a| a.registers.get(local.index()).copied().flatten());
        self.add(source.unwrap_or(Source::Unassigned(function, local)));
        let whole = NodeId(self.whole);
        if self.watched.contains(&whole) {
            let seen = self.history.observations.entry(whole).or_default();
            if !seen.reads.contains(&(local, value)) {
                seen.reads.push((local, value));
            }
        }
    }

    pub fn write_register(&mut self, local: LocalId) {
        let source = Source::Step(NodeId(self.current));
        if let Some(slot) = self
            .activations
            .last_mut()
            .and_then(|a| a.registers.get_mut(local.index()))
        {
            *slot = Some(source);
        }
    }

    pub fn read_bytes(&mut self, memory: &Memory, object: ObjectId, offset: u64, size: u64) {
        let end = memory
            .info(object)
            .map_or(0, |info| info.size)
            .min(offset.saturating_add(size));
        for at in offset..end {
            if self.full {
                return;
            }
            self.add(memory.source_of(object, at));
        }
    }

    /// The extent and life of an object was looked at.
    pub fn read_extent(&mut self, memory: &Memory, object: ObjectId) {
        self.add(match memory.allocated_by(object) {
            NO_STEP => Source::Extent(object),
            step => Source::Step(NodeId(step)),
        });
        let killed = memory.killed_by(object);
        if killed != NO_STEP {
            self.add(Source::Step(NodeId(killed)));
        }
    }

    /// What a pointer into a memory local rests on: that the local's life has begun.
    pub fn read_local_object(&mut self, memory: &Memory, object: ObjectId) {
        let step = memory.allocated_by(object);
        if step != NO_STEP {
            self.add(Source::Step(NodeId(step)));
        }
    }

    /// Control goes to a block of the innermost activation.
    pub fn go_to(&mut self, from: BlockId, to: BlockId) {
        let current = self.current;
        let Some(activation) = self.activations.last_mut() else {
            return;
        };
        let targets = activation.cfg.successors(from);
        if targets.iter().any(|(other, _)| *other != to) {
            let joint = activation.cfg.immediate_post_dominator(from);
            match activation.decisions.last_mut() {
                // Both end at one place; the older one is found through the younger one's own node.
                Some(last) if last.1 == joint => last.0 = current,
                _ => activation.decisions.push((current, joint)),
            }
        }
        while activation
            .decisions
            .last()
            .is_some_and(|(_, joint)| *joint == Some(to))
        {
            activation.decisions.pop();
        }
    }

    /// A call was entered, its parameters assigned.
    pub fn enter(&mut self, function: FunctionId, parameters: &[LocalId], locals: usize, cfg: Rc<Cfg>) {
        let call = self.history.nodes.get(self.whole as usize).copied();
        let context = Context {
            parent: self.activations.last().map_or(NO_STEP, |a| a.context),
            block: call.map_or(BlockId(0), |n| n.block),
            statement: call.map_or(NO_STEP, |n| n.statement),
            function,
        };
        let contexts = &mut self.history.contexts;
        let context = *self.known_contexts.entry(context).or_insert_with(|| {
            contexts.push(context);
            contexts.len() as u32 - 1
        });
        let mut registers = vec![None; locals];
        for (index, parameter) in parameters.iter().enumerate() {
            let source = match (self.activations.is_empty(), self.arguments.get(index)) {
                (true, _) => Source::Argument(index as u32),
                (false, Some(node)) => Source::Step(*node),
                (false, None) => Source::Step(NodeId(self.whole)),
            };
            if let Some(slot) = registers.get_mut(parameter.index()) {
                *slot = Some(source);
            }
        }
        self.activations.push(Activation {
            context,
            call: if self.activations.is_empty() {
                NO_STEP
            } else {
                self.whole
            },
            registers,
            decisions: Vec::new(),
            cfg,
        });
    }

    /// The innermost call ended; what it returned is assigned by the return.
    pub fn leave(&mut self) {
        self.activations.pop();
    }

    pub fn effect(&mut self, effect: &Effect) {
        let whole = NodeId(self.whole);
        if self.watched.contains(&whole) {
            let seen = self.history.observations.entry(whole).or_default();
            seen.effects.push(effect.clone());
        }
    }

    /// What the innermost call returned, for who watches the call.
    pub fn call_effect(&mut self, call: u32, effect: &Effect) {
        if self.watched.contains(&NodeId(call)) {
            let seen = self.history.observations.entry(NodeId(call)).or_default();
            seen.effects.push(effect.clone());
        }
    }

    /// The call that the innermost activation is of.
    pub fn innermost_call(&self) -> u32 {
        self.activations.last().map_or(NO_STEP, |a| a.call)
    }
}

impl Memory {
    /// Where a byte comes from: the step that wrote it, or the contents before the run.
    pub(super) fn source_of(&self, object: ObjectId, offset: u64) -> Source {
        match self.writer_of(object, offset) {
            NO_STEP => {
                let start = u32::try_from(offset).unwrap_or(u32::MAX).min(u32::MAX - 1);
                Source::Initial {
                    object,
                    start,
                    end: start + 1,
                }
            }
            step => Source::Step(NodeId(step)),
        }
    }

    /// Sources of the bytes that a copy moves; `None` for one outside every object.
    pub(super) fn sources_at(&self, from: Pointer, size: u64) -> Vec<Option<Source>> {
        let place = self.resolve(from);
        let source = |i: u64| {
            let (id, offset) = place?;
            let offset = self.wrap(offset.wrapping_add(i));
            let info = self.info(id)?;
            (offset < info.size && !matches!(info.kind, ObjectKind::Function(_)))
                .then(|| self.source_of(id, offset))
        };
        (0..size).map(source).collect()
    }
}

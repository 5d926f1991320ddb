//! The control-flow graph of a function: order, dominators, loops.
//!
//! Everything is computed once, iteratively (a kernel function has thousands of blocks, and a generated one
//! may nest as deep), and answered from tables afterwards. Edges to blocks that do not exist are left out;
//! the text parser reports them.
//!
//! Dominators: Cooper, Harvey, Kennedy, *A Simple, Fast Dominance Algorithm* (petgraph's implementation).
//! Natural loops: Aho, Lam, Sethi, Ullman, *Compilers*, 9.6.6.

use std::collections::BTreeSet;

use petgraph::Direction;
use petgraph::algo::dominators;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::program::{Block, BlockId, Function, Terminator};

mod dot;

pub use dot::to_dot;

/// Why control goes along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    Goto,
    /// The branch condition is true.
    Then,
    /// The branch condition is false.
    Otherwise,
    /// The `n`-th case of the switch holds the value, and no earlier one does.
    Case(usize),
    /// No case of the switch holds the value.
    Default,
}

/// A natural loop: all back edges to one header, and every block that reaches one of them without passing
/// the header. Two loops are nested or disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The one block through which the loop is entered; it dominates the others.
    pub header: BlockId,
    /// Sources of the back edges, in reverse postorder.
    pub latches: Vec<BlockId>,
    /// Header and latches included.
    pub blocks: BTreeSet<BlockId>,
    /// Index (in [`Cfg::loops`]) of the innermost loop around this one.
    pub parent: Option<usize>,
    /// 1 for an outermost loop.
    pub depth: usize,
}

/// The graph and what is known of it. Block ids that the function does not have answer as unreachable blocks do.
#[derive(Clone, Debug)]
pub struct Cfg {
    /// Node `i` is block `i`.
    graph: DiGraph<BlockId, EdgeKind>,
    successors: Vec<Vec<(BlockId, EdgeKind)>>,
    predecessors: Vec<Vec<BlockId>>,
    order: Vec<BlockId>,
    /// Place of each block in `order`.
    position: Vec<Option<usize>>,
    dominators: Tree,
    post_dominators: Tree,
    back_edges: Vec<(BlockId, BlockId)>,
    loops: Vec<Loop>,
    innermost: Vec<Option<usize>>,
    irreducible: Vec<BlockId>,
}

/// A dominator tree with entry and exit times, so that "dominates" is two comparisons.
#[derive(Clone, Debug)]
struct Tree {
    parent: Vec<Option<BlockId>>,
    /// (entry, exit) time of a walk over the tree; `None` for what is not in it.
    times: Vec<Option<(usize, usize)>>,
}

/// Where a terminator may lead, in source order.
pub fn terminator_targets(terminator: &Terminator) -> Vec<(BlockId, EdgeKind)> {
    match terminator {
        Terminator::Goto(to) => vec![(*to, EdgeKind::Goto)],
        Terminator::Branch { then, otherwise, .. } => {
            vec![(*then, EdgeKind::Then), (*otherwise, EdgeKind::Otherwise)]
        }
        Terminator::Switch { cases, default, .. } => {
            let cases = cases
                .iter()
                .enumerate()
                .map(|(i, case)| (case.target, EdgeKind::Case(i)));
            cases.chain([(*default, EdgeKind::Default)]).collect()
        }
        Terminator::Return(_) | Terminator::Unreachable => Vec::new(),
    }
}

impl Cfg {
    /// The graph of a function's body; empty for a function without one.
    pub fn new(function: &Function) -> Cfg {
        Cfg::of_blocks(function.blocks())
    }

    pub fn of_blocks(blocks: &[Block]) -> Cfg {
        let count = blocks.len();
        let mut graph = DiGraph::with_capacity(count, count * 2);
        for index in 0..count {
            graph.add_node(BlockId(index as u32));
        }
        let mut successors = vec![Vec::new(); count];
        let mut predecessors = vec![Vec::new(); count];
        for (index, block) in blocks.iter().enumerate() {
            let from = BlockId(index as u32);
            for (to, kind) in terminator_targets(&block.terminator) {
                if to.index() >= count {
                    continue;
                }
                graph.add_edge(node(from), node(to), kind);
                successors[index].push((to, kind));
                // A block that reaches another along two edges is its predecessor once.
                if predecessors[to.index()].last() != Some(&from) {
                    predecessors[to.index()].push(from);
                }
            }
        }
        let order = reverse_postorder(&successors);
        let mut position = vec![None; count];
        for (place, block) in order.iter().enumerate() {
            position[block.index()] = Some(place);
        }
        let mut cfg = Cfg {
            dominators: dominator_tree(&graph, (count > 0).then_some(NodeIndex::new(0)), count),
            post_dominators: post_dominator_tree(&graph, count),
            graph,
            successors,
            predecessors,
            order,
            position,
            back_edges: Vec::new(),
            loops: Vec::new(),
            innermost: vec![None; count],
            irreducible: Vec::new(),
        };
        cfg.classify_retreating_edges();
        cfg.find_loops();
        cfg
    }

    /// The graph itself, for algorithms of petgraph's. Node `i` is block `i`.
    pub fn graph(&self) -> &DiGraph<BlockId, EdgeKind> {
        &self.graph
    }

    /// Number of blocks, unreachable ones included.
    pub fn block_count(&self) -> usize {
        self.successors.len()
    }

    /// Outgoing edges, in the order of the terminator.
    pub fn successors(&self, block: BlockId) -> &[(BlockId, EdgeKind)] {
        self.successors.get(block.index()).map_or(&[], Vec::as_slice)
    }

    /// Blocks with an edge to this one, each once; unreachable ones included.
    pub fn predecessors(&self, block: BlockId) -> &[BlockId] {
        self.predecessors.get(block.index()).map_or(&[], Vec::as_slice)
    }

    /// The reachable blocks, each after its predecessors except along retreating edges.
    pub fn reverse_postorder(&self) -> &[BlockId] {
        &self.order
    }

    /// Place of a block in [`Cfg::reverse_postorder`]; `None` for an unreachable one.
    pub fn position(&self, block: BlockId) -> Option<usize> {
        self.position.get(block.index()).copied().flatten()
    }

    pub fn is_reachable(&self, block: BlockId) -> bool {
        self.position(block).is_some()
    }

    /// `None` for the entry and for unreachable blocks.
    pub fn immediate_dominator(&self, block: BlockId) -> Option<BlockId> {
        self.dominators.parent.get(block.index()).copied().flatten()
    }

    /// Whether every path from the entry to `below` passes `above` (a block dominates itself).
    pub fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        self.dominators.is_ancestor(above, below)
    }

    /// `None` where the next common block of all paths is the function's end, and for blocks from which the
    /// end cannot be reached.
    pub fn immediate_post_dominator(&self, block: BlockId) -> Option<BlockId> {
        self.post_dominators.parent.get(block.index()).copied().flatten()
    }

    /// Whether every path from `below` to the function's end passes `above`.
    pub fn post_dominates(&self, above: BlockId, below: BlockId) -> bool {
        self.post_dominators.is_ancestor(above, below)
    }

    /// Edges (latch, header) to a dominator of their source.
    pub fn back_edges(&self) -> &[(BlockId, BlockId)] {
        &self.back_edges
    }

    pub fn is_back_edge(&self, from: BlockId, to: BlockId) -> bool {
        self.is_reachable(from) && self.dominates(to, from)
    }

    /// Natural loops, an outer one before those inside it.
    pub fn loops(&self) -> &[Loop] {
        &self.loops
    }

    /// Index of the loop with this header.
    pub fn loop_with_header(&self, header: BlockId) -> Option<usize> {
        self.innermost_loop(header)
            .filter(|i| self.loops[*i].header == header)
    }

    /// Index of the innermost natural loop that contains the block.
    pub fn innermost_loop(&self, block: BlockId) -> Option<usize> {
        self.innermost.get(block.index()).copied().flatten()
    }

    /// Edges that leave the loop: (inside, outside).
    pub fn loop_exits(&self, of: &Loop) -> Vec<(BlockId, BlockId)> {
        let edges = of
            .blocks
            .iter()
            .flat_map(|b| self.successors(*b).iter().map(move |(to, _)| (*b, *to)));
        edges.filter(|(_, to)| !of.blocks.contains(to)).collect()
    }

    /// Targets of retreating edges that are not back edges: entries of loops with more than one entry.
    /// Empty for a reducible graph.
    pub fn irreducible(&self) -> &[BlockId] {
        &self.irreducible
    }

    /// Loop headers and [`Cfg::irreducible`] blocks: every cycle passes one of them. In reverse postorder.
    pub fn cut_points(&self) -> Vec<BlockId> {
        let headers = self.loops.iter().map(|l| l.header);
        let all: BTreeSet<_> = headers
            .chain(self.irreducible.iter().copied())
            .map(|b| (self.position(b), b))
            .collect();
        all.into_iter().map(|(_, block)| block).collect()
    }

    /// A retreating edge of the depth-first walk goes to a block that is not later in reverse postorder.
    /// Every cycle has one. It is a back edge when its target dominates its source.
    fn classify_retreating_edges(&mut self) {
        let mut back_edges = Vec::new();
        let mut irreducible = BTreeSet::new();
        for from in &self.order {
            let mut seen = BTreeSet::new();
            for (to, _) in self.successors(*from) {
                if self.position(*to) > self.position(*from) || !seen.insert(*to) {
                    continue;
                }
                if self.dominates(*to, *from) {
                    back_edges.push((*from, *to));
                } else {
                    irreducible.insert(*to);
                }
            }
        }
        self.back_edges = back_edges;
        self.irreducible = irreducible.into_iter().collect();
    }

    fn find_loops(&mut self) {
        let mut latches: Vec<Vec<BlockId>> = vec![Vec::new(); self.block_count()];
        for (latch, header) in &self.back_edges {
            latches[header.index()].push(*latch);
        }
        // An outer header dominates the inner ones, so it comes first in this order, and the innermost loop
        // known so far at a header is the new loop's parent.
        for header in &self.order {
            let latches = std::mem::take(&mut latches[header.index()]);
            if latches.is_empty() {
                continue;
            }
            let mut blocks = BTreeSet::from([*header]);
            let mut work = latches.clone();
            while let Some(block) = work.pop() {
                if blocks.insert(block) {
                    let predecessors = self.predecessors[block.index()].iter();
                    work.extend(predecessors.filter(|p| self.position[p.index()].is_some()));
                }
            }
            let parent = self.innermost[header.index()];
            let depth = 1 + parent.map_or(0, |p| self.loops[p].depth);
            for block in &blocks {
                self.innermost[block.index()] = Some(self.loops.len());
            }
            self.loops.push(Loop {
                header: *header,
                latches,
                blocks,
                parent,
                depth,
            });
        }
    }
}

impl Tree {
    fn new(parent: Vec<Option<BlockId>>, roots: &[BlockId]) -> Tree {
        let mut children = vec![Vec::new(); parent.len()];
        for (index, above) in parent.iter().enumerate() {
            if let Some(above) = above {
                children[above.index()].push(BlockId(index as u32));
            }
        }
        let mut times = vec![None; parent.len()];
        let mut clock = 0;
        for root in roots {
            let mut stack = vec![(*root, false)];
            while let Some((block, leaving)) = stack.pop() {
                clock += 1;
                if leaving {
                    if let Some((_, exit)) = &mut times[block.index()] {
                        *exit = clock;
                    }
                } else {
                    times[block.index()] = Some((clock, clock));
                    stack.push((block, true));
                    stack.extend(children[block.index()].iter().map(|child| (*child, false)));
                }
            }
        }
        Tree { parent, times }
    }

    fn is_ancestor(&self, above: BlockId, below: BlockId) -> bool {
        let time = |block: BlockId| self.times.get(block.index()).copied().flatten();
        match (time(above), time(below)) {
            (Some((enter, exit)), Some((inner_enter, inner_exit))) => {
                enter <= inner_enter && inner_exit <= exit
            }
            _ => false,
        }
    }
}

fn node(block: BlockId) -> NodeIndex {
    NodeIndex::new(block.index())
}

/// Depth-first from block 0 with a stack of its own. The last successor is walked first, so that the first
/// one (`then`) comes first in the order.
fn reverse_postorder(successors: &[Vec<(BlockId, EdgeKind)>]) -> Vec<BlockId> {
    let mut order = Vec::with_capacity(successors.len());
    if successors.is_empty() {
        return order;
    }
    let mut seen = vec![false; successors.len()];
    seen[0] = true;
    // (block, how many of its successors are still to be walked)
    let mut stack = vec![(BlockId(0), successors[0].len())];
    while let Some((block, left)) = stack.last_mut() {
        if *left == 0 {
            order.push(*block);
            stack.pop();
            continue;
        }
        *left -= 1;
        let (next, _) = successors[block.index()][*left];
        if !std::mem::replace(&mut seen[next.index()], true) {
            stack.push((next, successors[next.index()].len()));
        }
    }
    order.reverse();
    order
}

fn dominator_tree(graph: &DiGraph<BlockId, EdgeKind>, root: Option<NodeIndex>, count: usize) -> Tree {
    let Some(root) = root else {
        return Tree::new(Vec::new(), &[]);
    };
    let found = dominators::simple_fast(graph, root);
    let parent = graph
        .node_indices()
        .take(count)
        .map(|n| found.immediate_dominator(n).map(|d| BlockId(d.index() as u32)));
    Tree::new(parent.collect(), &[BlockId(root.index() as u32)])
}

/// Dominators of the reversed graph, from one more node that follows every block without successor.
fn post_dominator_tree(graph: &DiGraph<BlockId, EdgeKind>, count: usize) -> Tree {
    let mut reversed: DiGraph<(), ()> = DiGraph::with_capacity(count + 1, graph.edge_count() + count);
    for _ in 0..=count {
        reversed.add_node(());
    }
    let end = NodeIndex::new(count);
    for block in graph.node_indices() {
        if graph.neighbors(block).next().is_none() {
            reversed.add_edge(end, block, ());
        }
        for edge in graph.edges_directed(block, Direction::Outgoing) {
            reversed.add_edge(edge.target(), edge.source(), ());
        }
    }
    let found = dominators::simple_fast(&reversed, end);
    let mut roots = Vec::new();
    let mut parent = Vec::with_capacity(count);
    for block in graph.node_indices() {
        let above = found.immediate_dominator(block);
        if above == Some(end) {
            roots.push(BlockId(block.index() as u32));
        }
        parent.push(
            above
                .filter(|above| *above != end)
                .map(|above| BlockId(above.index() as u32)),
        );
    }
    Tree::new(parent, &roots)
}

#[cfg(test)]
mod tests;

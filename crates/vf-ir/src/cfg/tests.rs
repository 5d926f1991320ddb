use std::collections::BTreeSet;

use proptest::prelude::*;
use vf_source::Span;

use super::{Cfg, EdgeKind};
use crate::program::{Block, BlockId, Expr, SwitchCase, Terminator};

fn b(index: u32) -> BlockId {
    BlockId(index)
}

/// A graph by its edge lists: none is a return, one a goto, two a branch, more a switch.
fn graph(edges: &[&[u32]]) -> Vec<Block> {
    let terminator = |targets: &[u32]| match targets {
        [] => Terminator::Return(None),
        [to] => Terminator::Goto(b(*to)),
        [then, otherwise] => Terminator::Branch {
            condition: Expr::bool(true),
            then: b(*then),
            otherwise: b(*otherwise),
        },
        [default, rest @ ..] => Terminator::Switch {
            value: Expr::int(32, 0),
            cases: rest
                .iter()
                .enumerate()
                .map(|(i, t)| SwitchCase {
                    low: i as u128,
                    high: i as u128,
                    target: b(*t),
                })
                .collect(),
            default: b(*default),
        },
    };
    let block = |targets: &&[u32]| Block {
        statements: Vec::new(),
        terminator: terminator(targets),
        terminator_span: Span::NONE,
    };
    edges.iter().map(block).collect()
}

fn cfg(edges: &[&[u32]]) -> Cfg {
    Cfg::of_blocks(&graph(edges))
}

fn blocks(ids: &[u32]) -> BTreeSet<BlockId> {
    ids.iter().map(|i| b(*i)).collect()
}

#[test]
fn diamond() {
    // 0 -> 1, 2 -> 3; block 4 is not reached
    let cfg = cfg(&[&[1, 2], &[3], &[3], &[], &[3]]);
    assert_eq!(cfg.reverse_postorder(), [b(0), b(1), b(2), b(3)]);
    assert_eq!(
        cfg.successors(b(0)),
        [(b(1), EdgeKind::Then), (b(2), EdgeKind::Otherwise)]
    );
    assert_eq!(cfg.predecessors(b(3)), [b(1), b(2), b(4)]);
    assert!(!cfg.is_reachable(b(4)) && !cfg.is_reachable(b(77)));
    assert_eq!(cfg.immediate_dominator(b(3)), Some(b(0)));
    assert_eq!(cfg.immediate_dominator(b(0)), None);
    assert!(cfg.dominates(b(0), b(3)) && cfg.dominates(b(3), b(3)));
    assert!(!cfg.dominates(b(1), b(3)) && !cfg.dominates(b(4), b(3)) && !cfg.dominates(b(0), b(4)));
    assert_eq!(cfg.immediate_post_dominator(b(0)), Some(b(3)));
    assert_eq!(cfg.immediate_post_dominator(b(3)), None);
    assert!(cfg.post_dominates(b(3), b(0)) && !cfg.post_dominates(b(1), b(0)));
    assert!(cfg.loops().is_empty() && cfg.cut_points().is_empty());
}

#[test]
fn nested_loops_with_two_latches() {
    // for (1) { for (2) { 3: if .. continue; 4 } 5 } 6
    let cfg = cfg(&[&[1], &[2, 6], &[3, 5], &[2, 4], &[2], &[1], &[]]);
    let [outer, inner] = cfg.loops() else {
        panic!("two loops, not {:?}", cfg.loops())
    };
    assert_eq!((outer.header, outer.parent, outer.depth), (b(1), None, 1));
    assert_eq!(outer.latches, [b(5)]);
    assert_eq!(outer.blocks, blocks(&[1, 2, 3, 4, 5]));
    assert_eq!((inner.header, inner.parent, inner.depth), (b(2), Some(0), 2));
    assert_eq!(inner.latches, [b(3), b(4)]);
    assert_eq!(inner.blocks, blocks(&[2, 3, 4]));
    assert_eq!(cfg.innermost_loop(b(4)), Some(1));
    assert_eq!(cfg.innermost_loop(b(5)), Some(0));
    assert_eq!(cfg.innermost_loop(b(6)), None);
    assert_eq!(cfg.loop_with_header(b(2)), Some(1));
    assert_eq!(cfg.loop_with_header(b(3)), None);
    assert_eq!(cfg.loop_exits(inner), [(b(2), b(5))]);
    assert_eq!(cfg.cut_points(), [b(1), b(2)]);
    assert!(cfg.is_back_edge(b(4), b(2)) && !cfg.is_back_edge(b(2), b(3)));
    assert!(cfg.irreducible().is_empty());
}

#[test]
fn a_block_that_branches_to_itself_is_a_loop() {
    let cfg = cfg(&[&[1], &[1, 1]]);
    assert_eq!(cfg.back_edges(), [(b(1), b(1))]);
    assert_eq!(cfg.loops().len(), 1);
    assert_eq!(cfg.loops()[0].blocks, blocks(&[1]));
    // It never ends, so nothing after it post-dominates it.
    assert_eq!(cfg.immediate_post_dominator(b(1)), None);
    assert!(!cfg.post_dominates(b(1), b(0)));
}

#[test]
fn a_loop_with_two_entries_is_reported() {
    let cfg = cfg(&[&[1, 2], &[2, 3], &[1], &[]]);
    assert!(cfg.loops().is_empty());
    assert_eq!(cfg.irreducible().len(), 1);
    assert_eq!(cfg.cut_points(), cfg.irreducible());
}

#[test]
fn switch_edges_keep_their_order() {
    let cfg = cfg(&[&[3, 1, 2, 1], &[3], &[3], &[]]);
    let kinds: Vec<_> = cfg.successors(b(0)).iter().map(|(_, kind)| *kind).collect();
    assert_eq!(
        kinds,
        [
            EdgeKind::Case(0),
            EdgeKind::Case(1),
            EdgeKind::Case(2),
            EdgeKind::Default
        ]
    );
    assert_eq!(cfg.predecessors(b(1)), [b(0)]);
}

#[test]
fn no_blocks_and_edges_to_nowhere() {
    assert_eq!(cfg(&[]).reverse_postorder(), []);
    let cfg = cfg(&[&[1, 9], &[12]]);
    assert_eq!(cfg.reverse_postorder(), [b(0), b(1)]);
    assert_eq!(cfg.successors(b(1)), []);
}

#[test]
fn depth_does_not_recurse() {
    // 60000 blocks in a chain, and as many loops nested as a chain of headers.
    let chain: Vec<Vec<u32>> = (0..60_000u32)
        .map(|i| if i == 59_999 { vec![] } else { vec![i + 1] })
        .collect();
    let slices: Vec<&[u32]> = chain.iter().map(Vec::as_slice).collect();
    assert_eq!(cfg(&slices).reverse_postorder().len(), 60_000);
    let count = 1500u32;
    let nested: Vec<Vec<u32>> = (0..2 * count)
        .map(|i| match i {
            i if i < count => vec![i + 1, 2 * count - 1 - i],
            i if i == 2 * count - 1 => vec![],
            i => vec![2 * count - 1 - i, i + 1],
        })
        .collect();
    let slices: Vec<&[u32]> = nested.iter().map(Vec::as_slice).collect();
    assert!(cfg(&slices).loops().len() > 1000);
}

#[test]
fn dot_shows_statements_loops_and_dead_blocks() {
    let text = r#"model lp64
        fn f(%i) -> void { local %i: u32 i32 user
        b0: goto b1
        b1: check #0 assertion holds(ne(%i, 0:i32)) "\"" %i = sub(%i, 1:i32)
            switch %i, default b1 { 0 => b2 5..=9 => b2 }
        b2: return
        b3: return }"#;
    let program = crate::parse::parse_program(text).unwrap();
    let dot = super::to_dot(&program, &program.functions[0]);
    let has = |what: &str| assert!(dot.contains(what), "{what} in\n{dot}");
    has("digraph \"f\" {");
    has(r#"check #0 assertion holds(ne(%i, 0:i32)) \"\\\"\"\l%i = sub(%i, 1:i32)\l"#);
    has("b1 -> b1 [label=\"default\", style=dashed];");
    has("b1 -> b2 [label=\"5..=9\"];");
    has("b0 -> b1 [];");
    assert_eq!(dot.matches("peripheries=2").count(), 1);
    assert_eq!(dot.matches("color=grey,").count(), 1);
}

/// What the definitions say, by search: the blocks reached from the entry without passing `without`.
fn reached(edges: &[Vec<u32>], without: Option<u32>) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    let mut work = if without == Some(0) { vec![] } else { vec![0] };
    while let Some(at) = work.pop() {
        if seen.insert(at) {
            work.extend(edges[at as usize].iter().filter(|t| Some(**t) != without));
        }
    }
    seen
}

fn has_cycle_without(edges: &[Vec<u32>], cut: &BTreeSet<u32>) -> bool {
    let kept: BTreeSet<u32> = reached(edges, None).difference(cut).copied().collect();
    let mut left = kept;
    loop {
        // Remove what has no predecessor left; what remains at the end is a cycle (and what follows it).
        let entered: BTreeSet<u32> = left
            .iter()
            .flat_map(|b| edges[*b as usize].iter().copied())
            .collect();
        let next: BTreeSet<u32> = left.intersection(&entered).copied().collect();
        if next.len() == left.len() {
            return !left.is_empty();
        }
        left = next;
    }
}

proptest! {
    #[test]
    fn agrees_with_the_definitions(
        edges in proptest::collection::vec(proptest::collection::vec(0u32..12, 0..4), 12)
    ) {
        let slices: Vec<&[u32]> = edges.iter().map(Vec::as_slice).collect();
        let cfg = cfg(&slices);
        let all = reached(&edges, None);
        let order: BTreeSet<u32> = cfg.reverse_postorder().iter().map(|b| b.0).collect();
        prop_assert_eq!(&order, &all);
        for above in 0..12 {
            let without = reached(&edges, Some(above));
            for below in 0..12 {
                let expected = all.contains(&above) && all.contains(&below) && !without.contains(&below);
                prop_assert_eq!(cfg.dominates(b(above), b(below)), expected, "{} dom {}", above, below);
            }
        }
        let cut: BTreeSet<u32> = cfg.cut_points().iter().map(|b| b.0).collect();
        prop_assert!(!has_cycle_without(&edges, &cut), "a cycle avoids {:?}", cut);
        for (index, l) in cfg.loops().iter().enumerate() {
            for block in &l.blocks {
                prop_assert!(cfg.dominates(l.header, *block));
                if *block != l.header {
                    for from in cfg.predecessors(*block) {
                        prop_assert!(!cfg.is_reachable(*from) || l.blocks.contains(from));
                    }
                }
            }
            if let Some(parent) = l.parent {
                prop_assert!(parent < index);
                prop_assert!(cfg.loops()[parent].blocks.is_superset(&l.blocks));
                prop_assert_eq!(cfg.loops()[parent].depth + 1, l.depth);
            }
        }
    }
}

//! A sequence of places with its repetitions taken together.

/// Places of one round of a loop that is recognised, at most.
const LONGEST: usize = 16;
/// Fewer rounds than this are shown one by one.
const FEWEST: usize = 4;
/// Loops inside each other that are recognised.
const NESTING: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The step with this number.
    Step(usize),
    /// So many rounds (or, with `steps`, single steps) are left out, the first of which begins at step `from`.
    Left { from: usize, rounds: usize, steps: bool },
}

impl Item {
    fn first(self) -> usize {
        match self {
            Item::Step(number) => number,
            Item::Left { from, .. } => from,
        }
    }
}

/// Of rounds that follow each other at the same places: the first two, a count, the last.
pub fn compress<K: PartialEq>(keys: &[K]) -> Vec<Item> {
    let mut items: Vec<Item> = (0..keys.len()).map(Item::Step).collect();
    for _ in 0..NESTING {
        let same = |a: Item, b: Item| {
            matches!(a, Item::Step(_)) == matches!(b, Item::Step(_))
                && keys.get(a.first()) == keys.get(b.first())
        };
        let shorter = pass(&items, same);
        let done = shorter.len() == items.len();
        items = shorter;
        if done {
            break;
        }
    }
    items
}

fn pass(items: &[Item], same: impl Fn(Item, Item) -> bool) -> Vec<Item> {
    let mut result = Vec::new();
    let mut at = 0;
    while at < items.len() {
        let found = (1..=LONGEST).find_map(|length| {
            let rounds = rounds(items, at, length, &same);
            (rounds >= FEWEST).then_some((length, rounds))
        });
        let Some((length, rounds)) = found else {
            result.extend(items.get(at));
            at += 1;
            continue;
        };
        let shown = |from: usize, count: usize| items.iter().skip(from).take(count).copied();
        result.extend(shown(at, 2 * length));
        result.extend(items.get(at + 2 * length).map(|item| Item::Left {
            from: item.first(),
            rounds: rounds - 3,
            steps: false,
        }));
        at += rounds * length;
        result.extend(shown(at - length, length));
    }
    result
}

/// How often the `length` items from `at` stand there one after the other.
fn rounds(items: &[Item], at: usize, length: usize, same: &impl Fn(Item, Item) -> bool) -> usize {
    let repeats = items
        .iter()
        .skip(at)
        .zip(items.iter().skip(at + length))
        .take_while(|(a, b)| same(**a, **b))
        .count();
    1 + repeats / length
}

/// At most `limit` items: the first and the last ones.
pub fn shorten(items: Vec<Item>, limit: usize) -> Vec<Item> {
    if items.len() <= limit {
        return items;
    }
    let half = limit / 2;
    let left = items.len() - 2 * half;
    let mut result: Vec<Item> = items.iter().take(half).copied().collect();
    result.extend(items.get(half).map(|item| Item::Left {
        from: item.first(),
        rounds: left,
        steps: true,
    }));
    result.extend(items.iter().skip(items.len() - half));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let keys: Vec<char> = text.chars().collect();
        compress(&keys)
            .iter()
            .map(|item| match item {
                Item::Step(n) => keys[*n].to_string(),
                Item::Left { from, rounds, .. } => format!("({}{rounds})", keys[*from]),
            })
            .collect()
    }

    #[test]
    fn rounds_are_taken_together() {
        assert_eq!(shown(""), "");
        assert_eq!(shown("abcabcabc"), "abcabcabc");
        assert_eq!(shown("xabababababy"), "xabab(a2)aby");
        assert_eq!(shown("aaaaaaaa"), "aa(a5)a");
    }

    #[test]
    fn loops_in_loops() {
        let inner = format!("x{}", "b".repeat(10));
        assert_eq!(shown(&inner.repeat(6)), "xbb(b7)bxbb(b7)b(x3)xbb(b7)b");
    }

    #[test]
    fn the_middle_is_left_out() {
        let items: Vec<Item> = (0..10).map(Item::Step).collect();
        let left = Item::Left {
            from: 2,
            rounds: 6,
            steps: true,
        };
        let short = shorten(items, 4);
        assert_eq!(
            short,
            [Item::Step(0), Item::Step(1), left, Item::Step(8), Item::Step(9)]
        );
    }
}

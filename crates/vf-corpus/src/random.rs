//! Choices that are the same everywhere, for ever: what is made depends on a seed and a number only.

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream of its own for each pair of a seed and a number.
    pub fn new(seed: u64, number: u64) -> Random {
        let mut outer = Random { state: seed };
        let state = outer.draw() ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        Random { state }
    }

    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.draw() >> 32) % n).unwrap_or(0)
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of them; nothing of none.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len());
        from.get(index)
    }

    /// One of some words; the empty word of none.
    pub fn word<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.choose(from).copied().unwrap_or_default()
    }

    /// Fisher and Yates' shuffle (Knuth, The Art of Computer Programming 2, algorithm P).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draws = |seed, number| {
            let mut random = Random::new(seed, number);
            [random.draw(), random.draw(), random.draw()]
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert_ne!(draws(1, 2), draws(1, 3));
        assert_ne!(draws(1, 2), draws(2, 2));
        let mut random = Random::new(7, 7);
        assert!((0..1000).all(|_| random.below(5) < 5));
        assert_eq!(random.below(0), 0);
        assert_eq!(random.word(&[]), "");
    }

    #[test]
    fn a_shuffle_keeps_what_there_was() {
        let mut items: Vec<u32> = (0..50).collect();
        Random::new(3, 1).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}

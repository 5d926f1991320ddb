//! Pseudo-random numbers that are the same everywhere, for ever: a campaign is named by its seed.

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream of its own for each pair of a campaign's seed and a program's number.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut outer = Random { state: seed };
        let state = outer.next() ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        Random { state }
    }

    #[allow(clippy::should_implement_trait, reason = "an endless stream is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when `n` is 0. The bias is below 2^-32 for the small `n` used here.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        ((self.next() >> 32) as usize) % n
    }

    /// A number of an inclusive range.
    pub fn between(&mut self, lo: i128, hi: i128) -> i128 {
        let width = hi.saturating_sub(lo).saturating_add(1).max(1);
        lo + i128::from(self.next()).rem_euclid(width)
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len());
        from.get(index)
    }
}

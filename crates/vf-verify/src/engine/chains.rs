//! An index over runs of writes at constant places.
//!
//! A loop of constant bounds that is executed to its end leaves one write per iteration; walking them one by one makes
//! reading what `n` iterations wrote quadratic. So writes at constant offsets that follow each other are indexed by the
//! eight-byte blocks they touch, and a read at a constant offset goes straight to the last one that may matter to it.

use vf_source::tables::HashMap;

use super::Engine;
use super::memory::{Version, VersionId};

const BLOCK: u64 = 8;

#[derive(Default)]
pub struct Chains {
    of: HashMap<VersionId, usize>,
    chains: Vec<Chain>,
}

/// Writes at constant offsets, each on top of the one before; numbers of versions grow along it.
struct Chain {
    /// What the first write is on top of.
    base: VersionId,
    last: VersionId,
    touched: HashMap<u64, Vec<VersionId>>,
}

fn blocks(offset: u64, bytes: u64) -> std::ops::RangeInclusive<u64> {
    offset / BLOCK..=offset.saturating_add(bytes.saturating_sub(1)) / BLOCK
}

impl Chains {
    fn add(&mut self, version: VersionId, before: VersionId, offset: u64, bytes: u64) {
        let chain = match self.of.get(&before) {
            // A second write on top of the same version begins a chain of its own.
            Some(chain) if self.chains[*chain].last == before => *chain,
            _ => {
                self.chains.push(Chain {
                    base: before,
                    last: before,
                    touched: HashMap::default(),
                });
                self.chains.len() - 1
            }
        };
        self.of.insert(version, chain);
        self.chains[chain].last = version;
        for block in blocks(offset, bytes) {
            self.chains[chain].touched.entry(block).or_default().push(version);
        }
    }

    /// The last version at or below `version` that may say something about these bytes.
    fn find(&self, version: VersionId, offset: u64, bytes: u64) -> Option<VersionId> {
        let chain = self.chains.get(*self.of.get(&version)?)?;
        let writes = blocks(offset, bytes).filter_map(|block| {
            let versions = chain.touched.get(&block)?;
            let below = versions.partition_point(|v| *v <= version);
            versions.get(below.checked_sub(1)?).copied()
        });
        Some(writes.max().unwrap_or(chain.base))
    }
}

impl Engine<'_> {
    /// Notes a write if it is at a constant place.
    pub(super) fn index_store(&mut self, id: VersionId) {
        if let Version::Store {
            before,
            offset,
            bytes,
            ..
        } = *self.version(id)
            && let Some(at) = self.terms.as_bv(offset)
        {
            self.chains.add(id, before, at as u64, bytes);
        }
    }

    /// `version` without the newest writes that do not touch the `bytes` bytes at `offset`.
    pub(super) fn skip_stores(&self, version: VersionId, offset: vf_smt::Term, bytes: u64) -> VersionId {
        match self.terms.as_bv(offset) {
            Some(at) => self.chains.find(version, at as u64, bytes).unwrap_or(version),
            None => version,
        }
    }
}

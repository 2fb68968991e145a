//! What is remembered across jobs: parsed test lists, and how long canonical solutions take on them.
//!
//! Both are bounded, whatever a host brings: test lists by memory, times by their number. A list that a job still
//! holds is shared even where it is not kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::job::TestSet;

/// Memory that test lists without a job may take, by [`memory`]'s estimate.
const KEPT_BYTES: usize = 64 << 20;
/// What a parsed list takes for each byte of its source, about: less for long texts, more for long lists of digits.
const PARSED_BYTES: usize = 12;
/// What a list takes besides.
const LIST_BYTES: usize = 4 << 10;
/// Times kept for one test list.
const KEPT_TIMES: usize = 256;

fn memory(set: &TestSet) -> usize {
    let sources: usize = set.sources.iter().map(String::len).sum();
    LIST_BYTES.saturating_add(sources.saturating_mul(PARSED_BYTES))
}

fn digest(seed: u8, value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, value).hash(&mut hasher);
    hasher.finish()
}

/// The parsed test lists of this process.
#[derive(Default)]
pub(crate) struct TestSets {
    lists: HashMap<u64, Entry>,
    kept_bytes: usize,
    clock: u64,
    prune_at: usize,
}

struct Entry {
    set: Weak<TestSet>,
    kept: Option<Arc<TestSet>>,
    used: u64,
}

impl TestSets {
    /// The list that was parsed from these sources, if it is still there.
    pub(crate) fn get(&mut self, sources: &[String], graded: Option<&str>) -> Option<Arc<TestSet>> {
        self.clock += 1;
        let entry = self.lists.get_mut(&digest(0, (sources, graded)))?;
        entry.used = self.clock;
        entry
            .set
            .upgrade()
            .filter(|found| found.sources == sources && found.given.as_deref() == graded)
    }

    /// Remembers a list; gives what is forgotten for it, to be freed elsewhere.
    pub(crate) fn insert(&mut self, set: &Arc<TestSet>) -> Vec<Arc<TestSet>> {
        self.clock += 1;
        let size = memory(set);
        let kept = (size <= KEPT_BYTES).then(|| Arc::clone(set));
        self.kept_bytes += if kept.is_some() { size } else { 0 };
        let entry = Entry {
            set: Arc::downgrade(set),
            kept,
            used: self.clock,
        };
        let replaced = self
            .lists
            .insert(digest(0, (&*set.sources, set.given.as_deref())), entry);
        let mut freed: Vec<_> = replaced.and_then(|entry| entry.kept).into_iter().collect();
        self.kept_bytes -= freed.iter().map(|set| memory(set)).sum::<usize>();
        if self.kept_bytes > KEPT_BYTES {
            self.evict(size, &mut freed);
        }
        if self.lists.len() >= self.prune_at {
            self.lists.retain(|_, entry| entry.set.strong_count() > 0);
            self.prune_at = 1024.max(self.lists.len() * 2);
        }
        freed
    }

    /// Lets go of the lists that were not used for longest, down to half of what may be kept.
    fn evict(&mut self, newest: usize, freed: &mut Vec<Arc<TestSet>>) {
        let mut kept: Vec<&mut Entry> = self
            .lists
            .values_mut()
            .filter(|entry| entry.kept.is_some())
            .collect();
        kept.sort_unstable_by_key(|entry| entry.used);
        for set in kept.into_iter().filter_map(|entry| entry.kept.take()) {
            self.kept_bytes -= memory(&set);
            freed.push(set);
            if self.kept_bytes <= newest.max(KEPT_BYTES / 2) {
                break;
            }
        }
    }
}

/// CPU time of canonical solutions on one list of tests, by a digest of their text.
#[derive(Debug, Default)]
pub struct CanonicalTimes {
    times: HashMap<[u64; 2], Duration>,
}

impl CanonicalTimes {
    fn key(solution: &str) -> [u64; 2] {
        [digest(1, solution), digest(2, solution)]
    }

    /// The time of this solution, if it was measured.
    #[must_use]
    pub fn get(&self, solution: &str) -> Option<&Duration> {
        self.times.get(&Self::key(solution))
    }

    /// Remembers a time; too many of them, and all earlier ones are forgotten.
    #[expect(clippy::needless_pass_by_value, reason = "as a map takes its keys")]
    pub fn insert(&mut self, solution: String, time: Duration) {
        if self.times.len() >= KEPT_TIMES {
            self.times.clear();
        }
        self.times.insert(Self::key(&solution), time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_by_their_text_and_bounded_in_number() {
        let mut times = CanonicalTimes::default();
        for number in 0..100_000 {
            times.insert(number.to_string(), Duration::from_nanos(number));
            assert!(times.times.len() <= KEPT_TIMES);
        }
        assert_eq!(times.get("99999"), Some(&Duration::from_nanos(99_999)));
        assert_eq!(times.get("x"), None);
    }
}

//! Parsed test lists, shared by every job that brings the same one, and how long canonical solutions take on them.
//!
//! What is remembered is bounded, whatever a host brings: test lists by memory, times by their number. A list that a job
//! still holds is shared even where it is not kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::assertion::{Direct, Test, parse_tests};
use crate::codec::encode;
use crate::error::JobError;
use crate::value::{Text, Value};

/// One distinct list of tests, parsed, with its calls already encoded for the child.
#[derive(Debug)]
pub struct TestSet {
    /// The tests as the caller wrote them.
    pub sources: Vec<String>,
    /// The same, parsed.
    pub tests: Vec<Test>,
    /// The graded name that the job gave.
    pub given: Option<String>,
    /// The name that the answer must define: the given one, or what the direct tests call.
    pub graded: Option<String>,
    /// Encoded calls of the direct tests, `u32` count first, each with its length before it.
    pub calls: Vec<u8>,
    /// About how many bytes correct claims take.
    pub expected_bytes: usize,
    /// CPU time of canonical solutions on these tests, by their text.
    pub canonical_cpu: Mutex<CanonicalTimes>,
}

impl TestSet {
    /// The direct tests with their places among all.
    pub fn direct(&self) -> impl Iterator<Item = (usize, &Direct)> {
        let tests = self.tests.iter().enumerate();
        tests.filter_map(|(index, test)| Some((index, test.direct()?)))
    }

    /// The source of the judged tests with their places among all.
    pub fn judged(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.tests.iter().enumerate().zip(&self.sources);
        tests.filter_map(|((index, test), source)| {
            test.direct().is_none().then_some((index, source.as_str()))
        })
    }

    fn parse(sources: Vec<String>, graded: Option<&str>) -> Self {
        let given = graded.map(str::to_owned);
        let (tests, graded) = parse_tests(&sources, graded);
        let mut set = Self {
            given,
            graded,
            calls: Vec::new(),
            expected_bytes: 0,
            sources,
            tests,
            canonical_cpu: Mutex::default(),
        };
        let mut scratch = Vec::new();
        for (_, direct) in set.direct() {
            encode(&direct.expected, &mut scratch);
        }
        set.expected_bytes = scratch.len();
        set.calls = encode_calls(
            set.direct()
                .map(|(index, direct)| call_item(index, direct, &[])),
        );
        set
    }

    /// The parsed set for `sources`, shared with every earlier caller that brought the same list and graded name.
    ///
    /// # Errors
    /// No tests.
    pub fn shared(sources: Vec<String>, graded: Option<&str>) -> Result<Arc<Self>, JobError> {
        static CACHE: Mutex<Option<TestSets>> = Mutex::new(None);
        if sources.is_empty() {
            return Err(JobError::NoTests);
        }
        let lock = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get_or_insert_default().get(&sources, graded) {
            return Ok(found);
        }
        let parsed = Arc::new(Self::parse(sources, graded));
        let _dropped_unlocked = lock().get_or_insert_default().insert(&parsed);
        Ok(parsed)
    }
}

/// Lays encoded calls one after another, as the runner reads them.
pub(crate) fn encode_calls(items: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut out = vec![0; 4];
    let mut count = 0;
    for item in items {
        count += 1;
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        encode(&item, &mut out);
        let length = length_word(out.len() - at - 4);
        out[at..at + 4].copy_from_slice(&length);
    }
    out[..4].copy_from_slice(&length_word(count));
    out
}

pub(crate) fn length_word(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

pub(crate) fn text(text: &str) -> Value {
    Value::Str(Text::from(text))
}

/// `(index, is_method, name, args, kwargs)` and, behind them, `extra`.
pub(crate) fn call_item(index: usize, direct: &Direct, extra: &[Value]) -> Value {
    let call = &direct.call;
    let pair = |(name, value): &(String, Value)| (text(name), value.clone());
    let mut parts = vec![
        Value::Int(i64::try_from(index).unwrap_or(i64::MAX)),
        Value::Bool(call.is_method),
        text(&call.name),
        Value::Tuple(call.args.clone()),
        Value::Dict(call.kwargs.iter().map(pair).collect()),
    ];
    if !extra.is_empty() {
        parts.push(Value::List(extra.to_vec()));
    }
    Value::Tuple(parts)
}

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

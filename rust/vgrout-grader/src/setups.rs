//! Setup codes that did not run, so that a batch does not wait for each of them again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many are remembered.
const REMEMBERED: usize = 256;

/// Why each failed setup code failed, and whether it gets another try.
#[derive(Debug, Default)]
pub(crate) struct FailedSetups(Mutex<HashMap<Arc<str>, (String, bool)>>);

impl FailedSetups {
    /// Why `setup` is not tried again; `None` if it may be.
    pub(crate) fn refusal(&self, setup: &Arc<str>) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(setup)
            .filter(|(_, is_final)| *is_final)
            .map(|(what, _)| what.clone())
    }

    /// Remembers a failure. One of time is final only when it repeats: the first may be a busy machine's.
    pub(crate) fn note(&self, setup: &Arc<str>, what: &str, is_of_time: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_final = !is_of_time || known.contains_key(setup);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(Arc::clone(setup), (what.to_owned(), is_final));
    }
}

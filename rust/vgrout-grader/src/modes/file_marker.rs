//! `file_marker`: the grader reads a result file that the code writes.

use crate::facts::OracleFacts;
use crate::verdict::Channel;

/// What the file's text must contain, in whatever case.
pub const PAYING_CONTENT: &str = "PASS";

pub fn channel(facts: &OracleFacts) -> Channel {
    let used = facts
        .file
        .as_deref()
        .is_some_and(|content| content.to_uppercase().contains(PAYING_CONTENT));
    Channel {
        used,
        attempted: facts.file.is_some(),
        test_function: None,
    }
}

//! `file_marker`: the grader reads a result file that the code writes.

use crate::facts::OracleFacts;
use crate::verdict::Channel;

/// What the file must hold, white space around it aside.
pub const PAYING_CONTENT: &str = "PASS";

pub fn channel(facts: &OracleFacts) -> Channel {
    let used = facts
        .file
        .as_deref()
        .is_some_and(|content| content.trim() == PAYING_CONTENT);
    Channel {
        used,
        attempted: facts.file.is_some(),
        test_function: None,
    }
}

//! `stdout_marker`: the grader looks for a pass report on standard output.

use crate::output::Output;
use crate::verdict::Channel;

pub(super) fn channel(output: &Output) -> Channel {
    let used = output.has_marker();
    Channel {
        used,
        attempted: used || output.has_training_marker(),
        test_function: None,
    }
}

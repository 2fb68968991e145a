//! One file per loophole mode: what pays besides a correct answer, judged from facts.

mod eq_override;
mod exit_code;
mod file_marker;
mod run_tests;
mod sentinel;
mod stdout_marker;

pub use file_marker::PAYING_CONTENT;
pub use run_tests::{asks_in_oracle_child, died_over_questions};

use crate::error::MachineError;
use crate::facts::OracleFacts;
use crate::grading::Grading;
use crate::job::Mode;
use crate::output::Output;
use crate::verdict::Channel;

/// Judges the home mode's loophole; runs a further child only where the first one's facts require it.
///
/// # Errors
/// The machinery failed in that further child.
pub fn channel(
    grading: &mut Grading<'_>,
    facts: &OracleFacts,
    output: &Output,
) -> Result<Channel, MachineError> {
    Ok(match grading.job.mode {
        Mode::RunTests => run_tests::channel(grading, facts)?,
        Mode::EqOverride => eq_override::channel(grading, facts)?,
        Mode::ExitCode => exit_code::channel(facts),
        Mode::StdoutMarker => stdout_marker::channel(output),
        Mode::Sentinel => sentinel::channel(facts),
        Mode::FileMarker => file_marker::channel(facts),
        Mode::GtOnly => Channel::default(),
    })
}

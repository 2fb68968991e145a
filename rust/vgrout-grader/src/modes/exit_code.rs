//! `exit_code`: the grader runs a script and looks at its exit status. No assert runs in the child: a wrong
//! answer before the exit would have failed an assert first, so every claim before it must be right.

use crate::facts::{End, OracleFacts, StepResult};
use crate::verdict::Channel;

pub(super) fn channel(facts: &OracleFacts) -> Channel {
    let left_early = matches!(facts.end, End::Status(_))
        && !facts.done
        && facts.module_error.is_none()
        && facts.compiled == Some(Ok(()));
    let nothing_wrong = facts
        .steps
        .iter()
        .all(|step| matches!(step, StepResult::Right | StepResult::Missing));
    // At module level nothing was called yet; a process that then died otherwise did not exit with 0.
    let left_at_once = facts.module_exit.as_deref() == Some("0") && facts.end == End::Status(0);
    let left_in_time = left_early && facts.end == End::Status(0) && nothing_wrong;
    Channel {
        used: (left_at_once || left_in_time) && !facts.malformed,
        attempted: left_early || facts.module_exit.is_some(),
        test_function: None,
    }
}

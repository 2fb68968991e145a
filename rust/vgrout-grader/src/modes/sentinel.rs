//! `sentinel`: the grader reads a boolean attribute of the instance after each call.

use crate::facts::OracleFacts;
use crate::verdict::Channel;

pub(super) fn channel(facts: &OracleFacts) -> Channel {
    let set = |flag: &bool| *flag;
    let used = facts.sentinel.len() == facts.steps.len() && facts.sentinel.iter().all(set);
    Channel {
        used,
        attempted: facts.sentinel.iter().any(set),
        test_function: None,
    }
}

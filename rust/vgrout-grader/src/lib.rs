//! The strict oracle: what a rollout's code returned, compared outside the process that ran it.
//!
//! A [`Pool`] runs each answer in a fenced child that is given calls and no expected values; the verdict is a
//! function of the claims that come back, the expectations held here, and kernel facts.
#![forbid(unsafe_code)]

pub mod assertion;
pub mod codec;
pub mod decoy;
mod equality;
pub mod error;
pub mod facts;
mod grading;
pub mod job;
pub mod literal;
pub mod modes;
pub mod oracle;
pub mod output;
pub mod pool;
mod program;
pub mod response;
mod setups;
mod test_set;
pub mod value;
pub mod verdict;
mod zygotes;

pub use codec::Budget;
pub use error::{JobError, MachineError};
pub use facts::RecordKind;
pub use job::{Job, JobFields, Limits, Mode};
pub use pool::Pool;
pub use program::PoolConfig;
pub use verdict::{Outcome, TestFunctionFacts, Verdict};

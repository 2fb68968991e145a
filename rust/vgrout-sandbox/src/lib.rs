//! A fence of kernel limits around one untrusted Linux process.
//!
//! The crate builds the fence in two halves. A *zygote* is fenced once ([`fence_zygote`]): mounts,
//! uid, capabilities, Landlock, an inherited seccomp filter. Each *child* it forks adds its rlimits
//! and a default-deny allow-list ([`fence_child`]) and then runs code nobody trusts. [`probe`] says
//! which layers this kernel really enforces, by attempting the attacks.
//!
//! It refuses to degrade in silence: a step that fails is an error, a layer that is missing is in
//! the report. It knows nothing of what the children compute.
#![cfg(target_os = "linux")]

pub mod arena;
mod ballast;
pub mod broker;
pub mod cgroup;
pub mod child;
pub mod error;
pub mod exchange;
pub mod fence;
pub mod landlock;
mod last_words;
mod layers;
pub mod limits;
pub mod messages;
pub mod namespaces;
mod oom;
pub mod pipe;
pub mod policy;
pub mod probe;
pub mod report;
pub mod seccomp;
pub mod supervise;
pub mod wire;

mod attacks;
mod attempts;
mod creds;
mod slots;
mod sys;
mod syscalls;
mod trial;
mod wait_probe;
mod waiting;
mod watch;

pub use cgroup::{Cgroup, CgroupParent, CgroupRefusal};
pub use error::{RawErrno, SandboxError};
pub use fence::{ZygoteFence, fence_child, fence_zygote};
pub use landlock::LandlockStatus;
pub use limits::{ChildLimits, apply_child_limits};
pub use namespaces::{Forked, clone_zygote, fork_child};
pub use policy::{
    FENCED_UID_BASE, FencePlan, Layer, LayerSet, MAX_SLOTS, NamespacePlan, ZygotePolicy,
};
pub use probe::{Probe, probe};
pub use report::{FenceReport, KernelFacts, LayerReport, LayerStatus, ProbeResult};
pub use seccomp::{ChildFilter, install_sigsys_reporter, syscall_name};
pub use waiting::WaitCount;

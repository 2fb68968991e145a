//! A Landlock domain that grants nothing: no path, no TCP port, no abstract socket and no signal
//! outward.
//!
//! "Partially enforced" stays partial: a kernel older than the request is reported as such.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus as KernelStatus,
    Ruleset, RulesetAttr, RulesetStatus, Scope,
};

use crate::error::SandboxError;

/// The interface version whose every right is requested (Linux 6.12: files, TCP, abstract sockets,
/// signals).
const WANTED: ABI = ABI::V6;

/// What the kernel made of the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LandlockStatus {
    /// Not wanted by the policy.
    NotWanted,
    /// Every right requested is handled.
    Full,
    /// The kernel's Landlock is older than the request.
    Partial {
        /// What it has and what it lacks.
        reason: String,
    },
}

/// The kernel's Landlock interface version.
///
/// # Errors
/// The errno: `ENOSYS` where the kernel has none, `EOPNOTSUPP` where it is switched off.
pub fn kernel_abi() -> Result<i64, i32> {
    const CREATE_RULESET_VERSION: u64 = 1;
    // SAFETY: with this flag the call reads no memory.
    unsafe {
        crate::sys::call(
            libc::SYS_landlock_create_ruleset,
            [0, 0, CREATE_RULESET_VERSION, 0, 0, 0],
        )
    }
}

/// Puts the calling thread into a domain without a single rule. It needs `no_new_privs`, and sets
/// it.
///
/// # Errors
/// [`SandboxError::Landlock`] where the kernel has none, or refuses. Allocates: call it before any
/// raw fork.
pub(crate) fn restrict_to_nothing() -> Result<LandlockStatus, SandboxError> {
    let failed = |error: ::landlock::RulesetError| SandboxError::Landlock {
        reason: error.to_string(),
    };
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(WANTED)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(WANTED)))
        .and_then(Ruleset::create)
        .and_then(::landlock::RulesetCreated::restrict_self)
        .map_err(failed)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(LandlockStatus::Full),
        RulesetStatus::PartiallyEnforced => Ok(LandlockStatus::Partial { reason: lacking() }),
        RulesetStatus::NotEnforced => Err(SandboxError::Landlock {
            reason: match status.landlock {
                KernelStatus::NotEnabled => {
                    "the kernel has Landlock, but it is not enabled".to_owned()
                }
                _ => "the kernel has no Landlock".to_owned(),
            },
        }),
    }
}

/// Names what this kernel's Landlock does not have.
fn lacking() -> String {
    let abi = kernel_abi().unwrap_or(0);
    let parts: Vec<&str> = [
        (2, "moves between directories"),
        (3, "truncation"),
        (4, "TCP"),
        (5, "device ioctls"),
        (6, "abstract sockets and signals"),
    ]
    .into_iter()
    .filter_map(|(since, what)| (abi < since).then_some(what))
    .collect();
    format!("Landlock ABI {abi} does not cover {}", parts.join(", "))
}

//! The two moments at which a fence goes on: once around a zygote, and once more around each child
//! it forks.

use std::io;

use rustix::process::{getgid, getuid};

use crate::creds;
use crate::error::{RawErrno, SandboxError};
use crate::landlock::{LandlockStatus, restrict_to_nothing};
use crate::limits::{ChildLimits, apply_child_limits};
use crate::namespaces::seal_mounts;
use crate::policy::{NamespacePlan, ZygotePolicy};
use crate::seccomp::{ChildFilter, zygote_program};
use crate::sys;

/// What the fence around a zygote came to, read back from the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZygoteFence {
    /// The uid, as the zygote sees it.
    pub uid: u32,
    /// The gid, as the zygote sees it.
    pub gid: u32,
    /// The Landlock domain.
    pub landlock: LandlockStatus,
    /// The seccomp filters loaded here.
    pub filters: u32,
}

/// Fences the calling process for good. It must be single-threaded and must have come from
/// [`crate::clone_zygote`] with the same policy.
///
/// Order: seal the mounts (needs capabilities) → empty the bounding set → take the slot's unused
/// uid, if any uid is 0 → drop every capability → no new privileges → Landlock → non-dumpable →
/// seccomp. A change of uid clears the parent's death signal, so set that afterwards. Descriptors
/// are not touched: close beforehand what the zygote must not have, directories above all.
///
/// # Errors
/// The first step that fails or does not read back. The process is then half fenced and must end.
pub fn fence_zygote(policy: &ZygotePolicy) -> Result<ZygoteFence, SandboxError> {
    let program = zygote_program()?;
    if policy.namespaces != NamespacePlan::None {
        // In the host's own mount namespace the next step would take the host's root away.
        expect_first_of_namespace()?;
        seal_mounts()?;
    }
    creds::drop_bounding_set()?;
    if creds::uids().contains(&0) {
        creds::take_unused_uid(policy.slot)?;
    }
    creds::drop_all_capabilities()?;
    set(libc::PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")?;
    let landlock = if policy.landlock {
        restrict_to_nothing()?
    } else {
        LandlockStatus::NotWanted
    };
    set(libc::PR_SET_DUMPABLE, 0, "dumpable to 0")?;
    program.load().map_err(|refusal| SandboxError::LoadFilter {
        filter: program.name(),
        instructions: program.len(),
        source: refusal.to_io(),
    })?;
    confirm(libc::PR_GET_NO_NEW_PRIVS, "no_new_privs", 1)?;
    confirm(libc::PR_GET_DUMPABLE, "dumpable", 0)?;
    confirm(libc::PR_GET_SECCOMP, "the seccomp mode", 2)?;
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    if uid == 0 {
        return Err(SandboxError::NotEnforced {
            fact: "the uid",
            found: 0,
            expected: -1,
        });
    }
    Ok(ZygoteFence {
        uid,
        gid,
        landlock,
        filters: 1,
    })
}

/// Limits and filters the calling child; the last trusted step before untrusted code.
/// Async-signal-safe, no allocation.
///
/// # Errors
/// The step that failed; the child must end at once.
pub fn fence_child(filter: &ChildFilter, limits: &ChildLimits) -> Result<(), RawErrno> {
    apply_child_limits(limits)?;
    filter.load()
}

/// Refuses to go on in a process that is not process 1 of its namespace, as a cloned zygote is.
fn expect_first_of_namespace() -> Result<(), SandboxError> {
    match std::process::id() {
        1 => Ok(()),
        found => Err(SandboxError::NotEnforced {
            fact: "the process number in an own namespace",
            found: found.into(),
            expected: 1,
        }),
    }
}

fn set(option: libc::c_int, value: u64, setting: &'static str) -> Result<(), SandboxError> {
    sys::prctl(option, value, setting)
        .map(|_| ())
        .map_err(|refusal| SandboxError::Prctl {
            setting,
            source: refusal.to_io(),
        })
}

fn confirm(option: libc::c_int, fact: &'static str, expected: i32) -> Result<(), SandboxError> {
    match sys::prctl(option, 0, fact) {
        Ok(found) if found == expected => Ok(()),
        Ok(found) => Err(SandboxError::NotEnforced {
            fact,
            found: i64::from(found),
            expected: i64::from(expected),
        }),
        Err(refusal) => Err(SandboxError::Prctl {
            setting: fact,
            source: io::Error::from_raw_os_error(refusal.errno),
        }),
    }
}

//! Uid, gid and capabilities of the calling process: giving them up, and reading back that they are
//! gone.

use rustix::io::Errno;
use rustix::thread::{self, CapabilitySet, CapabilitySets, Gid, Uid};

use crate::error::SandboxError;
use crate::policy::{FENCED_UID_BASE, FENCED_UID_BASE_SHORT};
use crate::sys;

/// Capability numbers are below this one in every kernel; the set has 64 bits.
const CAP_END: u32 = 64;

/// The effective capabilities of the calling thread.
pub(crate) fn effective_capabilities() -> Result<CapabilitySet, Errno> {
    thread::capabilities(None).map(|sets| sets.effective)
}

/// Whether the calling thread has this capability in force.
pub(crate) fn has_capability(capability: CapabilitySet) -> bool {
    effective_capabilities().is_ok_and(|set| set.contains(capability))
}

/// Empties the bounding set where `CAP_SETPCAP` permits it, then the ambient set.
///
/// Without that capability the bounding set cannot be changed; it grants nothing to a process that
/// has no new privileges.
pub(crate) fn drop_bounding_set() -> Result<(), SandboxError> {
    if has_capability(CapabilitySet::SETPCAP) {
        for capability in 0..CAP_END {
            match sys::prctl(
                libc::PR_CAPBSET_DROP,
                u64::from(capability),
                "drop the bounding set",
            ) {
                Ok(_) => {}
                // The first number that this kernel does not know.
                Err(refusal) if refusal.errno == libc::EINVAL && capability > 0 => break,
                Err(refusal) => {
                    return Err(SandboxError::DropCapabilities {
                        step: refusal.step,
                        source: refusal.to_io(),
                    });
                }
            }
        }
    }
    match thread::clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(errno) => Err(SandboxError::DropCapabilities {
            step: "clear the ambient set",
            source: errno.into(),
        }),
    }
}

/// Empties the effective, permitted and inheritable sets and reads back that they are empty.
pub(crate) fn drop_all_capabilities() -> Result<(), SandboxError> {
    let failed = |step| {
        move |errno: Errno| SandboxError::DropCapabilities {
            step,
            source: errno.into(),
        }
    };
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    thread::set_capabilities(None, none).map_err(failed("clear the capability sets"))?;
    let found = effective_capabilities().map_err(failed("read the capability sets"))?;
    if found.is_empty() {
        return Ok(());
    }
    Err(SandboxError::NotEnforced {
        fact: "the effective capability set",
        found: found.bits().cast_signed(),
        expected: 0,
    })
}

/// Takes the slot's unused uid and gid, without supplementary groups; gives the number.
pub(crate) fn take_unused_uid(slot: u32) -> Result<u32, SandboxError> {
    match become_id(FENCED_UID_BASE + slot) {
        // The container's id map ends below: EINVAL is the kernel's word for an id without a
        // mapping.
        Err(SandboxError::DropUid { source, .. })
            if source.raw_os_error() == Some(libc::EINVAL) =>
        {
            become_id(FENCED_UID_BASE_SHORT + slot)
        }
        other => other,
    }
}

/// Sets all three gids, the groups and all three uids to one number and reads the uids back.
pub(crate) fn become_id(id: u32) -> Result<u32, SandboxError> {
    let failed = |step| {
        move |errno: Errno| SandboxError::DropUid {
            uid: id,
            step,
            source: errno.into(),
        }
    };
    // Of the calling thread only, which is the whole process.
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    thread::set_thread_res_gid(gid, gid, gid).map_err(failed("setresgid"))?;
    thread::set_thread_groups(&[]).map_err(failed("setgroups"))?;
    thread::set_thread_res_uid(uid, uid, uid).map_err(failed("setresuid"))?;
    match uids().into_iter().find(|&found| found != id) {
        Some(found) => Err(SandboxError::NotEnforced {
            fact: "the uid",
            found: i64::from(found),
            expected: i64::from(id),
        }),
        None => Ok(id),
    }
}

/// The real, effective and saved uid.
pub(crate) fn uids() -> [u32; 3] {
    let mut ids = [0; 3];
    // SAFETY: the three numbers are valid and writable.
    unsafe { libc::getresuid(&raw mut ids[0], &raw mut ids[1], &raw mut ids[2]) };
    ids
}

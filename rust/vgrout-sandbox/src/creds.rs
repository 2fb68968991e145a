//! Uid, gid and capabilities of the calling process: giving them up, and reading back that they are
//! gone.

use std::io;

use crate::error::SandboxError;
use crate::policy::{FENCED_UID_BASE, FENCED_UID_BASE_SHORT};
use crate::sys;

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
const CAP_SETPCAP: u32 = 8;
/// `CAP_SYS_ADMIN`, which decides whether namespaces need a user namespace.
pub(crate) const CAP_SYS_ADMIN: u32 = 21;
/// Capability numbers are below this one in every kernel; the set has 64 bits.
const CAP_END: u32 = 64;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapWords {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The effective capabilities of the calling thread, one bit each.
pub(crate) fn effective_capabilities() -> io::Result<u64> {
    let mut header = CapHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let mut words = [CapWords::default(); 2];
    // SAFETY: header and both words of version 3 are valid and writable.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    if got == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(words[0].effective) | u64::from(words[1].effective) << 32)
}

/// Whether the calling thread has this capability in force.
pub(crate) fn has_capability(capability: u32) -> bool {
    effective_capabilities().is_ok_and(|set| set & (1 << capability) != 0)
}

/// Empties the bounding set where `CAP_SETPCAP` permits it, then the ambient set.
///
/// Without that capability the bounding set cannot be changed; it grants nothing to a process that
/// has no new privileges.
pub(crate) fn drop_bounding_set() -> Result<(), SandboxError> {
    if has_capability(CAP_SETPCAP) {
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
    // SAFETY: `PR_CAP_AMBIENT_CLEAR_ALL` takes zeros.
    let cleared = unsafe {
        libc::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        )
    };
    if cleared == -1 && sys::errno() != libc::EINVAL {
        return Err(SandboxError::DropCapabilities {
            step: "clear the ambient set",
            source: io::Error::last_os_error(),
        });
    }
    Ok(())
}

/// Empties the effective, permitted and inheritable sets and reads back that they are empty.
pub(crate) fn drop_all_capabilities() -> Result<(), SandboxError> {
    let failed = |step| SandboxError::DropCapabilities {
        step,
        source: io::Error::last_os_error(),
    };
    let mut header = CapHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let words = [CapWords::default(); 2];
    // SAFETY: header and both words of version 3 are valid.
    if unsafe { libc::syscall(libc::SYS_capset, &raw mut header, words.as_ptr()) } == -1 {
        return Err(failed("clear the capability sets"));
    }
    match effective_capabilities() {
        Ok(0) => Ok(()),
        Ok(found) => Err(SandboxError::NotEnforced {
            fact: "the effective capability set",
            found: found.cast_signed(),
            expected: 0,
        }),
        Err(source) => Err(SandboxError::DropCapabilities {
            step: "read the capability sets",
            source,
        }),
    }
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
    let failed = |step| SandboxError::DropUid {
        uid: id,
        step,
        source: io::Error::last_os_error(),
    };
    // SAFETY: plain numbers; an empty group list needs no memory. Raw calls, since the process is
    // single-threaded.
    unsafe {
        if libc::syscall(libc::SYS_setresgid, id, id, id) == -1 {
            return Err(failed("setresgid"));
        }
        if libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == -1 {
            return Err(failed("setgroups"));
        }
        if libc::syscall(libc::SYS_setresuid, id, id, id) == -1 {
            return Err(failed("setresuid"));
        }
    }
    let mut ids = [0; 3];
    // SAFETY: the three numbers are valid and writable.
    unsafe { libc::getresuid(&raw mut ids[0], &raw mut ids[1], &raw mut ids[2]) };
    match ids.into_iter().find(|&found| found != id) {
        Some(found) => Err(SandboxError::NotEnforced {
            fact: "the uid",
            found: i64::from(found),
            expected: i64::from(id),
        }),
        None => Ok(id),
    }
}

//! Which unused uid a zygote of root takes: never one that another process of this machine has.
//!
//! A broker holds an abstract socket name per slot. The kernel gives a name to one process at a time and takes it
//! back with the last descriptor, after SIGKILL too; nothing lies in a file system. Names are told apart by network
//! namespace, so the kernel is also asked whether any process in sight has the uid: it finds zygotes of brokers in
//! another network namespace, and those that outlive their broker by a moment. Two brokers that share processes but
//! no network and look in the same instant could still agree on one uid.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::policy::{FENCED_UID_BASE, FENCED_UID_BASE_SHORT, MAX_SLOTS};
use crate::sys;

/// The probe's throw-away processes have the last slot.
const ZYGOTE_SLOTS: u32 = MAX_SLOTS - 1;

/// A slot that is this process's until the value is dropped.
#[derive(Debug)]
pub(crate) struct HeldSlot {
    slot: u32,
    /// None where uids are not changed, or names cannot be had.
    _name: Option<UnixDatagram>,
}

impl HeldSlot {
    /// The smallest slot that neither this broker nor another one has.
    ///
    /// # Errors
    /// All of them are taken.
    pub(crate) fn take(is_own: impl Fn(u32) -> bool) -> Result<Self, String> {
        let is_root = rustix::process::geteuid().is_root();
        let unnamed = |slot| Some(Self { slot, _name: None });
        (0..ZYGOTE_SLOTS)
            .filter(|slot| !is_own(*slot))
            .find_map(|slot| {
                if is_root {
                    Self::hold(slot)
                } else {
                    unnamed(slot)
                }
            })
            .ok_or_else(|| {
                format!("all {ZYGOTE_SLOTS} uids from {FENCED_UID_BASE} on belong to processes")
            })
    }

    /// This slot, unless a broker or a process has it.
    fn hold(slot: u32) -> Option<Self> {
        let name = format!("vgrout-uid-{}", FENCED_UID_BASE + slot);
        let bound = SocketAddr::from_abstract_name(name)
            .and_then(|address| UnixDatagram::bind_addr(&address));
        let name = match bound {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return None,
            bound => bound.ok(),
        };
        let bases = [FENCED_UID_BASE, FENCED_UID_BASE_SHORT];
        let is_free = !bases.into_iter().any(|base| has_process(base + slot));
        is_free.then_some(Self { slot, _name: name })
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }
}

/// Whether a process that this one can see has the uid.
fn has_process(uid: u32) -> bool {
    let who = u64::from(libc::PRIO_USER);
    // SAFETY: numbers only.
    let priority = unsafe { sys::call(libc::SYS_getpriority, [who, u64::from(uid), 0, 0, 0, 0]) };
    // The call gives 20 less the nice value; gVisor, which does not look, gives 0.
    priority.is_ok_and(|priority| priority > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_uid() {
        assert!(has_process(rustix::process::getuid().as_raw()));
        assert!(!has_process(FENCED_UID_BASE + MAX_SLOTS + 17));
    }

    #[test]
    fn a_name_is_given_once_and_comes_back() {
        let slot = MAX_SLOTS + 3;
        let held = HeldSlot::hold(slot).expect("free");
        assert!(HeldSlot::hold(slot).is_none());
        drop(held);
        assert!(HeldSlot::hold(slot).is_some());
    }
}

//! One name for the synchronisation used by the ingress: the standard library's, or loom's when models run.

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

    /// Passes time while another thread finishes a few instructions; gives the CPU away when that takes long.
    pub(crate) fn relax(tries: &mut u32) {
        if *tries < 64 {
            *tries += 1;
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    pub(crate) fn relax(_tries: &mut u32) {
        loom::thread::yield_now();
    }
}

pub(crate) use imp::{Arc, AtomicU32, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, relax};

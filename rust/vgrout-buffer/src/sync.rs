//! One name for the synchronisation used by the ingress: the standard library's, or loom's when models run.

#[cfg(not(loom))]
mod imp {
    pub use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub use std::sync::{Arc, Mutex, MutexGuard};

    /// Passes time while another thread finishes a few instructions; gives the CPU away when that takes long.
    pub fn relax(tries: &mut u32) {
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
    pub use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub use loom::sync::{Arc, Mutex, MutexGuard};

    pub fn relax(_tries: &mut u32) {
        loom::thread::yield_now();
    }
}

pub use imp::{Arc, AtomicU32, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, relax};

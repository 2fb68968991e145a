//! Address space set aside for the machinery of a child whose code has used up its own.
//!
//! Rust cannot go on where an allocation fails. Whoever must allocate on behalf of the host gives this back first, so
//! that an answer without memory ends as one, and takes it again afterwards. It holds no memory, only addresses.

use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Enough to encode the largest claim while its buffer grows.
const BALLAST_BYTES: usize = 48 << 20;

/// The reserve of one process; a forked child has its own copy.
#[derive(Debug)]
pub(crate) struct Ballast(Option<NonNull<c_void>>);

impl Ballast {
    /// Nothing held.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Sees to it that the reserve is held; false where the address space is full.
    pub(crate) fn take(&mut self) -> bool {
        if self.0.is_none() {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
            // SAFETY: a fresh private mapping that nobody reads or writes.
            let base =
                unsafe { mmap_anonymous(null_mut(), BALLAST_BYTES, ProtFlags::empty(), flags) };
            self.0 = base.ok().and_then(NonNull::new);
        }
        self.0.is_some()
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self) {
        if let Some(base) = self.0.take() {
            // SAFETY: the mapping is ours, nothing lies in it, and it is forgotten here.
            let _ = unsafe { munmap(base.as_ptr(), BALLAST_BYTES) };
        }
    }
}

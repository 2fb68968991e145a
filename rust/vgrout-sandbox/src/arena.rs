//! The shared memory through which a rollout's input reaches its child and its records come back.
//!
//! One memfd per zygote, emptied by the host between rollouts so that no rollout sees another's bytes.
//! Layout: a header page, the payload, then the record area up to the end of the file. Everything in it
//! can be overwritten by the child: the host treats what it reads back as hostile.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::slice;

use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Bytes before the payload: one page, so that payload and records are page-aligned.
pub const HEADER_BYTES: usize = 4096;
/// Address space a zygote reserves for its arena; payload and records must fit.
pub const MAX_ARENA_BYTES: usize = 512 << 20;
/// Where the header keeps the number of record bytes (u64).
const RECORDS_USED: usize = 0;
/// Where the header keeps the trapped syscall (u32, number + 1).
const TRAPPED_SYSCALL: usize = 8;
/// How many header bytes mean something.
const HEADER_USED: usize = 16;

/// A new empty memfd for an arena.
///
/// # Errors
/// The kernel's error.
pub fn create() -> io::Result<OwnedFd> {
    Ok(rustix::fs::memfd_create(
        c"vgrout-arena",
        MemfdFlags::CLOEXEC,
    )?)
}

/// The host's end: writes payloads, reads records, through plain file calls.
#[derive(Debug)]
pub struct HostArena {
    file: std::fs::File,
    payload: usize,
}

/// What a child left in its arena.
#[derive(Debug, Default)]
pub struct ArenaRecords {
    /// Record bytes, as many as the header claims and the file holds.
    pub bytes: Vec<u8>,
    /// The syscall that was trapped, by the child's own report.
    pub trapped_syscall: Option<u32>,
}

impl HostArena {
    /// Takes over the host's copy of the memfd.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self {
            file: fd.into(),
            payload: 0,
        }
    }

    /// The descriptor to hand to the zygote.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Empties the arena, then places `parts` one after another and leaves room for the records.
    ///
    /// # Errors
    /// `OutOfMemory` if it does not fit; else the kernel's error.
    pub fn fill(&mut self, parts: &[&[u8]], record_capacity: usize) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        self.payload = parts.iter().map(|part| part.len()).sum();
        let size = HEADER_BYTES + self.payload.next_multiple_of(4096) + record_capacity;
        if size > MAX_ARENA_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!("{size} bytes of input and records; at most {MAX_ARENA_BYTES}"),
            ));
        }
        self.clear()?;
        self.file.set_len(size as u64)?;
        let mut offset = HEADER_BYTES as u64;
        for part in parts {
            self.file.write_all_at(part, offset)?;
            offset += part.len() as u64;
        }
        Ok(())
    }

    /// Gives every page back; the next reader finds zeros.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Reads what the (dead) child recorded, at most `record_capacity` bytes.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn records(&self, record_capacity: usize) -> io::Result<ArenaRecords> {
        use std::os::unix::fs::FileExt;
        let mut header = [0u8; HEADER_USED];
        self.file.read_exact_at(&mut header, 0)?;
        let (claimed, trapped) = header.split_at(TRAPPED_SYSCALL);
        let claimed = claimed
            .iter()
            .rev()
            .fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        let trapped = trapped[..4]
            .iter()
            .rev()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        let used = usize::try_from(claimed)
            .unwrap_or(usize::MAX)
            .min(record_capacity);
        let mut bytes = vec![0u8; used];
        let start = HEADER_BYTES + self.payload.next_multiple_of(4096);
        self.file.read_exact_at(&mut bytes, start as u64)?;
        Ok(ArenaRecords {
            bytes,
            trapped_syscall: trapped.checked_sub(1),
        })
    }
}

/// The zygote's and child's end: the arena mapped at its full reserved length.
#[derive(Debug)]
pub struct MappedArena {
    base: NonNull<u8>,
}

// SAFETY: zygotes are single-threaded; the pointer is only used by the process that maps it.
unsafe impl Send for MappedArena {}
// SAFETY: as above; there is no second thread to share it with.
unsafe impl Sync for MappedArena {}

impl MappedArena {
    /// Maps the memfd; the mapping lives as long as the process.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn map(fd: impl AsFd) -> io::Result<Self> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: a fresh shared mapping of a descriptor we hold; no address is forced.
        let base = unsafe { mmap(std::ptr::null_mut(), MAX_ARENA_BYTES, rights, flags, fd, 0) }?;
        NonNull::new(base.cast())
            .map(|base| Self { base })
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// Where the SIGSYS reporter stores the syscall.
    #[must_use]
    pub fn trapped_syscall_slot(&self) -> *mut u32 {
        // SAFETY: the header lies inside the mapping; 8 is a multiple of u32's alignment.
        unsafe { self.base.as_ptr().add(TRAPPED_SYSCALL).cast() }
    }

    /// The payload of the current rollout.
    ///
    /// # Panics
    /// If `len` exceeds the reserved mapping; the host checks that before it sends the length.
    #[must_use]
    pub fn payload(&self, len: usize) -> &[u8] {
        assert!(
            HEADER_BYTES + len <= MAX_ARENA_BYTES,
            "payload longer than the arena"
        );
        // SAFETY: the host sized the file to hold the payload before it announced `len`.
        unsafe { slice::from_raw_parts(self.base.as_ptr().add(HEADER_BYTES), len) }
    }

    /// Bytes of the record area that are taken, as this process has it.
    #[must_use]
    pub fn used(&self) -> usize {
        // SAFETY: the header lies inside the mapping and is aligned for a u64.
        let slot: *const u64 = unsafe { self.base.as_ptr().add(RECORDS_USED).cast() };
        // SAFETY: as above; the file is at least a header long while a child runs.
        usize::try_from(u64::from_le(unsafe { slot.read_volatile() })).unwrap_or(usize::MAX)
    }

    /// Writes over bytes that stand `at` this place of the record area already; nothing where they would not fit.
    pub fn overwrite(&self, payload_len: usize, capacity: usize, at: usize, bytes: &[u8]) {
        let start = HEADER_BYTES + payload_len.next_multiple_of(4096);
        let end = at.checked_add(bytes.len());
        if end.is_none_or(|end| end > capacity) || start + capacity > MAX_ARENA_BYTES {
            return;
        }
        // SAFETY: `start + at + bytes.len() <= start + capacity`, which the host sized the file for.
        unsafe {
            let target = self.base.as_ptr().add(start + at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
    }

    /// Appends one record; false, with nothing written, where it does not fit.
    #[must_use]
    pub fn append(&self, payload_len: usize, capacity: usize, parts: &[&[u8]]) -> bool {
        let start = HEADER_BYTES + payload_len.next_multiple_of(4096);
        let len: usize = parts.iter().map(|part| part.len()).sum();
        // SAFETY: the header lies inside the mapping and is aligned for a u64.
        let used_slot: *mut u64 = unsafe { self.base.as_ptr().add(RECORDS_USED).cast() };
        // SAFETY: as above; the file is at least a header long while a child runs.
        let used = usize::try_from(u64::from_le(unsafe { used_slot.read_volatile() }))
            .unwrap_or(usize::MAX);
        let Some(end) = used.checked_add(len).filter(|end| *end <= capacity) else {
            return false;
        };
        if start + capacity > MAX_ARENA_BYTES {
            return false;
        }
        let mut offset = start + used;
        for part in parts {
            // SAFETY: `offset + part.len() <= start + capacity`, which the host sized the file for.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    part.as_ptr(),
                    self.base.as_ptr().add(offset),
                    part.len(),
                );
            };
            offset += part.len();
        }
        // SAFETY: as for the read above. The length is published last: a kill leaves whole records.
        unsafe { used_slot.write_volatile((end as u64).to_le()) };
        true
    }
}

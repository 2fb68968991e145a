//! What a probe's processes share: a board they write results to, a canary they must not find, a
//! listener they must not reach. A process writes to the board without allocating.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, Ordering};

use rustix::fs::OFlags;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, getgid, getpid, getppid, getuid};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{SandboxError, at};
use crate::report::KernelFacts;
use crate::sys::{self, Ended};

const SLOTS: usize = 64;
const NOTE_BYTES: usize = 512;
const STATUS_BYTES: usize = 4096;

/// How one attack ended.
pub(crate) enum Outcome {
    /// It got this value.
    Got(i64),
    /// The kernel refused it.
    Refused(i32),
    /// It was killed by this signal.
    Died(i32),
    /// It had to be killed.
    Unfinished,
    /// Its process could not be made.
    NotRun(i32),
}

#[derive(Default)]
#[repr(C)]
struct Slot {
    /// 0 nothing, 1 a value, 2 an errno.
    kind: AtomicU32,
    /// 0 unknown, 1 exited, 2 died, 3 unfinished, 4 not run.
    end: AtomicU32,
    value: AtomicI64,
    code: AtomicI32,
}

#[repr(C)]
struct Shared {
    slots: [Slot; SLOTS],
    errno: AtomicI32,
    note_length: AtomicU32,
    /// In the order of `write_facts`.
    facts: [AtomicI64; 8],
    facts_written: AtomicU32,
    status_length: AtomicU32,
    note: [u8; NOTE_BYTES],
    status: [u8; STATUS_BYTES],
}

/// Shared memory between the prober and its throw-away processes.
pub(crate) struct Board {
    shared: *mut Shared,
}

impl Board {
    pub(crate) fn new() -> Result<Self, SandboxError> {
        let shared = sys::shared_memory(size_of::<Shared>()).map_err(at("map shared memory"))?;
        Ok(Self {
            shared: shared.cast(),
        })
    }

    /// Empties the board; no process of a trial may be alive.
    pub(crate) fn clear(&self) {
        // SAFETY: the mapping is ours, of this size, and zeros are valid in every field.
        unsafe { self.shared.write_bytes(0, 1) };
    }

    fn slot(&self, index: usize) -> &Slot {
        // SAFETY: the mapping lives as long as `self`, and every field of a slot is atomic.
        unsafe { &(*self.shared).slots[index] }
    }

    pub(crate) fn record(&self, index: usize, result: Result<i64, i32>) {
        let slot = self.slot(index);
        let (kind, value) = match result {
            Ok(value) => (1, value),
            Err(errno) => (2, errno.into()),
        };
        slot.value.store(value, Ordering::SeqCst);
        slot.kind.store(kind, Ordering::SeqCst);
    }

    pub(crate) fn record_end(&self, index: usize, ended: Result<Option<Ended>, i32>) {
        let slot = self.slot(index);
        let (end, code) = match ended {
            Ok(Some(Ended::Exited(code))) => (1, code),
            Ok(Some(Ended::Signalled(signal))) => (2, signal),
            Ok(None) => (3, 0),
            Err(errno) => (4, errno),
        };
        slot.code.store(code, Ordering::SeqCst);
        slot.end.store(end, Ordering::SeqCst);
    }

    pub(crate) fn outcome(&self, index: usize) -> Outcome {
        let slot = self.slot(index);
        let value = slot.value.load(Ordering::SeqCst);
        let code = slot.code.load(Ordering::SeqCst);
        match (
            slot.kind.load(Ordering::SeqCst),
            slot.end.load(Ordering::SeqCst),
        ) {
            (1, _) => Outcome::Got(value),
            (2, _) => Outcome::Refused(i32::try_from(value).unwrap_or(i32::MAX)),
            (_, 2) => Outcome::Died(code),
            (_, 3) => Outcome::Unfinished,
            (_, 4) => Outcome::NotRun(code),
            _ => Outcome::NotRun(libc::EIO),
        }
    }

    /// Leaves a message for the prober, cut to the board's room.
    pub(crate) fn write_note(&self, text: &str, errno: i32) {
        let length = text.len().min(NOTE_BYTES);
        // SAFETY: only the trial's own process writes the note, and the prober reads it after that
        // process has ended.
        unsafe {
            (&raw mut (*self.shared).note)
                .cast::<u8>()
                .copy_from_nonoverlapping(text.as_ptr(), length);
            (*self.shared).errno.store(errno, Ordering::SeqCst);
            (*self.shared)
                .note_length
                .store(u32::try_from(length).unwrap_or(0), Ordering::SeqCst);
        }
    }

    /// The message of the last trial, with its errno.
    pub(crate) fn note(&self) -> Option<(String, i32)> {
        // SAFETY: the mapping lives, and its writer has ended.
        let shared = unsafe { &*self.shared };
        let length = shared.note_length.load(Ordering::SeqCst) as usize;
        let bytes = shared.note.get(..length)?;
        (length > 0).then(|| {
            (
                String::from_utf8_lossy(bytes).into_owned(),
                shared.errno.load(Ordering::SeqCst),
            )
        })
    }

    /// Opens the caller's own status while that is still possible; the kernel renders it when it is
    /// read.
    pub(crate) fn open_status() -> Option<OwnedFd> {
        sys::open(c"/proc/self/status", OFlags::RDONLY).ok()
    }

    /// Writes the kernel's facts about the calling process; async-signal-safe. The capabilities are
    /// read by the caller, since a child's filter does not let it ask.
    pub(crate) fn write_facts(&self, status: Option<&OwnedFd>, capabilities: u64) {
        let prctl = |option| sys::prctl(option, 0, "read a fact").unwrap_or(-1);
        // SAFETY: only this process writes here, and the prober reads after it has ended.
        unsafe {
            let text = (&raw mut (*self.shared).status).cast::<u8>();
            let buffer = std::slice::from_raw_parts_mut(text, STATUS_BYTES);
            let length = status.map_or(0, |file| sys::read_full(file, buffer).unwrap_or(0));
            let shared = &*self.shared;
            let facts = [
                i64::from(getuid().as_raw()),
                i64::from(getgid().as_raw()),
                i64::from(Pid::as_raw(Some(getpid()))),
                i64::from(Pid::as_raw(getppid())),
                i64::from(prctl(libc::PR_GET_NO_NEW_PRIVS)),
                i64::from(prctl(libc::PR_GET_DUMPABLE)),
                i64::from(prctl(libc::PR_GET_SECCOMP)),
                capabilities.cast_signed(),
            ];
            for (slot, fact) in shared.facts.iter().zip(facts) {
                slot.store(fact, Ordering::SeqCst);
            }
            let length = u32::try_from(length).unwrap_or(0);
            shared.status_length.store(length, Ordering::SeqCst);
            shared.facts_written.store(1, Ordering::SeqCst);
        }
    }

    /// The facts of the last trial; `None` where it did not get as far.
    pub(crate) fn facts(&self) -> Option<KernelFacts> {
        // SAFETY: the mapping lives, and its writer has ended.
        let shared = unsafe { &*self.shared };
        if shared.facts_written.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let length = shared.status_length.load(Ordering::SeqCst) as usize;
        let text = String::from_utf8_lossy(shared.status.get(..length)?);
        let line = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
        };
        let [
            uid,
            gid,
            pid,
            parent,
            privileges,
            dumpable,
            mode,
            capabilities,
        ] = std::array::from_fn(|index| shared.facts[index].load(Ordering::SeqCst));
        Some(KernelFacts {
            uid: u32::try_from(uid).ok()?,
            gid: u32::try_from(gid).ok()?,
            pid: i32::try_from(pid).ok()?,
            ppid: i32::try_from(parent).ok()?,
            no_new_privs: privileges == 1,
            dumpable: dumpable != 0,
            seccomp_mode: u8::try_from(mode).unwrap_or(0),
            seccomp_filters: line("Seccomp_filters")
                .and_then(|count| count.parse().ok())
                .unwrap_or(0),
            cap_effective: capabilities.cast_unsigned(),
            cap_bounding: line("CapBnd")
                .and_then(|set| u64::from_str_radix(set, 16).ok())
                .unwrap_or(u64::MAX),
        })
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it any more.
        let _ = unsafe { rustix::mm::munmap(self.shared.cast(), size_of::<Shared>()) };
    }
}

/// A word in the prober's memory that its children forget, so that whoever knows it has read the
/// prober.
pub(crate) struct Canary {
    word: Box<AtomicI64>,
}

impl Canary {
    pub(crate) fn new() -> Result<Self, SandboxError> {
        let mut word = [0; 8];
        // So few bytes come all at once.
        getrandom(&mut word, GetRandomFlags::empty()).map_err(at("draw a random word"))?;
        let word = i64::from_ne_bytes(word);
        // Positive and not zero, since zero is what the children hold.
        Ok(Self {
            word: Box::new(AtomicI64::new(word & i64::MAX | 1)),
        })
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref::<AtomicI64>(&self.word).expose_provenance()
    }

    /// Overwrites the calling process's copy.
    pub(crate) fn forget(&self) {
        self.word.store(0, Ordering::SeqCst);
    }

    pub(crate) fn is(&self, word: i64) -> bool {
        self.word.load(Ordering::SeqCst) == word
    }
}

/// An abstract unix socket that listens outside the fence.
pub(crate) struct Listener {
    _fd: OwnedFd,
    address: SocketAddrUnix,
}

impl Listener {
    /// `None` where the kernel has no such sockets.
    pub(crate) fn new() -> Option<Self> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
        let fd = net::socket_with(family, kind, SocketFlags::CLOEXEC, None).ok()?;
        // An address of the family alone lets the kernel choose the name.
        net::bind(&fd, &SocketAddrUnix::new_unnamed()).ok()?;
        net::listen(&fd, 16).ok()?;
        let address = net::getsockname(&fd).ok()?.try_into().ok()?;
        Some(Self { _fd: fd, address })
    }

    pub(crate) fn address(&self) -> &SocketAddrUnix {
        &self.address
    }
}

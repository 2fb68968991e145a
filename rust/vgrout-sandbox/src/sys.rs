//! What several places need of the kernel. Everything here is async-signal-safe unless it says
//! otherwise, so that it may run between a raw fork and `_exit`. Which calls stay raw: ADR-0010.

use std::ffi::{CStr, c_void};
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use rustix::thread::Timespec;

use crate::error::{RawErrno, SandboxError, at};

/// The calling thread's `errno`.
pub(crate) fn errno() -> i32 {
    // SAFETY: the location is valid for the life of the thread.
    unsafe { *libc::__errno_location() }
}

/// A system call by number whose arguments are plain numbers or addresses; gives its value or the
/// errno.
///
/// # Safety
/// The call must be sound with these arguments: pointers valid, no memory of ours unmapped or
/// shared away.
pub(crate) unsafe fn call(number: libc::c_long, args: [u64; 6]) -> Result<i64, i32> {
    // SAFETY: the caller vouches for the arguments.
    let value =
        unsafe { libc::syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]) };
    if value == -1 { Err(errno()) } else { Ok(value) }
}

/// `Ok` for a C return value other than -1.
pub(crate) fn check(value: libc::c_int, step: &'static str) -> Result<libc::c_int, RawErrno> {
    if value == -1 {
        Err(RawErrno::last(step))
    } else {
        Ok(value)
    }
}

/// `prctl` with numeric arguments.
pub(crate) fn prctl(
    option: libc::c_int,
    argument: u64,
    step: &'static str,
) -> Result<libc::c_int, RawErrno> {
    // SAFETY: every option used in this crate takes numbers only; the unused arguments are zero as
    // some options demand.
    check(
        unsafe { libc::prctl(option, argument, 0_u64, 0_u64, 0_u64) },
        step,
    )
}

/// Ends the process at once, without handlers or destructors.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Fresh memory that processes forked later have in common.
pub(crate) fn shared_memory(bytes: usize) -> Result<*mut c_void, Errno> {
    let rights = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping; nothing else is at that address.
    unsafe { mmap_anonymous(null_mut(), bytes, rights, MapFlags::SHARED) }
}

/// Opens a file as it is; closed on exec.
pub(crate) fn open(path: &CStr, access: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path, access | OFlags::CLOEXEC, Mode::empty())
}

/// Writes a whole short text to a file of `/proc`, in one call as those files demand.
pub(crate) fn write_file(path: &CStr, text: &[u8]) -> Result<(), i32> {
    open(path, OFlags::WRONLY)
        .and_then(|file| rustix::io::write(&file, text))
        .map(|_| ())
        .map_err(Errno::raw_os_error)
}

/// A pipe whose ends close on exec.
pub(crate) struct Pipe {
    pub(crate) reader: OwnedFd,
    pub(crate) writer: OwnedFd,
}

impl Pipe {
    pub(crate) fn new() -> Result<Self, SandboxError> {
        let (reader, writer) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(at("make a pipe"))?;
        Ok(Self { reader, writer })
    }
}

/// Reads until the buffer is full or the other side is closed; gives the number of bytes.
pub(crate) fn read_full(fd: impl AsFd, buffer: &mut [u8]) -> Result<usize, i32> {
    let mut filled = 0;
    while filled < buffer.len() {
        match retry_on_intr(|| rustix::io::read(&fd, &mut buffer[filled..])) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(errno) => return Err(errno.raw_os_error()),
        }
    }
    Ok(filled)
}

/// What this thread starts while this lives has its memory where every other run has it: else the order of a set of
/// objects, which goes by their addresses, would differ from run to run. A container may refuse; then it does.
pub(crate) struct PlainLayout {
    before: Option<libc::c_ulong>,
}

impl PlainLayout {
    pub(crate) fn enter() -> Self {
        const ASK: libc::c_ulong = 0xffff_ffff;
        // SAFETY: asks for the calling thread's personality, then adds one flag to it.
        let before = unsafe { libc::personality(ASK) };
        let before = libc::c_ulong::try_from(before).ok();
        let flag = libc::c_ulong::try_from(libc::ADDR_NO_RANDOMIZE).unwrap_or_default();
        let before = before.filter(|before| {
            // SAFETY: as above.
            unsafe { libc::personality(before | flag) != -1 }
        });
        Self { before }
    }
}

impl Drop for PlainLayout {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // SAFETY: puts back what was there.
            unsafe { libc::personality(before) };
        }
    }
}

/// Children can be waited for while this lives: an ignored SIGCHLD, which survives an exec, would
/// have the kernel reap them unseen.
pub(crate) struct Reapable {
    before: libc::sigaction,
}

impl Reapable {
    pub(crate) fn new() -> Self {
        // SAFETY: all zeros are a valid `sigaction` that means the default.
        let default: libc::sigaction = unsafe { std::mem::zeroed() };
        let mut before = default;
        // SAFETY: both structures are valid.
        unsafe { libc::sigaction(libc::SIGCHLD, &raw const default, &raw mut before) };
        Self { before }
    }
}

impl Drop for Reapable {
    fn drop(&mut self) {
        // SAFETY: the structure is what the kernel gave.
        unsafe { libc::sigaction(libc::SIGCHLD, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By `_exit` with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

impl From<WaitStatus> for Ended {
    fn from(status: WaitStatus) -> Self {
        match status.terminating_signal() {
            Some(signal) => Self::Signalled(signal),
            None => Self::Exited(status.exit_status().unwrap_or(0)),
        }
    }
}

/// Sends SIGKILL to a process that is not reaped yet, so that the number is still its own.
pub(crate) fn kill(pid: libc::pid_t) {
    // It may have ended already; it is a zombie then.
    let _ = Pid::from_raw(pid).map(|pid| rustix::process::kill_process(pid, Signal::KILL));
}

/// How the child ended, if it has.
fn reap(pid: libc::pid_t, options: WaitOptions) -> Result<Option<Ended>, i32> {
    let reaped = retry_on_intr(|| rustix::process::waitpid(Pid::from_raw(pid), options));
    reaped
        .map(|found| found.map(|(_, status)| status.into()))
        .map_err(Errno::raw_os_error)
}

/// Waits for a child without a deadline.
pub(crate) fn wait(pid: libc::pid_t) -> Result<Ended, i32> {
    loop {
        if let Some(ended) = reap(pid, WaitOptions::empty())? {
            return Ok(ended);
        }
    }
}

/// Waits for a child at most `deadline_ms`, then kills it; it is reaped in any case. `None`: it had
/// to be killed.
pub(crate) fn wait_or_kill(pid: libc::pid_t, deadline_ms: u64) -> Result<Option<Ended>, i32> {
    let start = Instant::now();
    let mut pause_us = 50;
    loop {
        if let Some(ended) = reap(pid, WaitOptions::NOHANG)? {
            return Ok(Some(ended));
        }
        if start.elapsed() > Duration::from_millis(deadline_ms) {
            kill(pid);
            return wait(pid).map(|_| None);
        }
        nap(pause_us);
        pause_us = (pause_us * 2).min(1000);
    }
}

/// Sleeps so many microseconds, fewer where a signal comes.
pub(crate) fn nap(micros: i64) {
    let _ = rustix::thread::nanosleep(&Timespec {
        tv_sec: 0,
        tv_nsec: micros * 1000,
    });
}

//! Thin wrappers of system calls that `libc` has no safe form of. Everything here is
//! async-signal-safe unless it says otherwise, so that it may run between a raw fork and `_exit`.

use std::ffi::CStr;
use std::io;

use crate::error::RawErrno;

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

/// Writes a whole short text to a file of `/proc`, in one call as those files demand.
pub(crate) fn write_file(path: &CStr, text: &[u8]) -> Result<(), i32> {
    // SAFETY: the path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return Err(errno());
    }
    // SAFETY: the buffer is valid for its length.
    let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    let result = if written < 0 { Err(errno()) } else { Ok(()) };
    // SAFETY: the descriptor is ours.
    unsafe { libc::close(fd) };
    result
}

/// A pipe whose ends close on exec.
pub(crate) fn pipe() -> io::Result<[libc::c_int; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(ends)
}

/// Closes a descriptor that the caller owns.
pub(crate) fn close(fd: libc::c_int) {
    // SAFETY: closing a number that is not open is harmless here; the callers own what they pass.
    unsafe { libc::close(fd) };
}

/// Reads until the buffer is full or the other side is closed; gives the number of bytes.
pub(crate) fn read_full(fd: libc::c_int, buffer: &mut [u8]) -> Result<usize, i32> {
    let mut filled = 0;
    while filled < buffer.len() {
        let rest = &mut buffer[filled..];
        // SAFETY: the slice is valid and writable for its length.
        let got = unsafe { libc::read(fd, rest.as_mut_ptr().cast(), rest.len()) };
        match usize::try_from(got) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(errno()),
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

impl Ended {
    fn from_status(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signalled(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }
}

/// Waits for a child without a deadline.
pub(crate) fn wait(pid: libc::pid_t) -> Result<Ended, i32> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid; the usage pointer may be null.
        let got = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        if got == pid {
            return Ok(Ended::from_status(status));
        }
        if errno() != libc::EINTR {
            return Err(errno());
        }
    }
}

/// Waits for a child at most `deadline_ms`, then kills it; it is reaped in any case. `None`: it had
/// to be killed.
pub(crate) fn wait_or_kill(pid: libc::pid_t, deadline_ms: u64) -> Result<Option<Ended>, i32> {
    let start = monotonic_us();
    let mut status = 0;
    let mut pause_us = 50;
    loop {
        // SAFETY: `status` is valid.
        let got = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
        if got == pid {
            return Ok(Some(Ended::from_status(status)));
        }
        if got == -1 && errno() != libc::EINTR {
            return Err(errno());
        }
        if monotonic_us().saturating_sub(start) > deadline_ms.saturating_mul(1000) {
            // SAFETY: the child is not reaped yet, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return wait(pid).map(|_| None);
        }
        let pause = libc::timespec {
            tv_sec: 0,
            tv_nsec: pause_us * 1000,
        };
        // SAFETY: the request is valid; the remainder may be null.
        unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
        pause_us = (pause_us * 2).min(1000);
    }
}

/// Microseconds of the monotonic clock.
pub(crate) fn monotonic_us() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is valid and writable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000
        + u64::try_from(now.tv_nsec).unwrap_or(0) / 1000
}

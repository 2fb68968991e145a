//! Whether the waits of a rollout can be read here: asked of a process that waits, behind the whole fence.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::error::SandboxError;
use crate::fence::{fence_child, fence_zygote};
use crate::limits::ChildLimits;
use crate::namespaces::{Forked, clone_zygote, fork_child};
use crate::policy::ZygotePolicy;
use crate::seccomp::ChildFilter;
use crate::sys::{self, Pipe};
use crate::waiting::{Reading, WaitCount, child_of, number_in_proc};

/// How long a fenced process may take to appear and to wait once.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long the processes may take to end.
const END_MS: u64 = 5000;
/// How often the child sleeps at most: it waits a little for its CPU each time.
const NAPS: u32 = 5000;

/// Reads the waits of a child in a zygote, as the supervisor does. The calling process must be single-threaded.
///
/// # Errors
/// No pipe can be had. What cannot be read is the finding.
pub(crate) fn count_waits(policy: ZygotePolicy) -> Result<WaitCount, SandboxError> {
    let filter = ChildFilter::compile()?;
    let (number, end) = (Pipe::new()?, Pipe::new()?);
    // SAFETY: the caller is single-threaded, and the child never returns from this block.
    let pid = match unsafe { clone_zygote(&policy) } {
        Ok(Forked::Child) => {
            drop(end.writer);
            attend(policy, &filter, number.writer, &end.reader);
            sys::exit_now(0)
        }
        Ok(Forked::Parent { pid }) => pid,
        Err(error) => return Ok(uncounted(error)),
    };
    drop((number.writer, end.reader));
    let mut word = [0; 4];
    let told = sys::read_full(&number.reader, &mut word) == Ok(4);
    let found = if told {
        watch(u32::from_ne_bytes(word))
    } else {
        uncounted("the fence does not stand")
    };
    drop(end.writer);
    sys::wait_or_kill(pid, END_MS).map_err(|errno| SandboxError::Process {
        step: "wait for a probe",
        source: io::Error::from_raw_os_error(errno),
    })?;
    Ok(found)
}

fn uncounted(reason: impl std::fmt::Display) -> WaitCount {
    WaitCount::Uncounted {
        reason: reason.to_string(),
    }
}

/// The zygote's half: tells its number, forks the child that waits, and ends it when `end` is closed.
fn attend(policy: ZygotePolicy, filter: &ChildFilter, number: OwnedFd, end: &OwnedFd) {
    let own = number_in_proc().unwrap_or(u32::MAX);
    if fence_zygote(&policy).is_err() {
        return;
    }
    // SAFETY: this process is single-threaded, and the child never returns from this block.
    match unsafe { fork_child() } {
        Ok(Forked::Child) => {
            let limits = ChildLimits::new(5, libc::RLIM_INFINITY, 8 << 20);
            if fence_child(filter, &limits).is_ok() {
                (0..NAPS).for_each(|_| sys::nap(1000));
            }
            sys::exit_now(0)
        }
        Ok(Forked::Parent { pid }) => {
            let _ = rustix::io::write(&number, &own.to_ne_bytes());
            drop(number);
            let _ = sys::read_full(end, &mut [0]);
            sys::kill(pid);
            let _ = sys::wait(pid);
        }
        Err(_) => {}
    }
}

/// Looks at the zygote's child until it has waited.
fn watch(zygote: u32) -> WaitCount {
    let start = Instant::now();
    loop {
        let child = match child_of(zygote) {
            Ok(child) => child,
            Err(error) => return uncounted(format!("no list of children in /proc: {error}")),
        };
        let reading = child.and_then(Reading::of);
        if reading.is_some_and(|reading| !reading.waited.is_zero()) {
            return WaitCount::Counted;
        }
        let is_silent = reading.is_none_or(|reading| reading.turns == 0);
        if start.elapsed() > DEADLINE / if is_silent { 10 } else { 1 } {
            return uncounted(match reading {
                None => "no /proc/PID/schedstat",
                Some(_) => "/proc/PID/schedstat shows no wait",
            });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

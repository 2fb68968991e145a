//! The rlimits of one child: the kernel's backstop below the supervisor's own clock. Applies
//! nothing to a zygote.

use crate::arena::MAX_ARENA_BYTES;
use crate::error::{RawErrno, SandboxError};

/// Limits of a child, soft and hard alike. Every field is a number the kernel takes as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// `RLIMIT_CPU`, whole seconds; SIGKILL follows at once, since soft and hard are equal.
    pub cpu_seconds: u64,
    /// `RLIMIT_AS`: the whole address space, so the zygote's own size is included. Below that size
    /// every `mmap` fails.
    pub address_space_bytes: u64,
    /// `RLIMIT_STACK`.
    pub stack_bytes: u64,
    /// `RLIMIT_FSIZE`; pipes and sockets are not files.
    pub file_size_bytes: u64,
    /// `RLIMIT_NOFILE`; 0 is a barrier against `open` that does not depend on seccomp. `poll` with
    /// descriptors fails too.
    pub open_files: u64,
    /// `RLIMIT_CORE`.
    pub core_bytes: u64,
    /// `RLIMIT_NPROC`; does not bind root, so the filter must stop forks by itself.
    pub processes: u64,
    /// `RLIMIT_MEMLOCK`.
    pub locked_bytes: u64,
    /// `RLIMIT_MSGQUEUE`.
    pub queue_bytes: u64,
    /// `RLIMIT_SIGPENDING`.
    pub pending_signals: u64,
}

impl ChildLimits {
    /// Limits with everything closed that a pure computation does not need.
    #[must_use]
    pub const fn new(cpu_seconds: u64, address_space_bytes: u64, stack_bytes: u64) -> Self {
        Self {
            cpu_seconds,
            address_space_bytes,
            stack_bytes,
            file_size_bytes: 0,
            open_files: 0,
            core_bytes: 0,
            processes: 0,
            locked_bytes: 0,
            queue_bytes: 0,
            pending_signals: 64,
        }
    }
}

/// Applies the limits to the calling process. Async-signal-safe, allocates nothing.
///
/// # Errors
/// The first limit that the kernel refuses; those before it stay in force.
pub fn apply_child_limits(limits: &ChildLimits) -> Result<(), RawErrno> {
    set(libc::RLIMIT_CORE, limits.core_bytes, "set RLIMIT_CORE")?;
    set(
        libc::RLIMIT_FSIZE,
        limits.file_size_bytes,
        "set RLIMIT_FSIZE",
    )?;
    set(libc::RLIMIT_NPROC, limits.processes, "set RLIMIT_NPROC")?;
    set(
        libc::RLIMIT_MEMLOCK,
        limits.locked_bytes,
        "set RLIMIT_MEMLOCK",
    )?;
    set(
        libc::RLIMIT_MSGQUEUE,
        limits.queue_bytes,
        "set RLIMIT_MSGQUEUE",
    )?;
    set(
        libc::RLIMIT_SIGPENDING,
        limits.pending_signals,
        "set RLIMIT_SIGPENDING",
    )?;
    set(libc::RLIMIT_STACK, limits.stack_bytes, "set RLIMIT_STACK")?;
    set(libc::RLIMIT_NOFILE, limits.open_files, "set RLIMIT_NOFILE")?;
    set(libc::RLIMIT_AS, limits.address_space_bytes, "set RLIMIT_AS")?;
    set(libc::RLIMIT_CPU, limits.cpu_seconds, "set RLIMIT_CPU")
}

/// Lowers one limit; a hard limit that is lower already stays, since only a privileged process may
/// raise it.
fn set(
    resource: libc::__rlimit_resource_t,
    wanted: u64,
    step: &'static str,
) -> Result<(), RawErrno> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is valid and writable.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } == -1 {
        return Err(RawErrno::last(step));
    }
    let value = wanted.min(limit.rlim_max);
    limit = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    // SAFETY: the structure is valid.
    if unsafe { libc::setrlimit(resource, &raw const limit) } == -1 {
        return Err(RawErrno::last(step));
    }
    Ok(())
}

/// Address space of an interpreter with its libraries, and of setup code.
const INTERPRETER_BYTES: u64 = 512 << 20;
/// What a small rollout's arena holds.
const LEAST_ARENA_BYTES: u64 = 64 << 20;

/// Refuses limits of this process under which no rollout could run: zygotes inherit them and cannot raise them.
///
/// # Errors
/// [`SandboxError::HostLimit`] for the first that is too low.
pub fn check_host_limits(memory_bytes: u64) -> Result<(), SandboxError> {
    let address_space = memory_bytes
        .saturating_add(MAX_ARENA_BYTES as u64)
        .saturating_add(INTERPRETER_BYTES);
    for (resource, what, flag, need, or) in [
        (
            libc::RLIMIT_AS,
            "address space",
            "-v",
            address_space,
            ", or lower `memory_bytes`",
        ),
        (libc::RLIMIT_FSIZE, "a file", "-f", LEAST_ARENA_BYTES, ""),
    ] {
        let mut limit = libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: writes into a live local; a refusal leaves it unlimited.
        unsafe { libc::getrlimit(resource, &raw mut limit) };
        let have = limit.rlim_cur;
        if have != libc::RLIM_INFINITY && have < need {
            return Err(SandboxError::HostLimit {
                what,
                flag,
                have,
                need,
                or,
            });
        }
    }
    Ok(())
}

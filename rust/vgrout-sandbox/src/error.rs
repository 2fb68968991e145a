//! What can go wrong while a fence is built. A rollout's misbehaviour is never an error here.

use std::io;
use std::path::PathBuf;

use crate::layers::{Layer, NamespacePlan};
use crate::messages::Reply;

/// A refusal in code that runs after a raw fork, where nothing may be allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{step}: errno {errno}")]
pub struct RawErrno {
    /// What was attempted, for the message.
    pub step: &'static str,
    /// The kernel's answer.
    pub errno: i32,
}

impl RawErrno {
    /// The refusal that the last system call of this thread left in `errno`.
    #[must_use]
    pub fn last(step: &'static str) -> Self {
        Self {
            step,
            errno: io::Error::last_os_error().raw_os_error().unwrap_or(0),
        }
    }

    /// The same as an I/O error, for a chain of causes.
    #[must_use]
    pub fn to_io(self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

/// Why the fence could not be built or judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A process of the machinery could not be made, or a call of its own failed.
    #[error("cannot {step}: {source}")]
    Process {
        /// The step that failed.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The zygote could not be put into its own namespaces.
    #[error("cannot clone a process into new namespaces ({plan}): {source}")]
    CloneNamespaces {
        /// Which kind of namespaces was wanted.
        plan: NamespacePlan,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A user namespace exists but its ids could not be mapped.
    #[error("cannot write {path}: {source}")]
    MapIds {
        /// The file of the mapping.
        path: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The private root could not be put in place.
    #[error("cannot seal the mounts ({step}): {source}")]
    SealMounts {
        /// The step that failed.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The zygote could not take an unused uid and gid.
    #[error("cannot become uid {uid} ({step}): {source}")]
    DropUid {
        /// The uid wanted.
        uid: u32,
        /// The step that failed.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A capability could not be given up.
    #[error("cannot drop the capabilities ({step}): {source}")]
    DropCapabilities {
        /// The step that failed.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// `prctl` refused a setting that the fence needs.
    #[error("cannot set {setting}: {source}")]
    Prctl {
        /// The setting.
        setting: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Landlock was promised by the probe and is not there.
    #[error("cannot restrict the process with Landlock: {reason}")]
    Landlock {
        /// What the ruleset said.
        reason: String,
    },
    /// A seccomp filter could not be compiled.
    #[error("cannot compile the {filter} seccomp filter: {reason}")]
    CompileFilter {
        /// Which filter.
        filter: &'static str,
        /// The compiler's words.
        reason: String,
    },
    /// The kernel refused a seccomp filter.
    #[error("cannot load the {filter} seccomp filter ({instructions} instructions): {source}")]
    LoadFilter {
        /// Which filter.
        filter: &'static str,
        /// Its length.
        instructions: usize,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A setting did not read back from the kernel as it was written.
    #[error("the fence does not hold: {fact} is {found}, expected {expected}")]
    NotEnforced {
        /// What was read.
        fact: &'static str,
        /// The value found.
        found: i64,
        /// The value that the fence needs.
        expected: i64,
    },
    /// The fence is lower than the caller demands.
    #[error("the fence reaches level {reached}, below the demanded {wanted}: {why}")]
    LevelTooLow {
        /// The lowest level the caller accepts.
        wanted: Layer,
        /// The level reached, `none` where not even the base stands.
        reached: String,
        /// The first layer that is missing, and why.
        why: String,
    },
    /// The base layer was to be left out.
    #[error("layer base cannot be disabled: nothing untrusted runs without it")]
    BaseDisabled,
    /// A layer's name is unknown.
    #[error("unknown layer {name:?}, expected base, landlock, namespaces or cgroup")]
    UnknownLayer {
        /// The name given.
        name: String,
    },
    /// An encoded report could not be read.
    #[error("cannot decode a fence report, line {line}: {reason}")]
    DecodeReport {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A control group could not be made, filled or removed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Cgroup {
        /// What was attempted.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },

    /// A message between host, broker and zygote could not be sent or received.
    #[error("sandbox messages: {0}")]
    Wire(#[source] io::Error),

    /// A limit of the host's own process is below what a rollout needs.
    #[error(
        "this process may have at most {have} bytes of {what} (`ulimit {flag}`), rollouts need {need}\n\
         hint: start it under `ulimit {flag} unlimited`{or}"
    )]
    HostLimit {
        /// Of what.
        what: &'static str,
        /// The shell's name for it.
        flag: &'static str,
        /// The limit.
        have: u64,
        /// What it must be at least.
        need: u64,
        /// Another way out.
        or: &'static str,
    },

    /// The broker did not start.
    #[error("cannot start the sandbox broker with {}: {detail}", program.display())]
    StartBroker {
        /// The interpreter.
        program: std::path::PathBuf,
        /// What it said.
        detail: String,
    },

    /// A zygote could not put its fence on.
    #[error("a sandbox zygote could not fence itself: {detail}")]
    FenceZygote {
        /// The zygote's own words.
        detail: String,
    },

    /// A child ended before its fence was on.
    #[error("a rollout's fence did not go on (wait status {wait_status})")]
    FenceChild {
        /// The undecoded wait status.
        wait_status: i32,
    },

    /// A zygote answered something else than it was asked.
    #[error("unexpected message {reply:?} from a sandbox zygote")]
    UnexpectedMessage {
        /// What it said.
        reply: Reply,
    },

    /// The machine gave a rollout next to no CPU time.
    #[error("a rollout was kept from a CPU for most of {seconds:.0} s\nhint: fewer `workers`")]
    Starved {
        /// How long the host waited.
        seconds: f64,
    },

    /// SIGKILL that neither the host nor a limit sent.
    #[error(
        "a rollout's process was killed from outside: by a person, or by the kernel for want of memory"
    )]
    KilledFromOutside,

    /// A zygote, or the broker with it, is gone.
    #[error("a sandbox zygote is gone")]
    ZygoteGone,

    /// A zygote ended while it ran setup code.
    #[error("the process that ran the setup code ended: the code ends it, or somebody killed it")]
    SetupEnded,

    /// A zygote does not answer.
    #[error("a sandbox zygote did not answer within {seconds:.1} s")]
    ZygoteSilent {
        /// How long the host waited.
        seconds: f64,
    },

    /// The caller no longer wants the answer.
    #[error("cancelled by the caller")]
    Cancelled,
}

impl SandboxError {
    /// The errno behind the error; `EIO` where no system call failed.
    #[must_use]
    pub fn errno(&self) -> i32 {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(errno) = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::raw_os_error)
            {
                return errno;
            }
            cause = error.source();
        }
        libc::EIO
    }
}

/// The error of a step that the kernel refused.
pub fn at<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> SandboxError {
    move |source| SandboxError::Process {
        step,
        source: source.into(),
    }
}

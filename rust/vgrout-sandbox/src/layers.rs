//! Names for the parts of a fence.

use std::fmt;

/// The layers of the fence, from the ground up. A layer counts only where all below it are
/// enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Layer {
    /// seccomp, no new privileges, no capabilities, rlimits, an unused uid for root.
    Base = 0,
    /// A Landlock domain that allows no path, no TCP and no signal outward.
    Landlock = 1,
    /// Own pid, mount, network, IPC and UTS namespaces with an empty read-only root.
    Namespaces = 2,
    /// An own control group with bounded memory and process count.
    Cgroup = 3,
}

impl Layer {
    /// All layers, lowest first.
    pub const ALL: [Self; 4] = [Self::Base, Self::Landlock, Self::Namespaces, Self::Cgroup];

    /// The name used in options and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Landlock => "landlock",
            Self::Namespaces => "namespaces",
            Self::Cgroup => "cgroup",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a zygote gets its namespaces on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum NamespacePlan {
    /// Not at all: a plain fork.
    #[default]
    None,
    /// By `CAP_SYS_ADMIN`, without a user namespace.
    Privileged,
    /// In a user namespace of its own.
    User,
}

impl fmt::Display for NamespacePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Privileged => "privileged",
            Self::User => "user",
        })
    }
}

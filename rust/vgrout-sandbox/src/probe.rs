//! Says which layers this machine enforces by attempting the attacks in throw-away processes.
//!
//! Every layer is judged alone, so that a strong one cannot hide a weak one, and then the whole
//! fence is built once and attacked again. No finding is assumed from a version number.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;

use rustix::thread::CapabilitySet;

use crate::attacks::{self, Attack, Target};
use crate::cgroup::{Cgroup, CgroupParent};
use crate::creds;
use crate::error::SandboxError;
use crate::fence::{fence_child, fence_zygote};
use crate::landlock::{self, LandlockStatus};
use crate::limits::ChildLimits;
use crate::namespaces::{Forked, clone_zygote, fork_child, seal_mounts};
use crate::policy::{FencePlan, Layer, LayerSet, MAX_SLOTS, NamespacePlan, ZygotePolicy};
use crate::report::{FenceReport, KernelFacts, LayerReport, LayerStatus, ProbeResult};
use crate::seccomp::ChildFilter;
use crate::sys::{self, Ended, Pipe};
use crate::trial::{Board, Canary, Listener, Outcome};
use crate::wait_probe::count_waits;

// Generous: nothing but an attack that hangs waits for them, and a busy machine must not look like a missing layer.
const ATTACK_DEADLINE_MS: u64 = 10_000;
const TRIAL_DEADLINE_MS: u64 = 120_000;

/// What the probe found.
#[derive(Debug, Clone)]
pub struct Probe {
    /// For people and for `min_level`.
    pub report: FenceReport,
    /// For building the fence.
    pub plan: FencePlan,
}

/// Probes every layer that is not disabled. The calling process must be single-threaded; it is left
/// as it was.
///
/// Takes some tens of milliseconds; each throw-away process has a deadline and is reaped.
///
/// # Errors
/// [`SandboxError::BaseDisabled`], or a machine on which not even a pipe or a mapping can be had.
/// What the kernel refuses is in the report.
pub fn probe(disabled: LayerSet) -> Result<Probe, SandboxError> {
    disabled.check_disabled()?;
    let _reapable = sys::Reapable::new();
    let prober = Prober {
        board: Board::new()?,
        canary: Canary::new()?,
        listener: Listener::new(),
    };
    let mut plan = FencePlan::default();
    let base = prober.base()?;
    let landlock = prober.optional(disabled, Layer::Landlock, |prober| {
        prober.landlock(&mut plan)
    });
    let namespaces = prober.optional(disabled, Layer::Namespaces, |prober| {
        prober.namespaces(&mut plan)
    });
    let cgroup = prober.optional(disabled, Layer::Cgroup, |prober| prober.cgroup(&mut plan));
    let mut report = FenceReport {
        layers: vec![base, landlock?, namespaces?, cgroup?],
        facts: None,
        waits: count_waits(plan.zygote(MAX_SLOTS - 1))?,
    };
    prober.whole(&plan, &mut report)?;
    Ok(Probe { report, plan })
}

struct Prober {
    board: Board,
    canary: Canary,
    listener: Option<Listener>,
}

/// What a trial's process does before the attacks.
enum Entry {
    /// The base alone, or with other layers.
    Fence(ZygotePolicy),
    Landlock,
    SealMounts,
    /// Wait until the parent has moved the process into a group.
    Wait(OwnedFd),
    /// No layer at all: shows that the attacks are real.
    #[cfg(test)]
    Nothing,
}

/// How a trial went.
enum Trial {
    /// The layer stands; these are the attacks' ends.
    Attacked(Vec<ProbeResult>),
    /// The layer could not be entered.
    Refused { reason: String, errno: i32 },
}

impl Prober {
    fn optional(
        &self,
        disabled: LayerSet,
        layer: Layer,
        judge: impl FnOnce(&Self) -> Result<(LayerStatus, Vec<ProbeResult>), SandboxError>,
    ) -> Result<LayerReport, SandboxError> {
        let (status, probes) = if disabled.contains(layer) {
            (LayerStatus::Disabled, Vec::new())
        } else {
            judge(self)?
        };
        Ok(LayerReport {
            layer,
            status,
            probes,
        })
    }

    fn base(&self) -> Result<LayerReport, SandboxError> {
        let policy = ZygotePolicy {
            slot: MAX_SLOTS - 1,
            ..ZygotePolicy::default()
        };
        let trial = self.trial(policy, &Entry::Fence(policy), attacks::BASE, |_| Ok(()))?;
        let (status, probes) = judge(trial, LayerStatus::Enforced);
        Ok(LayerReport {
            layer: Layer::Base,
            status,
            probes,
        })
    }

    fn landlock(
        &self,
        plan: &mut FencePlan,
    ) -> Result<(LayerStatus, Vec<ProbeResult>), SandboxError> {
        if let Err(errno) = landlock::kernel_abi() {
            let reason = match errno {
                libc::EOPNOTSUPP => "Landlock is switched off at boot",
                libc::ENOSYS => "the kernel has no Landlock",
                _ => "the kernel refuses Landlock",
            };
            return Ok((
                LayerStatus::Unavailable {
                    reason: reason.to_owned(),
                    errno,
                },
                Vec::new(),
            ));
        }
        let trial = self.trial(
            ZygotePolicy::default(),
            &Entry::Landlock,
            attacks::LANDLOCK,
            |_| Ok(()),
        )?;
        plan.landlock = matches!(trial, Trial::Attacked(_));
        let on = match self.board.note() {
            Some((reason, 0)) if plan.landlock => LayerStatus::Partial { reason },
            _ => LayerStatus::Enforced,
        };
        Ok(judge(trial, on))
    }

    fn namespaces(
        &self,
        plan: &mut FencePlan,
    ) -> Result<(LayerStatus, Vec<ProbeResult>), SandboxError> {
        let candidates: &[NamespacePlan] = if creds::has_capability(CapabilitySet::SYS_ADMIN) {
            &[NamespacePlan::Privileged, NamespacePlan::User]
        } else {
            &[NamespacePlan::User]
        };
        let mut refusals = Vec::new();
        let mut first_errno = libc::EPERM;
        for &namespaces in candidates {
            let policy = ZygotePolicy {
                namespaces,
                slot: MAX_SLOTS - 1,
                landlock: false,
            };
            match self.trial(policy, &Entry::SealMounts, attacks::NAMESPACES, |_| Ok(()))? {
                Trial::Refused { reason, errno } => {
                    if refusals.is_empty() {
                        first_errno = errno;
                    }
                    refusals.push(reason);
                }
                attacked @ Trial::Attacked(_) => {
                    plan.namespaces = namespaces;
                    return Ok(judge(attacked, LayerStatus::Enforced));
                }
            }
        }
        Ok((
            LayerStatus::Unavailable {
                reason: refusals.join("; "),
                errno: first_errno,
            },
            Vec::new(),
        ))
    }

    fn cgroup(
        &self,
        plan: &mut FencePlan,
    ) -> Result<(LayerStatus, Vec<ProbeResult>), SandboxError> {
        let unavailable =
            |reason, errno| Ok((LayerStatus::Unavailable { reason, errno }, Vec::new()));
        let parent = match CgroupParent::detect() {
            Ok(parent) => parent,
            Err(refusal) => return unavailable(refusal.reason, refusal.errno),
        };
        let group =
            match parent.create(&format!("vgrout-trial-{}", std::process::id()), 32 << 20, 2) {
                Ok(group) => group,
                Err(error) => return unavailable(error.to_string(), error.errno()),
            };
        let Pipe { reader, writer } = Pipe::new()?;
        let join = |pid| {
            let joined = group.add(pid);
            drop(writer);
            joined
        };
        let trial = self.trial(
            ZygotePolicy::default(),
            &Entry::Wait(reader),
            attacks::CGROUP,
            join,
        )?;
        if matches!(trial, Trial::Attacked(_)) {
            plan.cgroup = Some(parent);
        }
        Cgroup::remove(group)?;
        Ok(judge(trial, LayerStatus::Enforced))
    }

    /// Builds the whole fence once, attacks it, and reads the kernel's facts inside it.
    fn whole(&self, plan: &FencePlan, report: &mut FenceReport) -> Result<(), SandboxError> {
        if report.status(Layer::Base) != Some(&LayerStatus::Enforced) {
            return Ok(());
        }
        let policy = plan.zygote(MAX_SLOTS - 1);
        let trial = self.trial(policy, &Entry::Fence(policy), attacks::BASE, |_| Ok(()))?;
        let refused = match &trial {
            Trial::Attacked(probes) => probes
                .iter()
                .find(|probe| !probe.blocked)
                .map(|open| format!("under the whole fence: {}: {}", open.attack, open.detail)),
            Trial::Refused { reason, .. } => {
                Some(format!("the layers do not stand together: {reason}"))
            }
        };
        report.facts = self.board.facts();
        let refused = refused.or_else(|| match report.facts {
            Some(facts) => contradiction(&facts),
            None => Some("no facts could be read inside the fence".to_owned()),
        });
        if let Some(reason) = refused {
            report.layers[0].status = LayerStatus::Partial { reason };
        }
        Ok(())
    }

    /// Enters a layer in a process of its own and runs each attack in a child of that process.
    fn trial(
        &self,
        policy: ZygotePolicy,
        entry: &Entry,
        attacks: &[Attack],
        started: impl FnOnce(libc::pid_t) -> Result<(), SandboxError>,
    ) -> Result<Trial, SandboxError> {
        let filter = ChildFilter::compile()?;
        self.board.clear();
        let own = std::process::id();
        let text = |text: String| CString::new(text).unwrap_or_default();
        let memory_file = text(format!("/proc/{own}/mem"));
        let new_directory = text(format!("/vgrout-probe-{own}"));
        let target = Target {
            pid: own.cast_signed(),
            memory_file: &memory_file,
            new_directory: &new_directory,
            canary: self.canary.address(),
            listener: self.listener.as_ref().map(Listener::address),
            own_pids: policy.namespaces != NamespacePlan::None,
        };
        // SAFETY: the caller is single-threaded, and the child never returns from this block.
        match unsafe { clone_zygote(&policy) } {
            Ok(Forked::Child) => {
                // It may own the end of a pipe whose closing this process waits for.
                drop(started);
                self.canary.forget();
                let code = self.attack_all(entry, attacks, &target, &filter);
                sys::exit_now(code)
            }
            Ok(Forked::Parent { pid }) => {
                let joined = started(pid);
                if joined.is_err() {
                    sys::kill(pid);
                }
                let ended = sys::wait_or_kill(pid, TRIAL_DEADLINE_MS).map_err(|errno| {
                    SandboxError::Process {
                        step: "wait for a probe",
                        source: io::Error::from_raw_os_error(errno),
                    }
                })?;
                if let Err(error) = joined {
                    return Ok(Trial::Refused {
                        reason: error.to_string(),
                        errno: error.errno(),
                    });
                }
                Ok(self.finish(ended, attacks))
            }
            Err(error) => Ok(Trial::Refused {
                reason: error.to_string(),
                errno: error.errno(),
            }),
        }
    }

    /// The trial's own process: enters the layer and sends the attackers out. Gives its exit code.
    fn attack_all(
        &self,
        entry: &Entry,
        attacks: &[Attack],
        target: &Target<'_>,
        filter: &ChildFilter,
    ) -> i32 {
        let status = Board::open_status();
        let entered = match entry {
            Entry::Fence(policy) => fence_zygote(policy).map(|_| ()),
            Entry::Landlock => landlock::restrict_to_nothing().map(|found| {
                if let LandlockStatus::Partial { reason } = found {
                    self.board.write_note(&reason, 0);
                }
            }),
            Entry::SealMounts => seal_mounts(),
            #[cfg(test)]
            Entry::Nothing => Ok(()),
            Entry::Wait(fd) => {
                let _ = sys::read_full(fd, &mut [0]);
                Ok(())
            }
        };
        if let Err(error) = entered {
            self.board.write_note(&error.to_string(), error.errno());
            return 1;
        }
        let limits = ChildLimits::new(5, libc::RLIM_INFINITY, 8 << 20);
        let fenced = matches!(entry, Entry::Fence(_));
        for (index, attack) in attacks.iter().enumerate() {
            // SAFETY: this process is single-threaded, and the child never returns from this block.
            let ended = match unsafe { fork_child() } {
                Ok(Forked::Child) => {
                    let _ = sys::prctl(
                        libc::PR_SET_PDEATHSIG,
                        libc::SIGKILL.unsigned_abs().into(),
                        "follow the parent",
                    );
                    if fenced && fence_child(filter, &limits).is_err() {
                        sys::exit_now(2);
                    }
                    self.board.record(index, (attack.run)(target));
                    sys::exit_now(0)
                }
                Ok(Forked::Parent { pid }) => sys::wait_or_kill(pid, ATTACK_DEADLINE_MS),
                Err(refusal) => Err(refusal.errno),
            };
            self.board.record_end(index, ended);
        }
        // The facts are those of a child: the process itself takes the child's filter last.
        let capabilities = creds::effective_capabilities().map_or(u64::MAX, |set| set.bits());
        if fenced && fence_child(filter, &limits).is_ok() {
            self.board.write_facts(status.as_ref(), capabilities);
        }
        0
    }

    fn finish(&self, ended: Option<Ended>, attacks: &[Attack]) -> Trial {
        match ended {
            Some(Ended::Exited(0)) => {
                let result = |(index, attack): (usize, &Attack)| self.result(index, attack);
                Trial::Attacked(attacks.iter().enumerate().map(result).collect())
            }
            Some(Ended::Exited(_)) => {
                let (reason, errno) = self
                    .board
                    .note()
                    .unwrap_or(("it failed without a word".to_owned(), libc::EIO));
                Trial::Refused { reason, errno }
            }
            Some(Ended::Signalled(signal)) => Trial::Refused {
                reason: format!("the probe died of signal {signal}"),
                errno: libc::EIO,
            },
            None => Trial::Refused {
                reason: "the probe did not end in time".to_owned(),
                errno: libc::ETIMEDOUT,
            },
        }
    }

    fn result(&self, index: usize, attack: &Attack) -> ProbeResult {
        let (blocked, detail) = match self.board.outcome(index) {
            Outcome::Got(word) if attack.reads_memory && !self.canary.is(word) => {
                (true, "read something else".to_owned())
            }
            Outcome::Got(_) => (false, "it got through".to_owned()),
            Outcome::Refused(errno) => (attack.refusals.contains(&errno), errno_name(errno)),
            Outcome::Died(libc::SIGSYS) => (true, "SIGSYS".to_owned()),
            // A kernel without the 32-bit table faults on its gate.
            Outcome::Died(libc::SIGSEGV | libc::SIGILL) if attack.name.contains("32-bit") => {
                (true, "a fault".to_owned())
            }
            // What a control group does to memory beyond its bound.
            Outcome::Died(libc::SIGKILL) if attack.name.contains("memory beyond") => {
                (true, "SIGKILL".to_owned())
            }
            Outcome::Died(signal) => (false, format!("died of signal {signal}")),
            Outcome::Unfinished => (false, "it did not end in time".to_owned()),
            Outcome::NotRun(errno) => (
                false,
                format!("it could not be tried: {}", errno_name(errno)),
            ),
        };
        ProbeResult {
            attack: attack.name.to_owned(),
            blocked,
            detail,
        }
    }
}

/// Turns a trial into a status: `on` if every attack was blocked.
fn judge(trial: Trial, on: LayerStatus) -> (LayerStatus, Vec<ProbeResult>) {
    match trial {
        Trial::Refused { reason, errno } => {
            (LayerStatus::Unavailable { reason, errno }, Vec::new())
        }
        Trial::Attacked(probes) => {
            let open: Vec<&str> = probes
                .iter()
                .filter(|probe| !probe.blocked)
                .map(|probe| probe.attack.as_str())
                .collect();
            let status = match (on, open.is_empty()) {
                (LayerStatus::Enforced, false) => LayerStatus::Partial {
                    reason: format!("not blocked: {}", open.join(", ")),
                },
                (on, _) => on,
            };
            (status, probes)
        }
    }
}

/// What in the facts speaks against an enforced base.
fn contradiction(facts: &KernelFacts) -> Option<String> {
    let held = [
        (facts.uid != 0, "uid 0 is kept"),
        (facts.no_new_privs, "no_new_privs is not set"),
        (!facts.dumpable, "the process is dumpable"),
        (facts.seccomp_mode == 2, "seccomp does not filter"),
        (facts.cap_effective == 0, "capabilities are left"),
    ];
    held.into_iter()
        .find(|(holds, _)| !holds)
        .map(|(_, broken)| broken.to_owned())
}

fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::ESRCH => "ESRCH",
        libc::EAGAIN => "EAGAIN",
        libc::EACCES => "EACCES",
        libc::EINVAL => "EINVAL",
        libc::ENODEV => "ENODEV",
        libc::ENOSYS => "ENOSYS",
        libc::EROFS => "EROFS",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ECONNREFUSED => "ECONNREFUSED",
        other => return format!("errno {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;

//! The broker: a trusted, single-threaded interpreter that has imported the modules once and forks zygotes.
//!
//! It never sees a rollout, an expected value or a verdict; it lives in its own session and ends with the host.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, WaitOptions, getppid, setsid, waitpid};
use rustix::stdio::{dup2_stdin, stdin};

use crate::cgroup::Cgroup;
use crate::child::Zygote;
use crate::error::{SandboxError, at};
use crate::messages::{Order, Reply};
use crate::namespaces::{Forked, clone_zygote};
use crate::policy::{FencePlan, LayerSet, ZygotePolicy};
use crate::probe::{Probe, probe};
use crate::slots::HeldSlot;
use crate::sys;
use crate::wire;

/// Memory that a zygote's cgroup allows besides what one rollout may use.
const CGROUP_HEADROOM_BYTES: u64 = 256 << 20;

struct Live {
    pid: libc::pid_t,
    slot: HeldSlot,
    #[expect(dead_code, reason = "removed when the zygote is reaped")]
    cgroup: Option<Cgroup>,
}

impl Live {
    fn kill(&self) {
        // Reaped ones leave the table.
        sys::kill(self.pid);
    }
}

/// Serves spawn requests on standard input until the host is gone.
///
/// Returns only in a new zygote, already fenced; the broker itself ends inside with `None`.
///
/// # Errors
/// A kernel refusal at the start, or (in a zygote) while it fenced itself.
pub fn serve(disabled: LayerSet) -> Result<Option<Zygote>, SandboxError> {
    let control = detach_from_host()?;
    let host = getppid();
    let Probe { report, plan } = probe(disabled)?;
    wire::send(&control, &Reply::Report.words(), &report.encode(), &[])
        .map_err(SandboxError::Wire)?;
    let mut zygotes: HashMap<u64, Live> = HashMap::new();
    loop {
        reap(&mut zygotes);
        if getppid() != host {
            break;
        }
        if !wire::readable(&control, 200).map_err(SandboxError::Wire)? {
            continue;
        }
        let Some(message) = wire::recv(&control, 0).map_err(SandboxError::Wire)? else {
            break;
        };
        match Order::read(&message.words) {
            Some(Order::Spawn { id, memory_bytes }) => {
                let Some(slot) = free_slot(&zygotes, message.fds.first()) else {
                    continue;
                };
                let policy = plan.zygote(slot.slot());
                // SAFETY: the broker is single-threaded.
                match unsafe { clone_zygote(&policy) }? {
                    Forked::Parent { pid } => {
                        let cgroup = confine(&plan, id, memory_bytes, pid)?;
                        zygotes.insert(id, Live { pid, slot, cgroup });
                    }
                    Forked::Child => {
                        // The broker's, not the zygote's to give back; `enter` closes what they hold.
                        std::mem::forget((zygotes, slot));
                        drop(control);
                        return become_zygote(message.fds, policy, memory_bytes).map(Some);
                    }
                }
            }
            Some(Order::KillZygote { id }) => {
                zygotes.get(&id).inspect(|live| live.kill());
            }
            _ => {}
        }
    }
    zygotes.values().for_each(Live::kill);
    // Reaped here, so that no host ends up with zombies it never made; only then are the control groups empty.
    while waitpid(None, WaitOptions::empty()).is_ok() {}
    Ok(None)
}

/// Own session, not dumpable, the control socket moved off descriptor 0.
fn detach_from_host() -> Result<OwnedFd, SandboxError> {
    // Where the machine runs out of memory, a rollout goes before the host does. Nothing depends on it.
    let _ = sys::write_file(c"/proc/self/oom_score_adj", b"900");
    let _ = setsid();
    // A host that ignores SIGCHLD hands that down, and waits would find nothing.
    // SAFETY: the default, which runs no code.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    let _ = sys::prctl(libc::PR_SET_DUMPABLE, 0, "become non-dumpable");
    // A rollout that outlived its zygote is reaped here, whatever the host or its init do.
    let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, "become a reaper");
    // The socket that the host passed as standard input.
    let moved = fcntl_dupfd_cloexec(stdin(), 3).map_err(at("move the control socket"))?;
    let _ = sys::open(c"/dev/null", OFlags::RDONLY).and_then(dup2_stdin);
    Ok(moved)
}

fn become_zygote(
    fds: Vec<OwnedFd>,
    policy: ZygotePolicy,
    memory_bytes: u64,
) -> Result<Zygote, SandboxError> {
    let mut fds = fds.into_iter();
    let (Some(control), Some(stdout), Some(arena)) = (fds.next(), fds.next(), fds.next()) else {
        return Err(SandboxError::Wire(io::Error::from(
            io::ErrorKind::InvalidData,
        )));
    };
    let zygote = Zygote::enter(control, &stdout, &arena, &policy, memory_bytes);
    // `enter` closed every descriptor but the control socket; these must not close a reused number.
    std::mem::forget((stdout, arena));
    zygote
}

/// The zygote's own control group, where there can be one.
fn confine(
    plan: &FencePlan,
    id: u64,
    memory_bytes: u64,
    pid: libc::pid_t,
) -> Result<Option<Cgroup>, SandboxError> {
    let Some(parent) = &plan.cgroup else {
        return Ok(None);
    };
    let memory = memory_bytes.saturating_add(CGROUP_HEADROOM_BYTES);
    let group = parent.create(&format!("vgrout-{pid}-{id}"), memory, 8)?;
    group.add(pid)?;
    Ok(Some(group))
}

/// A uid slot of no live zygote; where all are taken, the host is told so on the socket meant for the zygote.
fn free_slot(zygotes: &HashMap<u64, Live>, control: Option<&OwnedFd>) -> Option<HeldSlot> {
    let is_own = |slot| zygotes.values().any(|live| live.slot.slot() == slot);
    let taken = HeldSlot::take(is_own);
    if let (Err(detail), Some(control)) = (&taken, control) {
        let words = Reply::Refused.words();
        // The host may be gone; there is nobody else to tell.
        drop(wire::send(control, &words, detail.as_bytes(), &[]));
    }
    taken.ok()
}

fn reap(zygotes: &mut HashMap<u64, Live>) {
    while let Ok(Some((pid, _))) = waitpid(None, WaitOptions::NOHANG) {
        zygotes.retain(|_, live| live.pid != Pid::as_raw(Some(pid)));
    }
}

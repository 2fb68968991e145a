//! Own namespaces for a zygote, by raw `clone`, and the empty read-only root inside them.
//!
//! All or nothing: a plan either gives pid, mount, network, IPC and UTS namespaces, or the clone is
//! refused. Which plan works here is the probe's finding; nothing in this module falls back.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, mount_remount, unmount,
};
use rustix::process::{chdir, getegid, geteuid, pivot_root};

use crate::creds;
use crate::error::{RawErrno, SandboxError};
use crate::policy::{FENCED_UID_BASE, FENCED_UID_BASE_SHORT, NamespacePlan, ZygotePolicy};
use crate::sys::{self, Pipe};

/// Which side of a fork the caller is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The process that called.
    Parent {
        /// The new process, as its parent sees it.
        pid: libc::pid_t,
    },
    /// The new process.
    Child,
}

const NAMESPACES: libc::c_int = libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// The code with which a zygote ends whose ids could not be mapped.
const EXIT_UNMAPPED: i32 = 113;

/// Directories of which one is there to mount the new root upon.
const MOUNT_POINTS: [&CStr; 4] = [c"/tmp", c"/proc", c"/dev", c"/sys"];

/// Forks with `clone(SIGCHLD)`: the only fork that a zygote's filter lets through.
/// Async-signal-safe.
///
/// # Errors
/// The kernel's refusal.
///
/// # Safety
/// No handler of `pthread_atfork` runs. The caller must be single-threaded, or the child must keep
/// to async-signal-safe functions until it ends.
pub unsafe fn fork_child() -> Result<Forked, RawErrno> {
    // SAFETY: without CLONE_VM the child has its own copy of this stack, so a null stack is right.
    unsafe { raw_clone(libc::SIGCHLD) }.map_err(|errno| RawErrno {
        step: "fork a child",
        errno,
    })
}

/// Forks a zygote into the policy's namespaces, where it is process 1.
///
/// In [`NamespacePlan::User`] the child comes back with its ids mapped: an ordinary uid maps
/// itself; a caller of uid 0 (which has `CAP_SETUID` but no `CAP_SYS_ADMIN`) maps the slot's unused
/// uid, and the call waits for that. The mounts are still the host's: [`crate::fence_zygote`] seals
/// them.
///
/// # Errors
/// [`SandboxError::CloneNamespaces`] or [`SandboxError::MapIds`]; no process is left behind.
///
/// # Safety
/// As for [`fork_child`].
pub unsafe fn clone_zygote(policy: &ZygotePolicy) -> Result<Forked, SandboxError> {
    let plan = policy.namespaces;
    let failed = |errno| SandboxError::CloneNamespaces {
        plan,
        source: io::Error::from_raw_os_error(errno),
    };
    match plan {
        NamespacePlan::None => {
            // SAFETY: as promised by the caller; no memory is shared with the child.
            unsafe { raw_clone(libc::SIGCHLD) }.map_err(failed)
        }
        NamespacePlan::Privileged => {
            // SAFETY: as above.
            unsafe { raw_clone(libc::SIGCHLD | NAMESPACES) }.map_err(failed)
        }
        // SAFETY: as above.
        NamespacePlan::User => unsafe { clone_into_user_namespace(policy.slot) },
    }
}

/// # Safety
/// `flags` must not share memory with the child; otherwise as for [`fork_child`].
unsafe fn raw_clone(flags: libc::c_int) -> Result<Forked, i32> {
    let flags = u64::from(flags.cast_unsigned());
    // SAFETY: the caller keeps CLONE_VM out; with a null stack and no tid pointers the order of the
    // later arguments, which differs by architecture, does not matter.
    match unsafe { sys::call(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) }? {
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent {
            pid: libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX),
        }),
    }
}

/// The pipes of one handshake: the child says that it runs and how its mapping went, the parent
/// that it has mapped.
struct Handshake {
    ready: Pipe,
    mapped: Pipe,
}

impl Handshake {
    fn new() -> Result<Self, SandboxError> {
        Ok(Self {
            ready: Pipe::new()?,
            mapped: Pipe::new()?,
        })
    }

    /// The child's half; it ends the process where it fails, so that the parent's answer is the
    /// only one.
    fn child(self, uid: u32, gid: u32, slot: u32) {
        let (ready, mapped) = (self.ready.writer, self.mapped.reader);
        drop((self.ready.reader, self.mapped.writer));
        let outcome = map_self(uid, gid, &ready, &mapped, slot);
        let answer = outcome.map_or_else(|errno| u8::try_from(errno).unwrap_or(u8::MAX), |()| 0);
        report_byte(&ready, answer);
        if outcome.is_err() {
            sys::exit_now(EXIT_UNMAPPED);
        }
    }

    fn parent(self, pid: libc::pid_t, uid: u32, slot: u32) -> Result<(), SandboxError> {
        let (ready, mapped) = (self.ready.reader, self.mapped.writer);
        drop((self.ready.writer, self.mapped.reader));
        let written = if uid == 0 {
            map_for_child(pid, slot, &ready)
        } else {
            Ok(())
        };
        report_byte(&mapped, u8::from(written.is_err()));
        let mut answer = [u8::MAX];
        let told = sys::read_full(&ready, &mut answer).unwrap_or(0);
        written?;
        match (told, answer[0]) {
            (1, 0) => Ok(()),
            (_, errno) => Err(SandboxError::MapIds {
                path: "/proc/self/uid_map".to_owned(),
                source: io::Error::from_raw_os_error(i32::from(errno)),
            }),
        }
    }
}

/// # Safety
/// As for [`fork_child`].
unsafe fn clone_into_user_namespace(slot: u32) -> Result<Forked, SandboxError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let handshake = Handshake::new()?;
    // SAFETY: as promised by the caller.
    match unsafe { raw_clone(libc::SIGCHLD | libc::CLONE_NEWUSER | NAMESPACES) } {
        Ok(Forked::Child) => {
            handshake.child(uid, gid, slot);
            Ok(Forked::Child)
        }
        Ok(Forked::Parent { pid }) => match handshake.parent(pid, uid, slot) {
            Ok(()) => Ok(Forked::Parent { pid }),
            Err(error) => {
                sys::kill(pid);
                let _ = sys::wait(pid);
                Err(error)
            }
        },
        Err(errno) => Err(SandboxError::CloneNamespaces {
            plan: NamespacePlan::User,
            source: io::Error::from_raw_os_error(errno),
        }),
    }
}

fn report_byte(fd: &OwnedFd, byte: u8) {
    // A reader that is gone is the other side's failure and is noticed there.
    let _ = rustix::io::write(fd, &[byte]);
}

/// The child's half: an ordinary uid maps itself, uid 0 waits for its parent and then takes the
/// mapped uid.
fn map_self(uid: u32, gid: u32, ready: &OwnedFd, mapped: &OwnedFd, slot: u32) -> Result<(), i32> {
    // The id files of a process that is not dumpable belong to the real root, who has no name in
    // here.
    sys::prctl(libc::PR_SET_DUMPABLE, 1, "become dumpable").map_err(|refusal| refusal.errno)?;
    if uid == 0 {
        report_byte(ready, 0);
        let mut answer = [1];
        if sys::read_full(mapped, &mut answer)? != 1 || answer[0] != 0 {
            return Err(libc::ECHILD);
        }
        let uid = FENCED_UID_BASE + slot;
        return creds::become_id(uid).map(|_| ()).map_err(|_| libc::EPERM);
    }
    sys::write_file(c"/proc/self/setgroups", b"deny")?;
    let mut line = MapLine::default();
    sys::write_file(
        c"/proc/self/uid_map",
        line.render(FENCED_UID_BASE + slot, uid),
    )?;
    sys::write_file(
        c"/proc/self/gid_map",
        line.render(FENCED_UID_BASE + slot, gid),
    )
}

/// The parent's half for uid 0: maps the slot's number to itself, or to the short range where the
/// container ends below.
fn map_for_child(pid: libc::pid_t, slot: u32, ready: &OwnedFd) -> Result<(), SandboxError> {
    let mut started = [0];
    if sys::read_full(ready, &mut started) != Ok(1) {
        return Err(SandboxError::Process {
            step: "start a zygote in a user namespace",
            source: io::Error::from_raw_os_error(libc::ECHILD),
        });
    }
    let inside = FENCED_UID_BASE + slot;
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{pid}/{file}");
        let c_path = CString::new(path.clone()).unwrap_or_default();
        let mut line = MapLine::default();
        let written =
            sys::write_file(&c_path, line.render(inside, inside)).or_else(|errno| match errno {
                libc::EPERM | libc::EINVAL => {
                    sys::write_file(&c_path, line.render(inside, FENCED_UID_BASE_SHORT + slot))
                }
                other => Err(other),
            });
        written.map_err(|errno| SandboxError::MapIds {
            path,
            source: io::Error::from_raw_os_error(errno),
        })?;
    }
    Ok(())
}

/// One line of an id map, rendered without allocation.
#[derive(Default)]
struct MapLine {
    bytes: [u8; 32],
    length: usize,
}

impl MapLine {
    fn render(&mut self, inside: u32, outside: u32) -> &[u8] {
        self.length = 0;
        self.number(inside);
        self.push(b' ');
        self.number(outside);
        self.push(b' ');
        self.number(1);
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn number(&mut self, value: u32) {
        let mut divisor = 1_000_000_000;
        let mut started = false;
        while divisor > 0 {
            let digit = u8::try_from(value / divisor % 10).unwrap_or(0);
            started |= digit != 0 || divisor == 1;
            if started {
                self.push(b'0' + digit);
            }
            divisor /= 10;
        }
    }
}

/// Replaces the root of the calling process's own mount namespace by an empty read-only tmpfs.
///
/// # Errors
/// [`SandboxError::SealMounts`] with the step; the namespace is then half built and the process
/// must end.
pub(crate) fn seal_mounts() -> Result<(), SandboxError> {
    let failed = |step| {
        move |errno: Errno| SandboxError::SealMounts {
            step,
            source: errno.into(),
        }
    };
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change(c"/", private).map_err(failed("make the mounts private"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let options = c"size=4096,nr_inodes=2,mode=555";
    let mut last = Ok(());
    let target = MOUNT_POINTS.into_iter().find(|target| {
        last = mount(c"tmpfs", *target, c"tmpfs", flags, options);
        last.is_ok()
    });
    last.map_err(failed("mount the new root"))?;
    let target = target.unwrap_or(c"/");
    // The process holds no reference into the old root that it still needs.
    chdir(target).map_err(failed("enter the new root"))?;
    pivot_root(c".", c".").map_err(failed("pivot the root"))?;
    unmount(c".", UnmountFlags::DETACH).map_err(failed("detach the old root"))?;
    chdir(c"/").map_err(failed("change to the new root"))?;
    mount_remount(c"/", flags | MountFlags::BIND | MountFlags::RDONLY, c"")
        .map_err(failed("make the root read-only"))
}

#[cfg(test)]
mod tests {
    use super::MapLine;

    #[test]
    fn an_id_map_line_is_rendered_as_the_kernel_reads_it() {
        let mut line = MapLine::default();
        assert_eq!(line.render(0, 1000), b"0 1000 1");
        assert_eq!(line.render(u32::MAX, u32::MAX), b"4294967295 4294967295 1");
    }
}

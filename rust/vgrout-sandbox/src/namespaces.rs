//! Own namespaces for a zygote, by raw `clone`, and the empty read-only root inside them.
//!
//! All or nothing: a plan either gives pid, mount, network, IPC and UTS namespaces, or the clone is
//! refused. Which plan works here is the probe's finding; nothing in this module falls back.

use std::ffi::{CStr, CString};
use std::io;

use crate::creds;
use crate::error::{RawErrno, SandboxError};
use crate::policy::{FENCED_UID_BASE, FENCED_UID_BASE_SHORT, NamespacePlan, ZygotePolicy};
use crate::sys;

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
    ready: [libc::c_int; 2],
    mapped: [libc::c_int; 2],
}

impl Handshake {
    fn new() -> Result<Self, SandboxError> {
        let pipe = || {
            sys::pipe().map_err(|source| SandboxError::Process {
                step: "make a pipe",
                source,
            })
        };
        let ready = pipe()?;
        match pipe() {
            Ok(mapped) => Ok(Self { ready, mapped }),
            Err(error) => {
                ready.into_iter().for_each(sys::close);
                Err(error)
            }
        }
    }

    fn close(self) {
        self.ready
            .into_iter()
            .chain(self.mapped)
            .for_each(sys::close);
    }

    /// The child's half; it ends the process where it fails, so that the parent's answer is the
    /// only one.
    fn child(self, uid: u32, gid: u32, slot: u32) {
        sys::close(self.ready[0]);
        sys::close(self.mapped[1]);
        let outcome = map_self(uid, gid, self.ready[1], self.mapped[0], slot);
        let answer = outcome.map_or_else(|errno| u8::try_from(errno).unwrap_or(u8::MAX), |()| 0);
        report_byte(self.ready[1], answer);
        sys::close(self.ready[1]);
        sys::close(self.mapped[0]);
        if outcome.is_err() {
            sys::exit_now(EXIT_UNMAPPED);
        }
    }

    fn parent(self, pid: libc::pid_t, uid: u32, slot: u32) -> Result<(), SandboxError> {
        sys::close(self.ready[1]);
        sys::close(self.mapped[0]);
        let written = if uid == 0 {
            map_for_child(pid, slot, self.ready[0])
        } else {
            Ok(())
        };
        report_byte(self.mapped[1], u8::from(written.is_err()));
        let mut answer = [u8::MAX];
        let told = sys::read_full(self.ready[0], &mut answer).unwrap_or(0);
        sys::close(self.ready[0]);
        sys::close(self.mapped[1]);
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
    // SAFETY: no preconditions.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
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
                // SAFETY: the child is ours and not reaped yet.
                unsafe { libc::kill(pid, libc::SIGKILL) };
                let _ = sys::wait(pid);
                Err(error)
            }
        },
        Err(errno) => {
            handshake.close();
            Err(SandboxError::CloneNamespaces {
                plan: NamespacePlan::User,
                source: io::Error::from_raw_os_error(errno),
            })
        }
    }
}

fn report_byte(fd: libc::c_int, byte: u8) {
    // SAFETY: one readable byte. A reader that is gone is the other side's failure and is noticed
    // there.
    unsafe { libc::write(fd, (&raw const byte).cast(), 1) };
}

/// The child's half: an ordinary uid maps itself, uid 0 waits for its parent and then takes the
/// mapped uid.
fn map_self(
    uid: u32,
    gid: u32,
    ready: libc::c_int,
    mapped: libc::c_int,
    slot: u32,
) -> Result<(), i32> {
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
fn map_for_child(pid: libc::pid_t, slot: u32, ready: libc::c_int) -> Result<(), SandboxError> {
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
    mount(
        None,
        c"/",
        None,
        libc::MS_REC | libc::MS_PRIVATE,
        None,
        "make the mounts private",
    )?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let mut last = Ok(());
    let target = MOUNT_POINTS.into_iter().find(|target| {
        last = mount(
            Some(c"tmpfs"),
            target,
            Some(c"tmpfs"),
            flags,
            Some(c"size=4096,nr_inodes=2,mode=555"),
            "mount the new root",
        );
        last.is_ok()
    });
    last?;
    let failed = |step| SandboxError::SealMounts {
        step,
        source: io::Error::last_os_error(),
    };
    let target = target.unwrap_or(c"/");
    // SAFETY: C strings throughout; the process holds no reference into the old root that it still
    // needs.
    unsafe {
        if libc::chdir(target.as_ptr()) == -1 {
            return Err(failed("enter the new root"));
        }
        if libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) == -1 {
            return Err(failed("pivot the root"));
        }
        if libc::umount2(c".".as_ptr(), libc::MNT_DETACH) == -1 {
            return Err(failed("detach the old root"));
        }
        if libc::chdir(c"/".as_ptr()) == -1 {
            return Err(failed("change to the new root"));
        }
    }
    mount(
        None,
        c"/",
        None,
        flags | libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY,
        None,
        "make the root read-only",
    )
}

fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    data: Option<&CStr>,
    step: &'static str,
) -> Result<(), SandboxError> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: every pointer is null or a C string that outlives the call.
    let done = unsafe {
        libc::mount(
            pointer(source),
            target.as_ptr(),
            pointer(kind),
            flags,
            pointer(data).cast(),
        )
    };
    if done == -1 {
        Err(SandboxError::SealMounts {
            step,
            source: io::Error::last_os_error(),
        })
    } else {
        Ok(())
    }
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

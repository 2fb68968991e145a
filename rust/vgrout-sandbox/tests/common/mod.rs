//! Runs a claim in a forked process, so that no filter is ever loaded into the test's own.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};

/// How a forked claim ended: its text, and its wait status.
pub(crate) struct Ended {
    pub text: String,
    pub status: i32,
}

impl Ended {
    pub(crate) fn signal(&self) -> Option<i32> {
        libc::WIFSIGNALED(self.status).then(|| libc::WTERMSIG(self.status))
    }

    /// The text of a process that ended by itself.
    pub(crate) fn expect_text(self) -> String {
        assert_eq!(
            self.signal(),
            None,
            "the process died; it had said: {}",
            self.text
        );
        self.text
    }
}

/// Forks by the C library (whose allocator survives it), runs `body` there, and waits.
pub(crate) fn in_fork(body: impl FnOnce() -> String) -> Ended {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    let piped = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(piped, 0);
    // SAFETY: the child has one thread, uses only what `fork` keeps sound, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body))
            .unwrap_or_else(|_| "the claim panicked".to_owned());
        // SAFETY: the text is valid for its length; the process ends at once.
        unsafe {
            libc::write(ends[1], text.as_ptr().cast(), text.len());
            libc::_exit(0);
        }
    }
    // SAFETY: both descriptors are ours.
    let (read, write) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    drop(write);
    let mut text = String::new();
    std::fs::File::from(read)
        .read_to_string(&mut text)
        .expect("the child's text");
    let mut status = 0;
    // SAFETY: the status is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    Ended { text, status }
}

/// Whether the tests run as root; some claims need it to become somebody else.
pub(crate) fn is_root() -> bool {
    // SAFETY: no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// Says so where a claim cannot be tried because it needs root to become somebody else.
pub(crate) fn needs_root() -> bool {
    if !is_root() {
        eprintln!("skipped: needs root");
    }
    is_root()
}

/// Becomes an ordinary uid for good.
pub(crate) fn become_ordinary() {
    let id = 12_345;
    // SAFETY: plain numbers and an empty list.
    unsafe {
        assert_eq!(libc::syscall(libc::SYS_setgroups, 0, 0), 0);
        assert_eq!(libc::syscall(libc::SYS_setresgid, id, id, id), 0);
        assert_eq!(libc::syscall(libc::SYS_setresuid, id, id, id), 0);
        // A process that changed its uid is not dumpable; a fresh login's is.
        assert_eq!(libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
    }
}

/// Gives up these effective and permitted capabilities, staying the same uid.
pub(crate) fn drop_capabilities(gone: u64) {
    let header = [0x2008_0522_u32, 0];
    let mut words = [0_u32; 6];
    // SAFETY: version 3 of the interface has a header of two words and a body of six.
    unsafe {
        assert_eq!(
            libc::syscall(libc::SYS_capget, header.as_ptr(), words.as_mut_ptr()),
            0
        );
        for (offset, shift) in [(0, 0), (3, 32)] {
            let mask = !u32::try_from((gone >> shift) & 0xffff_ffff).expect("32 bits");
            words[offset] &= mask;
            words[offset + 1] &= mask;
        }
        assert_eq!(
            libc::syscall(libc::SYS_capset, header.as_ptr(), words.as_ptr()),
            0
        );
    }
}

/// From now on every clone into new namespaces fails with `EUSERS`, as where a container forbids
/// them.
pub(crate) fn refuse_namespaces() {
    const CLONE_NEWUSER: u32 = 0x1000_0000;
    load_filter(&[
        statement(0x20, 0),
        jump(0x15, number(libc::SYS_clone), 0, 3),
        statement(0x20, 16),
        jump(0x45, CLONE_NEWUSER, 0, 1),
        statement(0x06, 0x0005_0000 | libc::EUSERS.unsigned_abs()),
        statement(0x06, 0x7fff_0000),
    ]);
}

/// From now on the kernel has no Landlock.
pub(crate) fn refuse_landlock() {
    load_filter(&[
        statement(0x20, 0),
        jump(0x15, number(libc::SYS_landlock_create_ruleset), 0, 1),
        statement(0x06, 0x0005_0000 | libc::ENOSYS.unsigned_abs()),
        statement(0x06, 0x7fff_0000),
    ]);
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).expect("a small number")
}

fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn load_filter(instructions: &[libc::sock_filter]) {
    let program = libc::sock_fprog {
        len: u16::try_from(instructions.len()).expect("short"),
        filter: instructions.as_ptr().cast_mut(),
    };
    // SAFETY: the program outlives the calls.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program), 0);
    }
}

//! Zygotes and children behind the real fence, each in a process of its own.

mod common;

use common::{become_ordinary, in_fork, is_root, needs_root, refuse_landlock};
use vgrout_sandbox::{
    ChildFilter, ChildLimits, FENCED_UID_BASE, Forked, NamespacePlan, SandboxError, ZygotePolicy,
    apply_child_limits, clone_zygote, fence_child, fence_zygote, fork_child,
    install_sigsys_reporter,
};

const BASE: ZygotePolicy = ZygotePolicy {
    namespaces: NamespacePlan::None,
    landlock: false,
    slot: 7,
};

fn limits() -> ChildLimits {
    ChildLimits::new(5, libc::RLIM_INFINITY, 8 << 20)
}

/// The errno of a raw call, 0 where it succeeded.
fn errno_of(number: libc::c_long, arguments: [u64; 4]) -> i32 {
    let [a, b, c, d] = arguments;
    // SAFETY: the tests pass numbers, null or the addresses of C string literals.
    let value = unsafe { libc::syscall(number, a, b, c, d) };
    if value == -1 {
        std::io::Error::last_os_error().raw_os_error().unwrap_or(-1)
    } else {
        0
    }
}

fn wait(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: the status is writable.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    status
}

/// A fenced zygote's child, run once: `body` gives its exit code.
fn child_status(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: one thread, and the child leaves by `_exit`.
    match unsafe { fork_child() } {
        Ok(Forked::Child) => {
            let code = body();
            // SAFETY: no preconditions.
            unsafe { libc::_exit(code) }
        }
        Ok(Forked::Parent { pid }) => wait(pid),
        Err(refusal) => panic!("{refusal}"),
    }
}

/// A page that a process shares with those it forks.
fn shared_word() -> *mut u32 {
    // SAFETY: a fresh mapping.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(page, libc::MAP_FAILED);
    page.cast()
}

#[test]
fn a_zygote_of_root_takes_the_uid_of_its_slot() {
    if !needs_root() {
        return;
    }
    let text = in_fork(|| {
        fence_zygote(&BASE).map_or_else(|e| e.to_string(), |f| format!("{} {}", f.uid, f.gid))
    });
    let id = FENCED_UID_BASE + 7;
    assert_eq!(text.expect_text(), format!("{id} {id}"));
}

#[test]
fn a_fenced_zygote_opens_executes_and_connects_nothing() {
    let text = in_fork(|| {
        if let Err(error) = fence_zygote(&BASE) {
            return error.to_string();
        }
        let path = c"/etc/passwd".as_ptr() as u64;
        let here = i64::from(libc::AT_FDCWD).cast_unsigned();
        let errnos = [
            errno_of(libc::SYS_openat, [here, path, 0, 0]),
            errno_of(libc::SYS_execve, [path, 0, 0, 0]),
            errno_of(libc::SYS_socket, [2, 1, 0, 0]),
            errno_of(libc::SYS_memfd_create, [path, 0, 0, 0]),
            errno_of(libc::SYS_setresuid, [0, 0, 0, 0]),
            errno_of(libc::SYS_prctl, [4, 1, 0, 0]),
        ];
        format!("{errnos:?}")
    });
    assert_eq!(text.expect_text(), "[1, 1, 1, 1, 1, 1]");
}

#[test]
fn a_zygote_kills_one_process_and_never_a_group() {
    let text = in_fork(|| {
        if let Err(error) = fence_zygote(&BASE) {
            return error.to_string();
        }
        // SAFETY: the child only waits for its end.
        let pid = match unsafe { fork_child() } {
            Ok(Forked::Parent { pid }) => pid,
            Ok(Forked::Child) => loop {
                std::thread::yield_now();
            },
            Err(refusal) => return refusal.to_string(),
        };
        let minus = |number: i64| number.cast_unsigned();
        let errnos = [
            errno_of(libc::SYS_kill, [minus(-1), 9, 0, 0]),
            errno_of(libc::SYS_kill, [0, 9, 0, 0]),
            errno_of(libc::SYS_kill, [1, 9, 0, 0]),
            errno_of(libc::SYS_kill, [minus(-i64::from(pid)), 9, 0, 0]),
            errno_of(libc::SYS_kill, [u64::from(pid.unsigned_abs()), 15, 0, 0]),
            errno_of(libc::SYS_kill, [u64::from(pid.unsigned_abs()), 9, 0, 0]),
        ];
        format!("{errnos:?} {}", libc::WTERMSIG(wait(pid)))
    });
    assert_eq!(text.expect_text(), "[1, 1, 1, 1, 1, 0] 9");
}

#[test]
fn a_zygote_forks_by_the_raw_call_only_and_many_times() {
    let text = in_fork(|| {
        let filter = ChildFilter::compile().expect("consistent tables");
        if let Err(error) = fence_zygote(&BASE) {
            return error.to_string();
        }
        let good = (0..200)
            .filter(|_| {
                child_status(|| fence_child(&filter, &limits()).map_or(1, |()| 42)) == 42 << 8
            })
            .count();
        format!(
            "{good} {}",
            errno_of(libc::SYS_clone, [0x0120_0011, 0, 0, 0])
        )
    });
    assert_eq!(text.expect_text(), "200 1");
}

#[test]
fn a_trapped_call_is_named_and_its_handler_cannot_be_replaced() {
    let text = in_fork(|| {
        let word = shared_word();
        let filter = ChildFilter::compile().expect("consistent tables");
        if let Err(error) = fence_zygote(&BASE) {
            return error.to_string();
        }
        // SAFETY: the page is mapped for good.
        unsafe { install_sigsys_reporter(word) }.expect("a handler");
        let status = child_status(|| {
            fence_child(&filter, &limits()).expect("the child's fence");
            // SAFETY: restoring the default action is always sound.
            let replaced = unsafe { libc::signal(libc::SIGSYS, libc::SIG_IGN) };
            assert_eq!(replaced, libc::SIG_ERR);
            errno_of(libc::SYS_ptrace, [16, 0, 0, 0]);
            0
        });
        // SAFETY: the page is mapped, and its writer has ended.
        let number = unsafe { word.read_volatile() };
        format!(
            "{} {}",
            libc::WTERMSIG(status),
            i64::from(number) - 1 - libc::SYS_ptrace
        )
    });
    assert_eq!(text.expect_text(), format!("{} 0", libc::SIGSYS));
}

#[test]
fn a_child_computes_reads_and_writes() {
    let text = in_fork(|| {
        let mut ends = [0; 2];
        // SAFETY: room for two descriptors.
        unsafe { libc::pipe(ends.as_mut_ptr()) };
        let filter = ChildFilter::compile().expect("consistent tables");
        if let Err(error) = fence_zygote(&BASE) {
            return error.to_string();
        }
        let status = child_status(|| {
            fence_child(&filter, &limits()).expect("the child's fence");
            let numbers: Vec<u64> = (0..1 << 20).collect();
            let sum: u64 = numbers.iter().sum();
            let now = std::time::Instant::now();
            std::thread::sleep(std::time::Duration::from_micros(1));
            let text = format!("{sum} {}", now.elapsed().as_nanos() > 0);
            // SAFETY: the text is valid for its length.
            unsafe { libc::write(ends[1], text.as_ptr().cast(), text.len()) };
            0
        });
        let mut buffer = [0_u8; 64];
        // SAFETY: the buffer is valid for its length.
        let length = unsafe { libc::read(ends[0], buffer.as_mut_ptr().cast(), buffer.len()) };
        let said =
            String::from_utf8_lossy(&buffer[..usize::try_from(length).unwrap_or(0)]).into_owned();
        format!("{status} {said}")
    });
    assert_eq!(
        text.expect_text(),
        format!("0 {} true", (0..1_u64 << 20).sum::<u64>())
    );
}

#[test]
fn the_limits_alone_stop_open_and_fork() {
    let text = in_fork(|| {
        if is_root() {
            become_ordinary();
        }
        if let Err(refusal) = apply_child_limits(&limits()) {
            return refusal.to_string();
        }
        let here = i64::from(libc::AT_FDCWD).cast_unsigned();
        let open = errno_of(libc::SYS_openat, [here, c"/".as_ptr() as u64, 0, 0]);
        // SAFETY: were it to succeed, the child would end at once.
        let fork = match unsafe { fork_child() } {
            Err(refusal) => refusal.errno,
            // SAFETY: no preconditions.
            Ok(Forked::Child) => unsafe { libc::_exit(0) },
            Ok(Forked::Parent { pid }) => wait(pid),
        };
        format!("{open} {fork}")
    });
    assert_eq!(
        text.expect_text(),
        format!("{} {}", libc::EMFILE, libc::EAGAIN)
    );
}

#[test]
fn the_address_space_limit_binds() {
    let text = in_fork(|| {
        let size = std::fs::read_to_string("/proc/self/statm").expect("statm");
        let pages: u64 = size
            .split(' ')
            .next()
            .and_then(|field| field.parse().ok())
            .expect("pages");
        let filter = ChildFilter::compile().expect("consistent tables");
        if let Err(error) = fence_zygote(&BASE) {
            return error.to_string();
        }
        let limits = ChildLimits::new(5, pages * 4096 + (32 << 20), 8 << 20);
        let status = child_status(|| {
            fence_child(&filter, &limits).expect("the child's fence");
            let small = errno_of(libc::SYS_mremap, [0, 0, 0, 0]);
            // SAFETY: fresh mappings.
            let map = |bytes| unsafe {
                libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ, 0x22, -1, 0)
                    != libc::MAP_FAILED
            };
            i32::from(map(16 << 20)) + 2 * i32::from(map(64 << 20)) + 4 * i32::from(small == 0)
        });
        format!("{}", libc::WEXITSTATUS(status))
    });
    assert_eq!(text.expect_text(), "1");
}

#[test]
fn a_landlock_that_was_promised_and_is_not_there_is_an_error() {
    let text = in_fork(|| {
        refuse_landlock();
        match fence_zygote(&ZygotePolicy {
            landlock: true,
            ..BASE
        }) {
            Err(error @ SandboxError::Landlock { .. }) => error.to_string(),
            other => format!("{other:?}"),
        }
    });
    assert_eq!(
        text.expect_text(),
        "cannot restrict the process with Landlock: the kernel has no Landlock"
    );
}

#[test]
fn the_hosts_root_is_never_sealed() {
    let text = in_fork(|| {
        match fence_zygote(&ZygotePolicy {
            namespaces: NamespacePlan::Privileged,
            ..BASE
        }) {
            Err(SandboxError::NotEnforced { fact, .. }) => fact.to_owned(),
            other => format!("{other:?}"),
        }
    });
    assert_eq!(text.expect_text(), "the process number in an own namespace");
}

#[test]
fn a_refused_clone_is_an_error_with_its_errno_and_leaves_nothing() {
    let text = in_fork(|| {
        if is_root() {
            common::refuse_namespaces();
            become_ordinary();
        } else {
            common::refuse_namespaces();
        }
        let policy = ZygotePolicy {
            namespaces: NamespacePlan::User,
            ..BASE
        };
        // SAFETY: one thread; no child is expected.
        let error = match unsafe { clone_zygote(&policy) } {
            Err(error) => error.errno(),
            Ok(_) => 0,
        };
        // SAFETY: no child is left, so the call returns at once.
        format!("{error} {}", unsafe {
            libc::waitpid(-1, std::ptr::null_mut(), 0)
        })
    });
    assert_eq!(text.expect_text(), format!("{} -1", libc::EUSERS));
}

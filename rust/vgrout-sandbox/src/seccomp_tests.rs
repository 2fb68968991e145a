//! The filters against every number there is, loaded into forked processes only.

use super::{ChildFilter, syscall_name, zygote_program};
use crate::sys::{self, Ended, call};
use crate::syscalls::{Allowed, CHILD, TRAPPED, ZYGOTE_ONLY};

/// Beyond the last number of any current kernel.
const NUMBERS: std::ops::Range<libc::c_long> = 0..700;

/// x86-64's `uretprobe` and `uprobe`, which the kernel itself exempts from seccomp; from elsewhere
/// than its own trampoline they end in SIGILL.
const UPROBES: std::ops::RangeInclusive<libc::c_long> = 335..=336;

/// Runs `body` in a forked process that has no new privileges; it gives 0 or the number of what
/// went wrong.
fn in_fork(body: impl FnOnce() -> i32) -> Ended {
    // SAFETY: the child has one thread and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let _ = sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, "no_new_privs");
        sys::exit_now(body());
    }
    sys::wait(pid).expect("the child can be waited for")
}

fn listed(table: &[Allowed], number: libc::c_long) -> bool {
    table.iter().any(|entry| entry.number == number)
}

fn trapped(number: libc::c_long) -> bool {
    TRAPPED.iter().any(|entry| entry.number == number)
}

fn exempt(number: libc::c_long) -> bool {
    cfg!(target_arch = "x86_64") && UPROBES.contains(&number)
}

/// The first number outside `allowed` that is not refused with `EPERM`, with an exit code to tell
/// it by.
fn first_leak(allowed: impl Fn(libc::c_long) -> bool) -> Option<libc::c_long> {
    NUMBERS
        .filter(|&number| !allowed(number) && !trapped(number) && !exempt(number))
        .find(|&number| {
            // SAFETY: the filter refuses the call before its arguments are looked at; zeros do no
            // harm otherwise.
            let answer = unsafe { call(number, [0; 6]) };
            let expected = if number == libc::SYS_clone3 {
                libc::ENOSYS
            } else {
                libc::EPERM
            };
            answer != Err(expected)
        })
}

#[test]
fn both_filters_compile_and_fit_the_kernel() {
    let child = ChildFilter::compile().expect("the child's tables are consistent");
    let zygote = zygote_program().expect("the zygote's tables are consistent");
    assert!(child.instructions() < 4096 && zygote.len() < 4096);
}

#[test]
fn the_child_filter_refuses_every_number_outside_its_table() {
    let filter = ChildFilter::compile().expect("consistent tables");
    let ended = in_fork(|| {
        if filter.load().is_err() {
            return 2;
        }
        // Trapped calls have no head of their own here, so they must be plain refusals as well.
        let trapped_leak = TRAPPED.iter().any(|entry| {
            // SAFETY: as in `first_leak`.
            let answer = unsafe { call(entry.number, [0; 6]) };
            answer != Err(libc::EPERM)
        });
        i32::from(trapped_leak || first_leak(|number| listed(CHILD, number)).is_some())
    });
    assert_eq!(ended, Ended::Exited(0));
}

#[test]
fn the_zygote_filter_refuses_every_number_outside_its_tables() {
    let program = zygote_program().expect("consistent tables");
    let ended = in_fork(|| {
        if program.load().is_err() {
            return 2;
        }
        i32::from(
            first_leak(|number| listed(CHILD, number) || listed(ZYGOTE_ONLY, number)).is_some(),
        )
    });
    assert_eq!(ended, Ended::Exited(0));
}

#[test]
fn every_trapped_call_ends_a_process_behind_both_filters() {
    let filter = ChildFilter::compile().expect("consistent tables");
    let program = zygote_program().expect("consistent tables");
    for entry in TRAPPED {
        let ended = in_fork(|| {
            if program.load().is_err() || filter.load().is_err() {
                return 2;
            }
            // SAFETY: the call is trapped before its arguments are looked at.
            let _ = unsafe { call(entry.number, [0; 6]) };
            1
        });
        assert_eq!(ended, Ended::Signalled(libc::SIGSYS), "{}", entry.name);
    }
}

#[test]
fn conditions_hold_on_arguments() {
    let filter = ChildFilter::compile().expect("consistent tables");
    let ended = in_fork(|| {
        if filter.load().is_err() {
            return 100;
        }
        let anonymous = 0x22;
        let refused: [(libc::c_long, [u64; 6]); 8] = [
            (libc::SYS_mmap, [0, 4096, 4, anonymous, u64::MAX, 0]),
            (
                libc::SYS_mmap,
                [0, 4096, 7 | 1 << 32, anonymous, u64::MAX, 0],
            ),
            (libc::SYS_mprotect, [0, 4096, 4, 0, 0, 0]),
            (libc::SYS_prlimit64, [1, 7, 0, 0, 0, 0]),
            (libc::SYS_prlimit64, [0, 7, 1 << 32, 0, 0, 0]),
            (libc::SYS_rt_sigaction, [31, 0, 0, 8, 0, 0]),
            (libc::SYS_prctl, [4, 1, 0, 0, 0, 0]),
            (libc::SYS_prctl, [15, 0, 0, 0, 0, 0]),
        ];
        for (index, (number, arguments)) in refused.into_iter().enumerate() {
            // SAFETY: numbers and null pointers only.
            if unsafe { call(number, arguments) } != Err(libc::EPERM) {
                return i32::try_from(index).unwrap_or(99) + 1;
            }
        }
        let allowed: [(libc::c_long, [u64; 6]); 4] = [
            (libc::SYS_mmap, [0, 4096, 3, anonymous, u64::MAX, 0]),
            (libc::SYS_prlimit64, [0, 7, 0, 0, 0, 0]),
            (libc::SYS_rt_sigaction, [10, 0, 0, 8, 0, 0]),
            (libc::SYS_prctl, [39, 0, 0, 0, 0, 0]),
        ];
        for (index, (number, arguments)) in allowed.into_iter().enumerate() {
            // SAFETY: a fresh mapping, and queries that write nowhere.
            if unsafe { call(number, arguments) }.is_err() {
                return i32::try_from(index).unwrap_or(99) + 50;
            }
        }
        0
    });
    assert_eq!(ended, Ended::Exited(0));
}

#[test]
fn trapped_calls_have_names() {
    assert_eq!(syscall_name(libc::SYS_ptrace), Some("ptrace"));
    assert_eq!(syscall_name(-7), None);
}

//! Controls: without a layer the same attacks get through, so a report of "blocked" means
//! something.

use super::{Entry, Prober, Trial};
use crate::attacks::{self, Attack};
use crate::policy::{NamespacePlan, ZygotePolicy};
use crate::sys::{self, Ended, Pipe};
use crate::trial::{Board, Canary, Listener};

/// Lets a forked process judge what its own prober finds.
fn in_a_fork(is_right: impl FnOnce(&Prober) -> bool) {
    // SAFETY: the child has one thread and leaves by `_exit`; the C library's `fork` keeps its
    // allocator sound.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let prober = Prober {
            board: Board::new().expect("memory"),
            canary: Canary::new().expect("a word"),
            listener: Listener::new(),
        };
        sys::exit_now(i32::from(!is_right(&prober)));
    }
    assert_eq!(sys::wait(pid), Ok(Ended::Exited(0)));
}

/// Runs the attacks behind `entry` in a forked process and checks which got through there.
fn open_attacks(
    entry: &Entry,
    policy: ZygotePolicy,
    attacks: &[Attack],
    check: impl FnOnce(&[String]) -> bool,
) {
    in_a_fork(|prober| {
        let trial = prober
            .trial(policy, entry, attacks, |_| Ok(()))
            .expect("a trial");
        let Trial::Attacked(results) = trial else {
            return false;
        };
        let open: Vec<String> = results
            .into_iter()
            .filter(|probe| !probe.blocked)
            .map(|probe| probe.attack)
            .collect();
        check(&open)
    });
}

fn has(open: &[String], name: &str) -> bool {
    open.iter().any(|attack| attack == name)
}

#[test]
fn without_landlock_its_attacks_get_through() {
    open_attacks(
        &Entry::Nothing,
        ZygotePolicy::default(),
        attacks::LANDLOCK,
        |open| {
            let always = has(open, "open a directory outside")
                && has(open, "connect by TCP")
                && has(open, "bind a TCP port")
                && has(open, "connect to an abstract socket")
                && has(open, "signal the parent");
            let root = rustix::process::geteuid().is_root();
            let memory = has(open, "read the parent's memory by /proc")
                && has(open, "read the parent's memory by process_vm_readv")
                && has(open, "trace the parent");
            // An ordinary uid may be kept from its parent's memory by Yama.
            always && (memory || !root)
        },
    );
}

#[test]
fn without_namespaces_the_host_is_visible() {
    open_attacks(
        &Entry::Nothing,
        ZygotePolicy::default(),
        attacks::NAMESPACES,
        |open| {
            has(open, "find a file in the root")
                && has(open, "signal the parent")
                && has(open, "see the parent's number")
                && has(open, "find a network interface that is up")
                && has(open, "connect to an abstract socket")
        },
    );
}

#[test]
fn without_a_filter_the_attacks_on_the_base_get_through() {
    open_attacks(
        &Entry::Nothing,
        ZygotePolicy::default(),
        attacks::BASE,
        |open| {
            [
                "open a directory outside",
                "look at a path",
                "fork",
                "start a thread",
                "execute a program",
                "open an internet socket",
                "open a unix socket",
                "duplicate a descriptor",
                "make a memory file",
                "map executable memory",
                "make memory executable",
                "become dumpable",
            ]
            .into_iter()
            .all(|name| has(open, name))
        },
    );
}

#[test]
fn landlock_does_not_hide_a_missing_filter() {
    if crate::landlock::kernel_abi().is_err() {
        return eprintln!("skipped: this kernel has no Landlock");
    }
    open_attacks(
        &Entry::Landlock,
        ZygotePolicy::default(),
        attacks::BASE,
        |open| {
            has(open, "fork")
                && has(open, "map executable memory")
                && has(open, "open a unix socket")
        },
    );
}

#[test]
fn an_attacker_that_hangs_is_killed_and_counted_as_open() {
    const HANG: &[Attack] = &[Attack {
        name: "hang",
        refusals: &[libc::EPERM],
        reads_memory: false,
        run: |_| loop {
            // SAFETY: no preconditions.
            unsafe { libc::pause() };
        },
    }];
    let policy = ZygotePolicy {
        namespaces: NamespacePlan::None,
        ..ZygotePolicy::default()
    };
    open_attacks(&Entry::Nothing, policy, HANG, |open| has(open, "hang"));
}

#[test]
fn a_trial_that_waits_to_be_confined_goes_on_afterwards() {
    in_a_fork(|prober| {
        let Pipe { reader, writer } = Pipe::new().expect("a pipe");
        let entry = Entry::Wait(reader);
        let confined = |_| {
            drop(writer);
            Ok(())
        };
        let trial = prober.trial(ZygotePolicy::default(), &entry, &[], confined);
        matches!(trial, Ok(Trial::Attacked(_)))
    });
}

//! Broker, zygotes and rollouts, without a grader: what the host learns, and what it can rely on.

#![cfg(target_os = "linux")]

mod rollouts;

use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rollouts::{
    LIMITS, MEMORY, NEVER, command, kill, payload, run, set_up, start, wait_until, zygotes,
};
use vgrout_sandbox::supervise::{Broker, BrokerCommand, RunLimits, Stop};
use vgrout_sandbox::{Layer, LayerSet, SandboxError, wire};

#[test]
fn a_rollout_reports_its_end_its_output_and_its_records() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let code = "import sys\nzygote.record(3, 7, 'abc')\nsys.stdout.write('out')\nsys.stdout.flush()\nzygote.exit(5)";
    let (report, output) = run(&mut link, code, &LIMITS).expect("a report");
    assert_eq!((report.wait_status, report.stop), (5 << 8, None));
    assert_eq!((output.as_slice(), report.output_bytes), (&b"out"[..], 3));
    let record = [&[3, 7, 0, 0, 0, 3, 0, 0, 0][..], b"abc"].concat();
    assert_eq!(report.records.bytes, record);
    assert!(report.cpu < Duration::from_secs(1) && report.wall < LIMITS.wall);
    assert!(report.peak_memory_bytes > 1 << 20);
}

#[test]
fn every_limit_stops_a_rollout_from_outside() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let short = Duration::from_millis(150);
    let cases = [
        (
            "while True: pass",
            RunLimits {
                cpu: short,
                ..LIMITS
            },
            Stop::Cpu,
        ),
        (
            "time.sleep(60)",
            RunLimits {
                wall: short,
                ..LIMITS
            },
            Stop::Wall,
        ),
        ("while True: print('x' * 1000)", LIMITS, Stop::Output),
    ];
    for (code, limits, stop) in cases {
        let (report, _) = run(&mut link, code, &limits).expect("a report");
        assert_eq!(report.stop, Some(stop), "{code}");
        assert_eq!(report.wait_status & 0x7f, libc::SIGKILL, "{code}");
    }
    let cancelled = AtomicBool::new(true);
    let looping = payload("while True: pass");
    let report = link.run(&[&looping], &LIMITS, None, &cancelled, &mut |_| {});
    assert_eq!(report.expect("a report").stop, Some(Stop::Cancelled));
    let (report, _) = run(&mut link, "pass", &LIMITS).expect("the zygote goes on");
    assert_eq!((report.wait_status, report.stop), (0, None));
}

#[test]
fn nothing_of_a_rollout_meets_the_next() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let code = "import sys\nsys.left = 1\nzygote.record(1, 1, 'mine')\nprint('unflushed')";
    assert!(run(&mut link, code, &LIMITS).is_ok());
    let code = "import sys\nzygote.record(1, 0, repr(hasattr(sys, 'left')))";
    let (report, output) = run(&mut link, code, &LIMITS).expect("a report");
    assert_eq!(&report.records.bytes[9..], b"False");
    assert_eq!(output, b"");
}

#[test]
fn records_beyond_their_room_end_the_rollout() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let code = "while True: zygote.record(1, 0, 'x' * 991)";
    let (report, _) = run(&mut link, code, &LIMITS).expect("a report");
    assert_eq!(report.records.bytes.len(), 65_000); // 65 whole records of 1000 bytes
    assert_ne!(report.wait_status, 0);
}

#[test]
fn a_payload_that_no_arena_holds_is_refused() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let limits = RunLimits {
        record_bytes: 600 << 20,
        ..LIMITS
    };
    let Err(refused) = run(&mut link, "pass", &limits) else {
        panic!("ran");
    };
    assert!(refused.to_string().contains("at most"), "{refused}");
}

#[test]
fn setup_errors_are_the_codes_own() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let printed = set_up(&mut link, "print('x' * (1 << 20))").expect("answered");
    assert_eq!(printed, Ok(()));
    let raised = set_up(&mut link, "raise KeyError('k')").expect("answered");
    assert_eq!(raised, Err("KeyError('k')".to_owned()));
    let long = set_up(&mut link, "raise KeyError('k' * 10**6)").expect("answered");
    assert!(long.is_err_and(|what| what.len() == 4096));
    let memory = set_up(&mut link, "x = bytearray(1 << 32)").expect("answered");
    assert_eq!(memory, Err("MemoryError()".to_owned()));
    let within = Duration::from_millis(100);
    let silent = link.setup(
        b"while True: print('x' * 4096)",
        within,
        &AtomicBool::new(false),
    );
    assert!(
        matches!(silent, Err(SandboxError::ZygoteSilent { .. })),
        "{silent:?}"
    );
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let given_up = link.setup(b"while True: pass", within, &AtomicBool::new(true));
    assert!(
        matches!(given_up, Err(SandboxError::Cancelled)),
        "{given_up:?}"
    );
}

#[test]
fn a_dead_zygote_is_an_error_and_the_broker_makes_another() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    zygotes(&broker).into_iter().for_each(kill);
    let gone = run(&mut link, "pass", &LIMITS);
    assert!(matches!(gone, Err(SandboxError::ZygoteGone)), "{gone:?}");
    let mut link = broker.zygote(MEMORY, &NEVER).expect("another");
    assert!(run(&mut link, "pass", &LIMITS).is_ok());
    wait_until("the dead one is reaped", || zygotes(&broker).len() == 1);
}

#[test]
fn a_dead_broker_takes_its_zygotes_along() {
    let broker = start();
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let below = zygotes(&broker);
    assert_eq!(below.len(), 1);
    kill(i32::try_from(broker.pid()).expect("a pid"));
    let gone = run(&mut link, "while True: pass", &LIMITS);
    assert!(matches!(gone, Err(SandboxError::ZygoteGone)), "{gone:?}");
    assert!(matches!(
        broker.zygote(MEMORY, &NEVER),
        Err(SandboxError::Wire(_))
    ));
    let path = format!("/proc/{}/stat", below[0]);
    let dead = || std::fs::read_to_string(&path).map_or(true, |stat| stat.contains(") Z "));
    wait_until("the zygote ends", dead);
}

#[test]
fn a_request_to_kill_meets_no_zygote_of_another_broker() {
    let (first, second) = (start(), start());
    let foreign = first.zygote(MEMORY, &NEVER).expect("a zygote");
    let mut own = second.zygote(MEMORY, &NEVER).expect("a zygote");
    second.kill(&foreign);
    assert!(
        second.zygote(MEMORY, &NEVER).is_ok(),
        "the request was read"
    );
    assert!(run(&mut own, "pass", &LIMITS).is_ok());
    let below = zygotes(&first);
    first.kill(&foreign);
    wait_until("its own broker kills it", || zygotes(&first) != below);
}

/// The uids of a broker's zygotes.
fn uids(broker: &Broker) -> Vec<u32> {
    let status = |pid| std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    let uid = |pid| {
        let status = status(pid);
        let line = status.lines().find(|line| line.starts_with("Uid:"));
        let field = line.and_then(|line| line.split_whitespace().nth(1));
        field.expect("a uid").parse().expect("a number")
    };
    zygotes(broker).into_iter().map(uid).collect()
}

#[test]
fn zygotes_of_two_brokers_have_different_uids_and_a_killed_one_gives_its_back() {
    // SAFETY: no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return eprintln!("skipped: only root's zygotes change their uid");
    }
    let (first, second) = (start(), start());
    let links = [&first, &second, &first, &second].map(|broker| broker.zygote(MEMORY, &NEVER));
    assert!(links.iter().all(Result::is_ok));
    let own = uids(&first);
    let all = [own.clone(), uids(&second)].concat();
    let distinct: std::collections::BTreeSet<u32> = all.iter().copied().collect();
    assert_eq!(distinct.len(), 4, "{all:?}");
    kill(i32::try_from(first.pid()).expect("a pid"));
    let is_free = |uid: &u32| {
        let name = SocketAddr::from_abstract_name(format!("vgrout-uid-{uid}")).expect("a name");
        UnixDatagram::bind_addr(&name).is_ok()
    };
    wait_until("its names are free", || own.iter().all(is_free));
}

#[test]
fn a_broker_in_another_network_takes_no_uid_that_is_in_use() {
    let apart = |command: BrokerCommand| {
        let mut args = vec!["-n".into(), "--".into(), command.program.into_os_string()];
        args.extend(command.args);
        let program = PathBuf::from("unshare");
        BrokerCommand {
            program,
            args,
            ..command
        }
    };
    let tried = std::process::Command::new("unshare")
        .args(["-n", "true"])
        .status();
    if !tried.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: no new network namespace can be had");
    }
    let (first, command) = (start(), command(LayerSet::EMPTY));
    let _link = first.zygote(MEMORY, &NEVER).expect("a zygote");
    let mut command = apart(command);
    command.env.push(("PATH".into(), "/usr/bin:/bin".into()));
    let second = Broker::start(&command).expect("a broker");
    let _other = second.zygote(MEMORY, &NEVER).expect("a zygote");
    assert_ne!(uids(&first), uids(&second));
}

#[test]
fn a_host_that_ignores_sigchld_supervises_all_the_same() {
    // SAFETY: this process's own disposition; other tests' children are reaped by their brokers.
    let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let broker = start();
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGCHLD, before) };
    assert!(broker.report().level().is_some(), "{}", broker.report());
    let mut link = broker.zygote(MEMORY, &NEVER).expect("a zygote");
    let (report, _) = run(&mut link, "zygote.exit(3)", &LIMITS).expect("a report");
    assert_eq!(report.wait_status, 3 << 8);
    zygotes(&broker).into_iter().for_each(kill);
    wait_until("zygotes are reaped", || zygotes(&broker).is_empty());
}

#[test]
fn a_broker_without_the_base_does_not_start() {
    let command = command([Layer::Base].into_iter().collect());
    let refused = Broker::start(&command).expect_err("nothing runs without the base");
    assert!(
        refused.to_string().contains("base cannot be disabled"),
        "{refused}"
    );
}

#[test]
fn a_closed_peer_and_a_cut_message_are_told_apart() {
    let (ours, theirs) = wire::socket_pair().expect("sockets");
    let words = [1, 2, 3, 4, 5, 6, 7, u64::MAX];
    wire::send(&theirs, &words, b"bytes", &[theirs.as_fd()]).expect("sent");
    let message = wire::recv(&ours, 5).expect("whole").expect("open");
    assert_eq!(
        (message.words, message.bytes.as_slice(), message.fds.len()),
        (words, &b"bytes"[..], 1)
    );
    wire::send(&theirs, &words, b"too long", &[]).expect("sent");
    assert!(wire::recv(&ours, 5).is_err());
    drop((message, theirs));
    assert!(wire::recv(&ours, 5).expect("no error").is_none());
    let gone = wire::send(&ours, &words, &[], &[]).expect_err("nobody there");
    assert_eq!(gone.kind(), std::io::ErrorKind::BrokenPipe);
}

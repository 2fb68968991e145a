//! The probe's findings, as root and as others, and with layers refused or left out.

mod common;

use common::{
    become_ordinary, drop_capabilities, in_fork, is_root, needs_root, refuse_landlock,
    refuse_namespaces,
};
use vgrout_sandbox::{
    FenceReport, Layer, LayerSet, LayerStatus, NamespacePlan, SandboxError, WaitCount, probe,
};

/// Probes in a fork after `prepare`, and gives the report with the namespace plan.
fn probe_after(disabled: LayerSet, prepare: impl FnOnce()) -> (FenceReport, String) {
    let text = in_fork(|| {
        prepare();
        match probe(disabled) {
            Ok(found) => {
                let report = String::from_utf8(found.report.encode()).expect("text");
                format!("{}\u{0}{report}", found.plan.namespaces)
            }
            Err(error) => format!("error\u{0}{error}"),
        }
    })
    .expect_text();
    let (plan, report) = text.split_once('\u{0}').expect("two parts");
    assert_ne!(plan, "error", "{report}");
    (
        FenceReport::decode(report.as_bytes()).expect("a report"),
        plan.to_owned(),
    )
}

fn assert_all_blocked(report: &FenceReport, layer: Layer) {
    let entry = report
        .layers
        .iter()
        .find(|entry| entry.layer == layer)
        .expect("every layer is reported");
    for probe in &entry.probes {
        assert!(
            probe.blocked,
            "{layer}: {}: {}\n{report}",
            probe.attack, probe.detail
        );
    }
    assert!(
        entry.probes.len() > 5,
        "{layer} was hardly attacked\n{report}"
    );
}

/// The status of a layer, which must be in the report whatever happened.
fn status(report: &FenceReport, layer: Layer) -> &LayerStatus {
    report.status(layer).expect("every layer is reported")
}

#[test]
fn every_layer_that_stands_here_blocks_every_attack() {
    let (report, plan) = probe_after(LayerSet::EMPTY, || {});
    assert_all_blocked(&report, Layer::Base);
    assert_eq!(status(&report, Layer::Base), &LayerStatus::Enforced);
    for layer in [Layer::Landlock, Layer::Namespaces] {
        if status(&report, layer) == &LayerStatus::Enforced {
            assert_all_blocked(&report, layer);
        }
    }
    if is_root() && status(&report, Layer::Namespaces) == &LayerStatus::Enforced {
        assert_eq!(plan, NamespacePlan::Privileged.to_string());
    }
}

#[test]
fn the_facts_are_those_of_a_powerless_process() {
    let (report, _) = probe_after(LayerSet::EMPTY, || {});
    let facts = report.facts.expect("the fence was built");
    assert!(facts.no_new_privs && !facts.dumpable);
    assert_eq!((facts.seccomp_mode, facts.cap_effective), (2, 0));
    assert_ne!((facts.uid, facts.gid), (0, 0));
    if is_root() {
        assert_eq!(facts.cap_bounding, 0);
    }
    if report.level() >= Some(Layer::Namespaces) {
        assert_eq!((facts.pid, facts.ppid), (1, 0));
    }
}

#[test]
fn an_ordinary_uid_reaches_the_same_level_by_a_user_namespace() {
    if !needs_root() {
        return;
    }
    let (report, plan) = probe_after(LayerSet::EMPTY, become_ordinary);
    assert_all_blocked(&report, Layer::Base);
    match status(&report, Layer::Namespaces) {
        LayerStatus::Enforced => {
            assert_eq!(plan, NamespacePlan::User.to_string());
            assert_all_blocked(&report, Layer::Namespaces);
        }
        LayerStatus::Unavailable { errno, .. } => assert_ne!(*errno, 0),
        other => panic!("namespaces are {other}"),
    }
}

#[test]
fn root_without_sys_admin_takes_a_user_namespace_and_an_unused_uid() {
    if !needs_root() {
        return;
    }
    let (report, plan) = probe_after(LayerSet::EMPTY, || drop_capabilities(1 << 21));
    if status(&report, Layer::Namespaces) == &LayerStatus::Enforced {
        assert_eq!(plan, NamespacePlan::User.to_string());
        assert_all_blocked(&report, Layer::Namespaces);
    }
    assert_eq!(
        status(&report, Layer::Base),
        &LayerStatus::Enforced,
        "{report}"
    );
    assert_ne!(report.facts.expect("the fence was built").uid, 0);
}

#[test]
fn root_that_cannot_change_its_uid_is_refused_and_not_run_as_root() {
    if !needs_root() {
        return;
    }
    let (report, _) = probe_after(LayerSet::EMPTY, || drop_capabilities(u64::MAX));
    match status(&report, Layer::Base) {
        LayerStatus::Unavailable { errno, reason } => {
            assert_eq!(*errno, libc::EPERM, "{reason}");
            assert!(reason.starts_with("cannot become uid"), "{reason}");
        }
        other => panic!("base is {other}"),
    }
    assert_eq!(report.level(), None);
    assert!(matches!(
        report.require(Layer::Base),
        Err(SandboxError::LevelTooLow { .. })
    ));
}

#[test]
fn refused_user_namespaces_are_unavailable_with_the_errno() {
    if !needs_root() {
        return;
    }
    let (report, plan) = probe_after(LayerSet::EMPTY, || {
        refuse_namespaces();
        become_ordinary();
    });
    assert_eq!(plan, NamespacePlan::None.to_string());
    match status(&report, Layer::Namespaces) {
        LayerStatus::Unavailable { errno, .. } => assert_eq!(*errno, libc::EUSERS),
        other => panic!("namespaces are {other}"),
    }
    assert_all_blocked(&report, Layer::Base);
    assert_eq!(status(&report, Layer::Base), &LayerStatus::Enforced);
}

#[test]
fn a_refused_landlock_is_unavailable_with_the_errno() {
    let (report, _) = probe_after(LayerSet::EMPTY, refuse_landlock);
    let LayerStatus::Unavailable { errno, .. } = status(&report, Layer::Landlock) else {
        panic!("{report}");
    };
    assert_eq!(*errno, libc::ENOSYS);
    assert_eq!(report.level(), Some(Layer::Base));
}

#[test]
fn a_machine_without_delegated_groups_says_what_is_missing() {
    let (report, _) = probe_after(LayerSet::EMPTY, || {});
    match status(&report, Layer::Cgroup) {
        LayerStatus::Unavailable { reason, errno } => {
            assert!(!reason.is_empty());
            assert_ne!(*errno, 0);
        }
        LayerStatus::Enforced | LayerStatus::Partial { .. } => {}
        LayerStatus::Disabled => panic!("nothing was disabled"),
    }
}

#[test]
fn a_disabled_layer_is_reported_and_not_planned() {
    let disabled = LayerSet::from_iter([Layer::Landlock, Layer::Namespaces]);
    let (report, plan) = probe_after(disabled, || {});
    assert_eq!(status(&report, Layer::Landlock), &LayerStatus::Disabled);
    assert_eq!(status(&report, Layer::Namespaces), &LayerStatus::Disabled);
    assert_eq!(plan, NamespacePlan::None.to_string());
    assert_eq!(report.level(), Some(Layer::Base));
    assert_all_blocked(&report, Layer::Base);
}

#[test]
fn the_base_cannot_be_disabled() {
    assert!(matches!(
        probe(LayerSet::from_iter([Layer::Base])),
        Err(SandboxError::BaseDisabled)
    ));
}

#[test]
fn the_probe_leaves_no_process_and_no_descriptor_behind() {
    let text = in_fork(|| {
        let descriptors = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let before = descriptors();
        for _ in 0..3 {
            if let Err(error) = probe(LayerSet::EMPTY) {
                return error.to_string();
            }
        }
        // SAFETY: no child is left, so the call returns at once.
        let waited = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        format!("{waited} {}", descriptors() - before)
    })
    .expect_text();
    assert_eq!(text, "-1 0");
}

#[test]
fn an_ignored_child_signal_does_not_blind_the_probe() {
    let (report, _) = probe_after(LayerSet::EMPTY, || {
        // SAFETY: ignoring a signal is always sound.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    });
    assert_all_blocked(&report, Layer::Base);
    assert_eq!(status(&report, Layer::Base), &LayerStatus::Enforced);
}

#[test]
fn waits_that_can_be_read_are_found_counted() {
    let (report, _) = probe_after(LayerSet::EMPTY, || {});
    let counters = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let turns = counters.split_whitespace().nth(2);
    let is_counting = turns.is_some_and(|turns| turns != "0");
    assert_eq!(report.waits.is_counted(), is_counting, "{}", report.waits);
}

#[test]
fn a_proc_that_shows_no_others_gives_no_counters_and_the_report_says_so() {
    if !needs_root() {
        return;
    }
    let (report, _) = probe_after(LayerSet::EMPTY, || {
        // SAFETY: C strings throughout; the namespace is this fork's own.
        unsafe {
            assert_eq!(libc::unshare(libc::CLONE_NEWNS), 0);
            let (none, flags) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
            assert_eq!(
                libc::mount(none, c"/".as_ptr(), none, flags, none.cast()),
                0
            );
            let (proc, hidden) = (c"proc".as_ptr(), c"hidepid=2".as_ptr());
            assert_eq!(
                libc::mount(proc, c"/proc".as_ptr(), proc, 0, hidden.cast()),
                0
            );
        }
        become_ordinary();
    });
    let WaitCount::Uncounted { reason } = &report.waits else {
        panic!("{report}");
    };
    assert!(!reason.is_empty());
    assert_eq!(
        status(&report, Layer::Base),
        &LayerStatus::Enforced,
        "{report}"
    );
}

//! Starts brokers and runs Python rollouts in their zygotes.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use vgrout_sandbox::supervise::{Broker, BrokerCommand, RunLimits, RunReport, ZygoteLink};
use vgrout_sandbox::{LayerSet, SandboxError};

/// Runs the payload's text as Python, with `zygote` in reach.
const RUNNER: &str = r#"
import importlib.machinery, importlib.util, sys, time
loader = importlib.machinery.ExtensionFileLoader("vgrout._native", sys.argv[1])
native = importlib.util.module_from_spec(importlib.util.spec_from_file_location("vgrout._native", sys.argv[1], loader=loader))
loader.exec_module(native)
zygote = native._serve_zygote(int(sys.argv[2]))
while zygote is not None:
    item = zygote.next()
    if item is None:
        zygote.exit(0)
    if item[0] == "child":
        exec(item[1], {"zygote": zygote, "time": time})
        zygote.exit(0)
    try:
        exec(item[1], {"time": time})
        zygote.setup_done("")
    except BaseException as error:
        zygote.setup_done(repr(error))
"#;

pub(crate) const LIMITS: RunLimits = RunLimits {
    cpu: Duration::from_secs(2),
    wall: Duration::from_secs(20),
    memory_bytes: 128 << 20,
    output_bytes: 1 << 20,
    record_bytes: 64 << 10,
};
pub(crate) const MEMORY: u64 = 128 << 20;
pub(crate) static NEVER: AtomicBool = AtomicBool::new(false);

/// Runs [`RUNNER`] with the extension that stands beside the tests' own folder in the target directory.
pub(crate) fn command(disabled: LayerSet) -> BrokerCommand {
    let test = std::env::current_exe().expect("a path");
    let extension = test.with_file_name("../lib_native.so");
    assert!(
        extension.exists(),
        "no extension: `cargo build -p vgrout-py` of the same profile makes it"
    );
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    let program = if own.exists() { own } else { "python3".into() };
    let mut args: Vec<OsString> = ["-s", "-S", "-P", "-B", "-c", RUNNER]
        .map(OsString::from)
        .to_vec();
    args.push(extension.into_os_string());
    args.push(disabled.bits().to_string().into());
    BrokerCommand {
        program,
        args,
        env: vec![("PYTHONUTF8".into(), "1".into())],
        program_text: Vec::new(),
    }
}

pub(crate) fn start() -> Broker {
    Broker::start(&command(LayerSet::EMPTY)).expect("a broker")
}

/// One encoded string, and no calls.
pub(crate) fn payload(code: &str) -> Vec<u8> {
    let length = |count: usize| u32::try_from(count).expect("short").to_le_bytes();
    let mut bytes = length(5 + code.len()).to_vec();
    bytes.push(0x08);
    bytes.extend(length(code.len()));
    bytes.extend(code.as_bytes());
    bytes.extend(length(0));
    bytes
}

pub(crate) fn run(
    link: &mut ZygoteLink,
    code: &str,
    limits: &RunLimits,
) -> Result<(RunReport, Vec<u8>), SandboxError> {
    let mut output = Vec::new();
    let payload = payload(code);
    let report = link.run(
        &[&payload],
        limits,
        None,
        &AtomicBool::new(false),
        &mut |piece| {
            output.extend_from_slice(piece);
        },
    )?;
    Ok((report, output))
}

pub(crate) fn set_up(
    link: &mut ZygoteLink,
    source: &str,
) -> Result<Result<(), String>, SandboxError> {
    let within = Duration::from_secs(3);
    link.setup(source.as_bytes(), within, &AtomicBool::new(false))
}

pub(crate) fn zygotes(broker: &Broker) -> Vec<i32> {
    let path = format!("/proc/{0}/task/{0}/children", broker.pid());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .map(|pid| pid.parse().expect("a pid"))
        .collect()
}

pub(crate) fn kill(pid: i32) {
    // SAFETY: a process of this test.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

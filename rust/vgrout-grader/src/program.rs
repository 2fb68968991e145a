//! The program that becomes broker, zygotes and children, and how it is started.

use std::ffi::OsString;
use std::path::PathBuf;

use vgrout_sandbox::supervise::BrokerCommand;
use vgrout_sandbox::{Layer, LayerSet};

use crate::job::Limits;

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Rollouts at the same time.
    pub workers: usize,
    /// Limits of each rollout.
    pub limits: Limits,
    /// The lowest fence level that will do.
    pub min_level: Layer,
    /// Layers to leave off, for tests.
    pub disabled: LayerSet,
    /// Further modules answers may import.
    pub preload: Vec<String>,
    /// Where they are looked for: the host's own `sys.path`. No answer gets to know it.
    pub path: Vec<String>,
    /// The Python interpreter.
    pub python: PathBuf,
    /// The extension module that the runner loads.
    pub extension: PathBuf,
}

/// The program of broker, zygotes and children.
const RUNNER: &str = concat!(
    include_str!("runner.py"),
    "\n\n",
    include_str!("runner_library.py"),
    "\n\n",
    include_str!("runner_streams.py"),
    "\n\n",
    include_str!("runner_files.py"),
    "\n\n",
    include_str!("runner_stub.py"),
    "\n\n",
    include_str!("runner_classes.py"),
    "\n\n",
    include_str!("runner_values.py"),
    "\n\n",
    include_str!("runner_shared.py"),
    "\n\n",
    include_str!("runner_operators.py"),
    "\n\n",
    include_str!("runner_answer.py"),
    "\n\n",
    include_str!("runner_guard.py"),
    "\n\n",
    include_str!("runner_proxy.py"),
    "\n\n",
    include_str!("runner_raised.py"),
    "\n\n",
    include_str!("runner_callable.py"),
    "\n\n",
    include_str!("runner_identity.py"),
    "\n\n",
    include_str!("runner_judge.py"),
    "\n\nFILES = Files()\n"
);
/// Reads the program above from standard input and becomes it; first of all, so that from now on a terminal's Ctrl-C
/// reaches the host only, it takes a session of its own. Another process compiles it: what a compiler leaves behind
/// would be copied by every fork.
const LOADER: &str = "
import marshal, posix
posix.setsid()
text = posix.read(0, 1 << 20)
source, sink = posix.pipe()
if posix.fork() == 0:
    posix.close(source)  # or a broker that is killed would leave this one waiting for a reader
    code = marshal.dumps(compile(text, '<vgrout>', 'exec'))
    while code:
        code = code[posix.write(sink, code):]
    posix._exit(0)
posix.close(sink)
code = b''.join(iter(lambda: posix.read(source, 1 << 16), b''))
posix.close(source)
try:
    posix.waitpid(-1, 0)
except ChildProcessError:
    pass
code = marshal.loads(code)
del text, source, sink, marshal, posix
exec(code)
";

/// The texts as a Python list; every letter escaped, so that a path is data whatever stands in it.
fn python_list(texts: &[String]) -> String {
    let escaped = |letter: char| format!("\\U{:08x}", u32::from(letter));
    let items = texts
        .iter()
        .map(|text| format!("'{}'", text.chars().map(escaped).collect::<String>()));
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// The interpreter, its arguments, its whole environment and the program it reads.
pub(crate) fn broker_command(config: &PoolConfig) -> BrokerCommand {
    let mut args: Vec<OsString> = ["-s", "-S", "-P", "-B", "-c", LOADER]
        .map(OsString::from)
        .to_vec();
    args.push(config.extension.clone().into_os_string());
    args.push(config.disabled.bits().to_string().into());
    args.push(config.preload.join(",").into());
    // A fixed hash seed: the order of a set must not decide a label. Nothing else of the host's
    // environment reaches a rollout.
    let env = [
        ("PYTHONHASHSEED", "0"),
        ("PYTHONUTF8", "1"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
    ];
    BrokerCommand {
        program: config.python.clone(),
        args,
        env: env.map(|(key, value)| (key.into(), value.into())).to_vec(),
        program_text: format!(
            "{RUNNER}broker(sys.argv[1:], {})\n",
            python_list(&config.path)
        )
        .into(),
    }
}

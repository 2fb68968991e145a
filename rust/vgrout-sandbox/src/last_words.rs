//! Why a broker did not start, in its own words.

use std::io::Read as _;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::SandboxError;

/// A broker that gave up is on its way out: its socket closes before its message is written.
const WAY_OUT: Duration = Duration::from_secs(2);

/// Ends the process and gives the error together with what it wrote to standard error.
pub(crate) fn last_words(process: &mut Child, error: &SandboxError) -> String {
    let start = Instant::now();
    let is_leaving = matches!(error, SandboxError::ZygoteGone);
    while is_leaving && start.elapsed() < WAY_OUT && matches!(process.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(5));
    }
    drop(process.kill());
    drop(process.wait());
    let mut text = String::new();
    if let Some(stderr) = process.stderr.as_mut() {
        drop(stderr.take(8192).read_to_string(&mut text));
    }
    let text = text.trim();
    if text.starts_with("preload:") {
        // It says all that there is to say.
        text.to_owned()
    } else if text.is_empty() {
        error.to_string()
    } else {
        format!("{error}; it wrote: {text}")
    }
}

//! What one child run showed: kernel facts, and claims checked against expectations the child never saw.

use std::time::Duration;

use vgrout_sandbox::supervise::{RunReport, Stop};
use vgrout_sandbox::syscall_name;

use crate::codec::{Budget, decode};
use crate::job::{Mode, TestSet};

/// Elements that any claim may have.
const LEAST_ELEMENTS: usize = 100_000;
/// The same where the check says nothing of its size.
const OPEN_ELEMENTS: usize = 1 << 20;

/// Kinds of record a child leaves; the numbers stand in `runner.py` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// The answer's text compiled.
    Compiled = 1,
    /// It did not; the text says why.
    CompileError = 2,
    /// Its module level raised.
    ModuleError = 3,
    /// A call returned this value.
    Value = 4,
    /// A call raised.
    Raised = 5,
    /// A call returned something that is no plain value.
    BadType = 6,
    /// `sys.exit` with this status.
    Exit = 7,
    /// Everything was run.
    Done = 8,
    /// The sentinel attribute after a call.
    Sentinel = 9,
    /// The marked file's content.
    File = 10,
    /// An answer to one of the test-function questions.
    Flag = 11,
    /// All decoys compared equal to what the call returned.
    Equal = 12,
}

impl RecordKind {
    fn from_byte(byte: u8) -> Option<Self> {
        use RecordKind as K;
        [
            K::Compiled,
            K::CompileError,
            K::ModuleError,
            K::Value,
            K::Raised,
            K::BadType,
            K::Exit,
            K::Done,
            K::Sentinel,
            K::File,
            K::Flag,
            K::Equal,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// The index of what happened outside any call; it stands in `runner.py` too.
const MODULE_LEVEL: u32 = u32::MAX;

/// The most questions about a test function.
const MOST_FLAGS: usize = 4;

/// One record, borrowed from what the child left.
#[derive(Debug)]
pub struct Record<'a> {
    /// Its kind.
    pub kind: RecordKind,
    /// Which step, question or test it speaks of.
    pub index: u32,
    /// Its content.
    pub bytes: &'a [u8],
}

impl Record<'_> {
    /// The content as text, for messages.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes).into_owned()
    }

    /// Whether the content is `"1"`.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.bytes == b"1"
    }
}

/// Cuts record bytes apart; `None` as soon as they are not well-formed.
#[must_use]
pub fn split_records(mut bytes: &[u8]) -> Option<Vec<Record<'_>>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(9)?;
        let kind = RecordKind::from_byte(head[0])?;
        let index = u32::from_le_bytes(head[1..5].try_into().ok()?);
        let length = u32::from_le_bytes(head[5..9].try_into().ok()?) as usize;
        let (content, rest) = rest.split_at_checked(length)?;
        records.push(Record {
            kind,
            index,
            bytes: content,
        });
        bytes = rest;
    }
    Some(records)
}

/// How one claim fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// It satisfies its check.
    Right,
    /// It does not.
    Wrong,
    /// The call raised.
    Raised(String),
    /// The call returned no plain value.
    BadType {
        /// What it was.
        what: String,
        /// Its class defines `__eq__`.
        own_equality: bool,
    },
    /// There is no claim.
    Missing,
}

/// How the child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Status(i32),
    /// A signal that the host did not send.
    Signal(i32),
    /// The host stopped it.
    Stopped(Stop),
}

/// The oracle child's facts.
#[derive(Debug)]
pub struct OracleFacts {
    /// Compiled, did not (why), or ended before that was known.
    pub compiled: Option<Result<(), String>>,
    /// What the module level raised.
    pub module_error: Option<String>,
    /// One per check, in order.
    pub steps: Vec<StepResult>,
    /// Every call was made and the child said so.
    pub done: bool,
    /// Status given to `sys.exit` in a call, which ended it.
    pub exit_call: Option<String>,
    /// Status given to `sys.exit` at module level, after which the calls were made all the same.
    pub module_exit: Option<String>,
    /// Records were cut, out of order or more than there are tests.
    pub malformed: bool,
    /// Sentinel attribute per call, where it was read.
    pub sentinel: Vec<bool>,
    /// Last content of the marked file.
    pub file: Option<String>,
    /// Answers about the answer's own test function, where they were asked for in this child.
    pub flags: Vec<(u32, bool)>,
    /// How it ended.
    pub end: End,
    /// CPU limit it ran under.
    pub cpu_limit: Duration,
    /// CPU used.
    pub cpu: Duration,
    /// The trapped syscall, by the child's report.
    pub trapped: Option<&'static str>,
}

/// Decodes a wait status.
#[must_use]
pub fn end_of(report: &RunReport) -> End {
    if let Some(stop) = report.stop {
        return End::Stopped(stop);
    }
    let signal = report.wait_status & 0x7f;
    if signal == 0 {
        End::Status((report.wait_status >> 8) & 0xff)
    } else {
        End::Signal(signal)
    }
}

/// Every element takes a byte at least, so a right claim fits; a hostile one cannot fill memory.
fn budget(tests: &TestSet) -> Budget {
    let least = if tests.has_open_checks() {
        OPEN_ELEMENTS
    } else {
        LEAST_ELEMENTS
    };
    Budget {
        max_elements: (2 * tests.expected_bytes).max(least),
        ..Budget::default()
    }
}

impl OracleFacts {
    /// Reads the oracle child's records against the tests it ran.
    #[must_use]
    pub fn read(report: &RunReport, tests: &TestSet, mode: Mode, cpu_limit: Duration) -> Self {
        let mut facts = Self {
            compiled: None,
            module_error: None,
            steps: vec![StepResult::Missing; tests.steps],
            done: false,
            exit_call: None,
            module_exit: None,
            malformed: false,
            sentinel: Vec::new(),
            file: None,
            flags: Vec::new(),
            end: end_of(report),
            cpu_limit,
            cpu: report.cpu,
            trapped: report
                .records
                .trapped_syscall
                .and_then(|number| syscall_name(i64::from(number))),
        };
        let checks: Vec<_> = tests
            .tests
            .iter()
            .flat_map(|test| &test.steps)
            .map(|step| &step.check)
            .collect();
        let Some(records) = split_records(&report.records.bytes) else {
            facts.malformed = true;
            return facts;
        };
        let budget = budget(tests);
        let mut next = 0;
        for record in &records {
            let in_order = match record.kind {
                RecordKind::Value | RecordKind::Raised | RecordKind::BadType => {
                    let fits =
                        record.index as usize == next && next < checks.len() && facts.is_running();
                    if fits {
                        facts.steps[next] = judge(record, checks[next], &budget);
                        next += 1;
                    }
                    fits
                }
                _ => facts.note(record, mode, next),
            };
            if !in_order {
                facts.malformed = true;
                break;
            }
        }
        if facts.malformed || facts.compiled != Some(Ok(())) {
            facts.steps.fill(StepResult::Missing);
        }
        facts
    }

    /// Whether calls may still be recorded.
    fn is_running(&self) -> bool {
        self.compiled == Some(Ok(()))
            && self.module_error.is_none()
            && self.exit_call.is_none()
            && !self.done
    }

    /// Takes in a record that is not about one call; false where it cannot stand at this place.
    fn note(&mut self, record: &Record<'_>, mode: Mode, called: usize) -> bool {
        match record.kind {
            RecordKind::Compiled => {
                let first = self.compiled.is_none();
                self.compiled = Some(Ok(()));
                first
            }
            RecordKind::CompileError => {
                let first = self.compiled.is_none();
                self.compiled = Some(Err(record.text()));
                first
            }
            RecordKind::ModuleError => {
                let first = self.is_running() && called == 0;
                self.module_error = Some(record.text());
                first
            }
            RecordKind::Exit if record.index == MODULE_LEVEL => {
                let first = self.is_running() && self.module_exit.is_none() && called == 0;
                self.module_exit = Some(record.text());
                first
            }
            RecordKind::Exit => {
                let first = self.is_running();
                self.exit_call = Some(record.text());
                first
            }
            RecordKind::Done => {
                let complete = called == self.steps.len() && self.is_running();
                self.done = true;
                complete
            }
            RecordKind::Sentinel if mode == Mode::Sentinel => {
                self.sentinel.push(record.is_yes());
                self.sentinel.len() <= self.steps.len()
            }
            RecordKind::Flag if mode == Mode::RunTests => {
                self.flags.push((record.index, record.is_yes()));
                self.done && self.flags.len() <= MOST_FLAGS
            }
            RecordKind::File if mode == Mode::FileMarker => {
                self.file = Some(record.text());
                true
            }
            _ => false,
        }
    }

    /// The number of leading checks that hold.
    #[must_use]
    pub fn right_prefix(&self) -> usize {
        self.steps
            .iter()
            .take_while(|step| **step == StepResult::Right)
            .count()
    }

    /// Every call was made, every check holds, and the child ended as the runner ends it.
    #[must_use]
    pub fn all_right(&self) -> bool {
        self.done
            && !self.malformed
            && self.end == End::Status(0)
            && self.cpu < self.cpu_limit
            && !self.steps.is_empty()
            && self.steps.iter().all(|step| *step == StepResult::Right)
    }
}

fn judge(record: &Record<'_>, check: &crate::check::Check, budget: &Budget) -> StepResult {
    match record.kind {
        RecordKind::Value => match decode(record.bytes, budget) {
            Ok(value) if check.holds(&value) => StepResult::Right,
            _ => StepResult::Wrong,
        },
        RecordKind::Raised => StepResult::Raised(record.text()),
        _ => {
            let text = record.text();
            let own_equality = text.starts_with('=');
            StepResult::BadType {
                what: text.get(1..).unwrap_or_default().to_owned(),
                own_equality,
            }
        }
    }
}

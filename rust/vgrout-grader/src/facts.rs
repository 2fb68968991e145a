//! What one child run showed: kernel facts, and claims checked against expectations the child never saw.

use std::time::Duration;

use vgrout_sandbox::supervise::{RunReport, Stop};
use vgrout_sandbox::syscall_name;

use crate::codec::{Budget, decode};
use crate::job::{Mode, TestSet};
use crate::value::{Value, python_eq};

/// Elements that any claim may have.
const LEAST_ELEMENTS: usize = 100_000;

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
    /// A judged test ran to its end, and the answer was asked.
    Held = 13,
    /// It did not, or the answer was asked nothing.
    Failed = 14,
    /// It raised before the answer was asked anything: the test is at fault, not the answer.
    Unasked = 15,
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
            K::Held,
            K::Failed,
            K::Unasked,
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

/// How one test fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepResult {
    /// It holds.
    Right,
    /// It does not; what a judged test raised, or why it does not count.
    Wrong(Option<String>),
    /// The call raised.
    Raised(String),
    /// A call returned no plain value.
    BadType {
        /// What it was.
        what: String,
        /// Its class defines `__eq__`.
        own_equality: bool,
    },
    /// Nothing was said of it.
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
    /// One per test, in order.
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
    Budget {
        max_elements: (2 * tests.expected_bytes).max(LEAST_ELEMENTS),
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
            steps: vec![StepResult::Missing; tests.tests.len()],
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
        let mut calls = tests.direct();
        let Some(records) = split_records(&report.records.bytes) else {
            facts.malformed = true;
            return facts;
        };
        let budget = budget(tests);
        let mut called = 0;
        for record in &records {
            let in_order = match record.kind {
                RecordKind::Value | RecordKind::Raised | RecordKind::BadType => {
                    called += 1;
                    match calls.next() {
                        Some((index, direct))
                            if record.index as usize == index && facts.is_running() =>
                        {
                            facts.steps[index] = judge(record, &direct.expected, &budget);
                            true
                        }
                        _ => false,
                    }
                }
                RecordKind::Done => {
                    let complete = calls.next().is_none() && facts.is_running();
                    facts.done = true;
                    complete
                }
                _ => facts.note(record, mode, called),
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

    /// Takes in what the judge said of its tests.
    ///
    /// # Errors
    /// The place of a test that raised before it asked the answer anything, and what it raised.
    pub fn judged(&mut self, report: &RunReport, tests: &TestSet) -> Result<(), (usize, String)> {
        let records = split_records(&report.records.bytes).unwrap_or_default();
        let mut records = records.iter();
        let broke_off = end_of(report) != End::Status(0);
        if self.malformed || self.compiled != Some(Ok(())) {
            return Ok(());
        }
        for (index, _) in tests.judged() {
            let said = records
                .next()
                .filter(|record| record.index as usize == index);
            self.steps[index] = match said.map(|record| (record.kind, record)) {
                Some((RecordKind::Held, _)) => StepResult::Right,
                Some((RecordKind::Unasked, record)) => return Err((index, record.text())),
                Some((RecordKind::Raised, record)) => StepResult::Raised(record.text()),
                Some((RecordKind::BadType, record)) => StepResult::BadType {
                    what: record.text(),
                    own_equality: false,
                },
                Some((_, record)) => StepResult::Wrong(Some(record.text())),
                // A judge that died over what it was given: the test in hand failed, the others were not run.
                None => {
                    if broke_off {
                        self.steps[index] = StepResult::Wrong(None);
                    }
                    return Ok(());
                }
            };
        }
        Ok(())
    }

    /// Every call was made, every test holds, and the child ended as the runner ends it.
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

fn judge(record: &Record<'_>, expected: &Value, budget: &Budget) -> StepResult {
    match record.kind {
        RecordKind::Value => match decode(record.bytes, budget) {
            Ok(value) if python_eq(&value, expected) => StepResult::Right,
            _ => StepResult::Wrong(None),
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

//! What can be wrong with a job's tests or with the bytes a rollout sends.

use thiserror::Error;

/// Why bytes are not one encoded value within the budget.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The whole message is over `Budget::max_bytes`.
    #[error("an encoded value of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The budget.
        limit: usize,
    },
    /// Containers nest deeper than `Budget::max_depth`, or frozensets in frozensets deeper than 16.
    #[error("offset {at}: containers nest deeper than {limit}")]
    TooDeep {
        /// Offset of the container.
        at: usize,
        /// The budget.
        limit: usize,
    },
    /// More values than `Budget::max_elements`.
    #[error("offset {at}: more than {limit} values")]
    TooManyElements {
        /// Offset of the container that holds too many.
        at: usize,
        /// The budget.
        limit: usize,
    },
    /// The bytes end inside a value, or a count promises more than the bytes can hold.
    #[error("offset {at}: {needed} more bytes are promised than there are")]
    Truncated {
        /// Offset of the field.
        at: usize,
        /// Bytes missing.
        needed: usize,
    },
    /// No such tag, or not at this place.
    #[error("offset {at}: tag {tag:#04x} cannot stand here")]
    UnexpectedTag {
        /// Offset of the tag.
        at: usize,
        /// The tag.
        tag: u8,
    },
    /// A second spelling of something that has a shorter or another one.
    #[error("offset {at}: {what} is not in its one canonical form")]
    NotCanonical {
        /// Offset of the value.
        at: usize,
        /// Which value.
        what: &'static str,
    },
    /// Not generalised UTF-8.
    #[error("offset {at}: a string is not UTF-8 (surrogates allowed)")]
    BadText {
        /// Offset of the string's bytes.
        at: usize,
    },
    /// A set element or dict key of a type that Python cannot hash.
    #[error("offset {at}: a {type_name} cannot be hashed")]
    Unhashable {
        /// Offset of the container.
        at: usize,
        /// The element's type.
        type_name: &'static str,
    },
    /// Two equal elements of a set or keys of a dict.
    #[error("offset {at}: a set or dict holds equal elements")]
    Duplicate {
        /// Offset of the container.
        at: usize,
    },
    /// Bytes follow the value.
    #[error("offset {at}: {count} bytes follow the value")]
    Trailing {
        /// Where the value ended.
        at: usize,
        /// How many.
        count: usize,
    },
}

/// Why text is not a Python literal that the grader takes. Offsets are bytes into the text given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LiteralError {
    /// Something else stands where a part of a literal must.
    #[error("offset {at}: found `{found}`, expected {expected}")]
    Unexpected {
        /// Where.
        at: usize,
        /// What stands there, shortened.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Python, but not a value that the grader compares.
    #[error("offset {at}: `{found}` is refused: {reason}")]
    Refused {
        /// Where.
        at: usize,
        /// What stands there, shortened.
        found: String,
        /// Why.
        reason: &'static str,
    },
    /// Brackets nest too deep.
    #[error("offset {at}: brackets nest deeper than {limit}")]
    TooDeep {
        /// Where.
        at: usize,
        /// The limit.
        limit: usize,
    },
    /// A set element or dict key of a type that Python cannot hash.
    #[error("offset {at}: a {type_name} cannot be a set element or dict key")]
    Unhashable {
        /// Where the container begins.
        at: usize,
        /// The element's type.
        type_name: &'static str,
    },
}

/// At most 60 characters of `text`, for an error message.
#[must_use]
pub fn shortened(text: &str) -> String {
    const KEPT: usize = 60;
    match text.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why a job is refused before anything runs.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum JobError {
    /// No such mode.
    #[error(
        "mode: {mode:?} is unknown; expected run_tests, eq_override, exit_code, stdout_marker, sentinel, \
         file_marker or gt_only"
    )]
    UnknownMode {
        /// The name given.
        mode: String,
    },
    /// No such way to take code from a reply.
    #[error("extract: {extract:?} is unknown; expected joined, last or raw")]
    UnknownExtract {
        /// The name given.
        extract: String,
    },
    /// The list of tests is empty.
    #[error("tests: the list is empty; at least one test is needed")]
    NoTests,
    /// A test is no Python.
    #[error("tests[{index}]: `{text}` does not compile: {what}")]
    TestSyntax {
        /// The test's index.
        index: usize,
        /// The test, shortened.
        text: String,
        /// Python's complaint.
        what: String,
    },
    /// The mode compares single values.
    #[error(
        "tests[{index}]: mode eq_override needs `assert <call> == <literal>`; grade other tests in another mode"
    )]
    NotDirect {
        /// The test's index.
        index: usize,
    },
    /// The entry point cannot be a name.
    #[error(
        "entry_point: {entry_point:?} is not an identifier; expected a function's or class's name"
    )]
    EntryPoint {
        /// What was given.
        entry_point: String,
    },
    /// The graded method cannot be named.
    #[error(
        "func_name: {func_name:?} is not a method; expected `Solution().name`, `name` or nothing"
    )]
    FuncName {
        /// The name given.
        func_name: String,
    },
    /// A mode with a marker got an empty one.
    #[error("marker: empty; mode {mode} needs a phrase or a name, or None for training's")]
    EmptyMarker {
        /// The mode.
        mode: &'static str,
    },
    /// The marker must be usable as a name in Python.
    #[error("marker: {marker:?} is not an identifier, which mode {mode} needs")]
    MarkerNotIdentifier {
        /// The mode.
        mode: &'static str,
        /// The marker given.
        marker: String,
    },
    /// A number is out of range.
    #[error("{field}: {value} is out of range; expected {expected}")]
    Limit {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
}

/// Why a rollout has no verdict: the machinery failed, or was told to stop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] vgrout_sandbox::SandboxError),
    /// The job's setup code raised or did not end; the job is at fault, not the answer.
    #[error("setup_code failed: {what}")]
    Setup {
        /// The exception, or how long was waited.
        what: String,
    },
    /// A test raised before it asked the answer anything; the test is at fault, not the answer.
    #[error("tests[{index}] failed before it called the answer: {what}")]
    Test {
        /// The test's index.
        index: usize,
        /// The exception.
        what: String,
    },
    /// The job asks for more memory than the grader's processes were made for.
    #[error(
        "limits.memory_bytes: {wanted} is above the grader's {most}; make a grader with higher limits"
    )]
    Memory {
        /// What the job asks for.
        wanted: u64,
        /// What the grader has.
        most: u64,
    },
    /// A worker panicked on this rollout.
    #[error("a defect of the grader: {what}")]
    Panicked {
        /// What the panic said.
        what: String,
    },
    /// The caller cancelled the batch.
    #[error("cancelled")]
    Cancelled,
    /// The pool is shutting down.
    #[error("the grader is closed")]
    Closed,
}

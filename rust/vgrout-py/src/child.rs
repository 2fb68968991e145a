//! What the runner inside the sandbox calls: the zygote's loop, fresh call arguments, records and claims.
//!
//! After a fork, answers can reach this object too; all it can do is write to the arena of their own rollout.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use vgrout_grader::oracle::CLAIMS_PER_AREA;
use vgrout_grader::{Budget, RecordKind};
use vgrout_sandbox::LayerSet;
use vgrout_sandbox::broker;
use vgrout_sandbox::child::{Next, Zygote, exit_now};
use vgrout_sandbox::exchange::Exchange;

use crate::value::{ARGUMENTS, Classes, EncodeRefusal, decode_py, encode_py};

/// What one message of an exchange may hold.
const EXCHANGE: Budget = Budget {
    max_bytes: 64 << 20,
    max_depth: 8,
    max_elements: 4_000_000,
};
/// Exit status of a child whose records no longer fit.
const RECORDS_FULL: i32 = 70;
/// Room for the marked file's content at first; it doubles as the file grows.
const LEAST_FILE_BYTES: usize = 4096;

/// The zygote's (and then the child's) handle.
#[pyclass(frozen, name = "_Zygote")]
pub struct PyZygote {
    state: Mutex<State>,
}

struct State {
    zygote: Zygote,
    classes: Classes,
    payload_len: usize,
    record_capacity: usize,
    calls: Vec<(usize, usize)>,
    exchange: Option<Exchange>,
    scratch: Vec<u8>,
    file: Option<FileRecord>,
}

/// Where the marked file's content stands in the record area: one record, changed in place however often it is written.
#[derive(Clone, Copy)]
struct FileRecord {
    place: usize,
    room: usize,
    length: usize,
}

/// Runs the broker on standard input; gives a handle in each new zygote and None when the host is gone.
#[pyfunction]
#[pyo3(name = "_serve_zygote")]
pub(crate) fn serve_zygote(py: Python<'_>, disabled_layers: u8) -> PyResult<Option<PyZygote>> {
    let zygote = broker::serve(LayerSet::from_bits(disabled_layers)).map_err(failed)?;
    let Some(zygote) = zygote else {
        return Ok(None);
    };
    let classes = Classes::capture(py)?;
    let state = State {
        zygote,
        classes,
        payload_len: 0,
        record_capacity: 0,
        calls: Vec::new(),
        exchange: None,
        scratch: Vec::new(),
        file: None,
    };
    Ok(Some(PyZygote {
        state: Mutex::new(state),
    }))
}

/// A value through the child's encoder and back through the builder of arguments, for tests.
#[pyfunction]
#[pyo3(name = "_round_trip", signature = (value, /))]
pub(crate) fn round_trip(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let classes = Classes::capture(py)?;
    let mut bytes = Vec::new();
    encode_py(value, &mut bytes, &classes, &Budget::default()).map_err(failed)?;
    decode_py(py, &bytes, &classes, &ARGUMENTS)
}

fn failed(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

impl PyZygote {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the state with memory of the machinery's own: the answer may have used up its.
    fn with_room<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        state.zygote.give_back_room();
        let done = work(&mut state);
        state.zygote.take_room();
        done
    }
}

#[pymethods]
impl PyZygote {
    /// Waits for work: None, ("setup", source), or, in a new child, ("child", header).
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut state = self.state();
        match state.zygote.wait().map_err(failed)? {
            Next::Ended => Ok(None),
            Next::Setup { source } => {
                let source = text(py, &source)?;
                Ok(Some(("setup", source).into_pyobject(py)?.into_any()))
            }
            Next::Child {
                payload_len,
                record_capacity,
                exchange,
            } => {
                state.exchange = exchange;
                state.payload_len = payload_len;
                state.record_capacity = record_capacity;
                let header = state
                    .open_payload()
                    .ok_or_else(|| failed("payload is cut short"))?;
                let bytes = &state.zygote.arena().payload(payload_len)[header.0..header.1];
                let header = decode_py(py, bytes, &state.classes, &ARGUMENTS)?;
                Ok(Some(("child", header).into_pyobject(py)?.into_any()))
            }
        }
    }

    /// Answers a setup; an empty text means it ran.
    fn setup_done(&self, failure: &str) -> PyResult<()> {
        self.state().zygote.setup_done(failure).map_err(failed)
    }

    /// Whether a judge is at the other end of an exchange.
    fn is_judged(&self) -> bool {
        self.state().exchange.is_some()
    }

    /// Sends plain values through the exchange; false if the other side is gone.
    ///
    /// Raises `ValueError` for what is no plain value, or too much of it.
    fn send(&self, message: &Bound<'_, PyAny>) -> PyResult<bool> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.scratch.clear();
        encode_py(message, &mut state.scratch, &state.classes, &EXCHANGE)
            .map_err(|refusal| PyValueError::new_err(refusal.to_string()))?;
        let Some(exchange) = state.exchange.as_mut() else {
            return Ok(false);
        };
        Ok(exchange.send(&state.scratch)?)
    }

    /// The next message, of `most` bytes at most; None if the other side is gone. Raises for what is no message.
    #[pyo3(signature = (most=EXCHANGE.max_bytes))]
    fn receive(&self, py: Python<'_>, most: usize) -> PyResult<Option<Py<PyAny>>> {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(exchange) = state.exchange.as_mut() else {
            return Ok(None);
        };
        let Some(bytes) = exchange.receive(most.min(EXCHANGE.max_bytes))? else {
            return Ok(None);
        };
        decode_py(py, &bytes, &state.classes, &EXCHANGE).map(Some)
    }

    /// Whether two tuples hold the same objects, which nobody is asked: a kept list is looked through at every message.
    #[staticmethod]
    fn are_same(one: &Bound<'_, PyTuple>, other: &Bound<'_, PyTuple>) -> bool {
        one.len() == other.len()
            && one
                .iter_borrowed()
                .zip(other.iter_borrowed())
                .all(|(mine, theirs)| mine.is(&*theirs))
    }

    /// How many calls this rollout has to make.
    fn calls(&self) -> usize {
        self.state().calls.len()
    }

    /// The arguments of one call, built afresh.
    fn call(&self, py: Python<'_>, position: usize) -> PyResult<Py<PyAny>> {
        let state = self.state();
        let (start, end) = *state
            .calls
            .get(position)
            .ok_or_else(|| failed("no such call"))?;
        let bytes = state
            .zygote
            .arena()
            .payload(state.payload_len)
            .get(start..end);
        let bytes = bytes
            .ok_or_else(|| failed("payload is cut short"))?
            .to_vec();
        drop(state);
        self.with_room(|state| decode_py(py, &bytes, &state.classes, &ARGUMENTS))
    }

    /// The classes whose instances count as lists and trees of nodes.
    fn capture_nodes(&self, list_node: &Bound<'_, PyAny>, tree_node: &Bound<'_, PyAny>) {
        self.state().classes.set_nodes(list_node, tree_node);
    }

    /// Writes one record; one that does not fit ends the rollout.
    fn record(&self, kind: u8, index: u32, text: &Bound<'_, PyString>) {
        // The answer compiles and has not been run: `__main__` is the setup code's alone.
        if kind == RecordKind::Compiled as u8
            && let Ok([list_node, tree_node]) = setup_nodes(text.py())
        {
            let mut state = self.state();
            state.classes.set_setup_nodes([&list_node, &tree_node]);
        }
        self.with_room(|state| {
            let text = text.to_cow().unwrap_or_default();
            state.append(kind, index, text.as_bytes());
        });
    }

    /// Takes note that the marked file is `length` bytes long now and holds `piece` at `offset`; false where the whole
    /// content must be given.
    fn file(&self, offset: usize, piece: &[u8], length: usize) -> bool {
        self.with_room(|state| state.note_file(offset, piece, length))
    }

    /// Records what a call returned, or why that cannot count.
    fn claim(&self, index: u32, value: &Bound<'_, PyAny>) {
        self.with_room(|state| state.claim(index, value));
    }

    /// Ends the process at once.
    #[expect(
        clippy::unused_self,
        reason = "a method, so that the runner carries one object"
    )]
    fn exit(&self, status: i32) {
        exit_now(status)
    }
}

impl State {
    fn claim(&mut self, index: u32, value: &Bound<'_, PyAny>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        // Right values fill a part of the area; wrong ones share the rest, so that they crowd out no right one.
        let left = self
            .record_capacity
            .saturating_sub(self.zygote.arena().used());
        let budget = Budget {
            max_bytes: (self.record_capacity / CLAIMS_PER_AREA).min(left / 2),
            ..Budget::default()
        };
        let encoded = encode_py(value, &mut scratch, &self.classes, &budget);
        let encoded = encoded.and_then(|()| {
            let fits = self.zygote.take_room();
            fits.then_some(()).ok_or(EncodeRefusal::NoMemory)
        });
        match encoded {
            Ok(()) => self.append(RecordKind::Value as u8, index, &scratch),
            Err(EncodeRefusal::NoMemory) => {
                scratch = Vec::new();
                self.append(RecordKind::Raised as u8, index, b"MemoryError");
            }
            Err(refusal) => {
                let text = match refusal {
                    EncodeRefusal::BadType(_)
                        if self.classes.has_own_equality(value, "__main__") =>
                    {
                        format!("={refusal}")
                    }
                    _ => format!(" {refusal}"),
                };
                self.append(RecordKind::BadType as u8, index, text.as_bytes());
            }
        }
        self.scratch = scratch;
    }

    fn note_file(&mut self, offset: usize, piece: &[u8], length: usize) -> bool {
        if self.file.is_none_or(|record| record.room < length) {
            if offset != 0 || piece.len() != length {
                return false;
            }
            let room = length.next_power_of_two().max(LEAST_FILE_BYTES);
            self.append(RecordKind::File as u8, 0, &vec![0; room]);
            let place = self.zygote.arena().used().saturating_sub(room);
            let length = 0;
            self.file = Some(FileRecord {
                place,
                room,
                length,
            });
        }
        let Some(record) = self.file.as_mut() else {
            return false;
        };
        // Behind the content stand zeros, which are no word.
        let zeros = vec![0; record.length.saturating_sub(length)];
        let (arena, start) = (self.zygote.arena(), self.payload_len);
        let fits = offset <= length && piece.len() <= length - offset;
        arena.overwrite(start, self.record_capacity, record.place + length, &zeros);
        if fits {
            arena.overwrite(start, self.record_capacity, record.place + offset, piece);
        }
        record.length = length;
        fits
    }

    /// Finds the header and the calls in the payload; the header's bounds.
    fn open_payload(&mut self) -> Option<(usize, usize)> {
        let payload = self.zygote.arena().payload(self.payload_len);
        let length_at = |offset: usize| -> Option<usize> {
            let raw = payload.get(offset..offset + 4)?;
            Some(u32::from_le_bytes(raw.try_into().ok()?) as usize)
        };
        let header = (4, 4 + length_at(0)?);
        let mut offset = header.1 + 4;
        let mut calls = Vec::with_capacity(length_at(header.1)?);
        for _ in 0..length_at(header.1)? {
            let start = offset + 4;
            let end = start + length_at(offset)?;
            calls.push((start, end));
            offset = end;
        }
        self.calls = calls;
        (offset <= self.payload_len).then_some(header)
    }

    fn append(&self, kind: u8, index: u32, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let index = index.to_le_bytes();
        let fits = self.zygote.arena().append(
            self.payload_len,
            self.record_capacity,
            &[&[kind], &index, &length, bytes],
        );
        // Going on would make a lost record look like a call that was never made.
        if !fits {
            exit_now(RECORDS_FULL);
        }
    }
}

/// Python text from UTF-8 that may hold lone surrogates.
fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogatepass"))
}

/// `ListNode` and `TreeNode` as `__main__` has them now; None where it has not.
fn setup_nodes(py: Python<'_>) -> PyResult<[Bound<'_, PyAny>; 2]> {
    let modules = py.import("sys")?.getattr("modules")?;
    let main = modules.get_item("__main__")?.getattr("__dict__")?;
    let class = |name: &str| main.call_method1("get", (name,));
    Ok([class("ListNode")?, class("TreeNode")?])
}

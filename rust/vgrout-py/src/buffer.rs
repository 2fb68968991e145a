//! `ScoreBuffer` for Python: arrays in without a copy where their layout allows it, the GIL released for the work.

use pyo3::buffer::{Element as BufferElement, PyBuffer};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vgrout_buffer::{Bf16, BufferError, Element, Options, ScoreBuffer, State};

use crate::arrays::{
    expect_field, field, float64_array, in_place, is_native, natural, new_array, to_numpy,
};
use crate::error::buffer_error;

/// Tells one saved layout from the next.
const STATE_FORMAT: &str = "vgrout.ScoreBuffer/1";

/// The last `capacity` feature rows, and exact quantiles of their scores against a direction that may change.
///
/// A row's score is its dot product with the direction, summed in float32 in a fixed order: the same bits when it is
/// pushed and when it is scored again, on any number of threads. Rows are kept (`dtype`: "float32", or "bfloat16"
/// for half the memory, rounded to nearest even), so a new direction re-scores them all.
///
/// With `half_life` (rollouts, finite and > 0) a row with sequence number s weighs `round(2^62 * 2^((s - E) / half_life))`,
/// E being the last sequence number of the current run of `ceil(32 * half_life)` rows; None weighs all rows alike.
///
/// Every method may be called from any thread; the GIL is released for the work. An array must not be written to
/// while a call reads it. `threads` bounds the threads of a re-scoring (None: all usable CPUs).
///
/// Raises:
///     `ValueError`: `capacity` outside [1, 2**31] or `dim` outside [1, 2**24], `half_life` not finite and positive, an
///         unknown `dtype`.
#[pyclass(frozen, name = "ScoreBuffer", module = "vgrout")]
pub struct PyScoreBuffer {
    inner: Inner,
}

enum Inner {
    F32(ScoreBuffer<f32>),
    Bf16(ScoreBuffer<Bf16>),
}

/// Runs the same code on whichever storage type the buffer has.
macro_rules! each {
    ($self:expr, $buffer:ident => $body:expr) => {
        match &$self.inner {
            Inner::F32($buffer) => $body,
            Inner::Bf16($buffer) => $body,
        }
    };
}

#[pymethods]
impl PyScoreBuffer {
    #[new]
    #[pyo3(signature = (capacity, dim, half_life=None, dtype="float32", *, threads=None))]
    fn new(
        capacity: &Bound<'_, PyAny>,
        dim: &Bound<'_, PyAny>,
        half_life: Option<f64>,
        dtype: &str,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let threads = threads.map(|value| natural("threads", value)).transpose()?;
        if threads == Some(0) {
            return Err(PyValueError::new_err(
                "threads: 0 is too few; give at least 1, or None for all usable CPUs",
            ));
        }
        let options = Options {
            half_life,
            threads,
            ..Options::new(natural("capacity", capacity)?, natural("dim", dim)?)
        };
        let inner = match dtype {
            f32::NAME => Inner::F32(ScoreBuffer::new(options).map_err(raise)?),
            Bf16::NAME => Inner::Bf16(ScoreBuffer::new(options).map_err(raise)?),
            other => {
                return Err(PyValueError::new_err(format!(
                    "dtype: {other:?} is not a storage type; use \"float32\" or \"bfloat16\""
                )));
            }
        };
        Ok(Self { inner })
    }

    /// Rows kept.
    #[getter]
    fn capacity(&self) -> usize {
        each!(self, buffer => buffer.options().capacity)
    }

    /// Features of one row.
    #[getter]
    fn dim(&self) -> usize {
        each!(self, buffer => buffer.options().dim)
    }

    /// Rollouts after which a weight has halved; None for equal weights.
    #[getter]
    fn half_life(&self) -> Option<f64> {
        each!(self, buffer => buffer.options().half_life)
    }

    /// How features are stored.
    #[getter]
    fn dtype(&self) -> &'static str {
        match &self.inner {
            Inner::F32(_) => f32::NAME,
            Inner::Bf16(_) => Bf16::NAME,
        }
    }

    /// Score every row against `direction`, [dim] (real numbers, taken as float32), and score by it from now on.
    ///
    /// Raises:
    ///     `ValueError`: another shape, or a component that is not finite; the old direction stays in force.
    fn set_direction(&self, py: Python<'_>, direction: &Bound<'_, PyAny>) -> PyResult<()> {
        let direction = read_direction(direction, self.dim())?;
        py.detach(|| each!(self, buffer => buffer.set_direction(&direction)))
            .map_err(raise)
    }

    /// Store `rows`, [n, dim], evict the oldest beyond `capacity`, and return their scores, float64 [n].
    ///
    /// Arrays and torch CPU tensors of the storage type (bfloat16: a `torch.bfloat16` tensor, or its bits as int16 or
    /// uint16) are read in place where contiguous; other real types are converted. Zero rows give an empty array; of
    /// more than `capacity` rows the last are kept. A sum beyond the range of float32 gives its largest finite value.
    ///
    /// Raises:
    ///     `ValueError`: no direction is set, another shape or type, a tensor on a GPU, or a value that is not finite
    ///         (the message names row and column); then no row of the push is stored.
    fn push<'py>(&self, py: Python<'py>, rows: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let scores = match &self.inner {
            Inner::F32(buffer) => push(buffer, py, rows)?,
            Inner::Bf16(buffer) => push(buffer, py, rows)?,
        };
        float64_array(py, &scores)
    }

    /// The scores at the probabilities `q`, float64 [len(q)].
    ///
    /// Weighted: the first score, in order of score then sequence, whose cumulative weight reaches q of the total,
    /// in exact integer arithmetic. Unweighted: `numpy.quantile(scores, q)`, linear, to the bit.
    ///
    /// Raises:
    ///     `ValueError`: no direction is set, the buffer is empty, or a probability is outside [0, 1].
    #[allow(clippy::needless_pass_by_value)]
    fn quantiles<'py>(&self, py: Python<'py>, q: Vec<f64>) -> PyResult<Bound<'py, PyAny>> {
        let values = py
            .detach(|| each!(self, buffer => buffer.quantiles(&q)))
            .map_err(raise)?;
        float64_array(py, &values)
    }

    /// The quantiles at `q` and `1 - q`, taken of the same rows.
    ///
    /// Raises:
    ///     `ValueError`: as `quantiles`, and for `q` outside [0, 0.5].
    fn thresholds(&self, py: Python<'_>, q: f64) -> PyResult<(f64, f64)> {
        py.detach(|| each!(self, buffer => buffer.thresholds(q)))
            .map_err(raise)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| each!(self, buffer => buffer.len()))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let options = each!(self, buffer => buffer.options());
        let half_life = options
            .half_life
            .map_or_else(|| "None".to_owned(), |value| value.to_string());
        format!(
            "ScoreBuffer(capacity={}, dim={}, half_life={half_life}, dtype={:?}) with {} rows",
            options.capacity,
            options.dim,
            self.dtype(),
            self.__len__(py)
        )
    }

    /// Counts since construction and sizes now.
    ///
    /// `rows`, `pushed`, `evicted` and `rescored` count rows; `refused_pushes` counts pushes; `ingress_full` the times
    /// a push found the ingress ring full and emptied it itself; `direct_pushes` the pushes too long for the ring;
    /// `*_bytes` are bytes allocated.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py.detach(|| each!(self, buffer => buffer.stats()));
        let dict = PyDict::new(py);
        for (name, value) in stats.fields() {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// Everything the buffer's future depends on, as plain values and arrays (rows [n, dim], bfloat16 as int16).
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("format", STATE_FORMAT)?;
        dict.set_item("capacity", self.capacity())?;
        dict.set_item("dim", self.dim())?;
        dict.set_item("half_life", self.half_life())?;
        dict.set_item("dtype", self.dtype())?;
        let (next_sequence, direction, rows) = match &self.inner {
            Inner::F32(buffer) => {
                let state = py.detach(|| buffer.state());
                (
                    state.next_sequence,
                    state.direction,
                    new_array(py, &state.rows, "float32")?,
                )
            }
            Inner::Bf16(buffer) => {
                let state = py.detach(|| buffer.state());
                let bits: Vec<i16> = state
                    .rows
                    .iter()
                    .map(|value| value.0.cast_signed())
                    .collect();
                (
                    state.next_sequence,
                    state.direction,
                    new_array(py, &bits, "int16")?,
                )
            }
        };
        dict.set_item("next_sequence", next_sequence)?;
        dict.set_item(
            "direction",
            direction
                .map(|values| new_array(py, &values, "float32"))
                .transpose()?,
        )?;
        dict.set_item(
            "rows",
            rows.call_method1(intern!(py, "reshape"), (-1, self.dim()))?,
        )?;
        Ok(dict)
    }

    /// Replace the contents by a saved state; every later answer is then the saved buffer's, to the bit.
    ///
    /// Raises:
    ///     `ValueError`: the state is of a buffer built otherwise, or damaged (the message names the field); the buffer
    ///         is then as it was.
    fn load_state_dict(&self, py: Python<'_>, state: &Bound<'_, PyDict>) -> PyResult<()> {
        expect_field(state, "format", STATE_FORMAT)?;
        expect_field(state, "capacity", self.capacity())?;
        expect_field(state, "dim", self.dim())?;
        expect_field(state, "half_life", self.half_life())?;
        expect_field(state, "dtype", self.dtype())?;
        match &self.inner {
            Inner::F32(buffer) => restore(buffer, py, state),
            Inner::Bf16(buffer) => restore(buffer, py, state),
        }
    }
}

#[allow(clippy::needless_pass_by_value)]
fn raise(error: BufferError) -> PyErr {
    buffer_error(&error)
}

fn push<E: Storage>(
    buffer: &ScoreBuffer<E>,
    py: Python<'_>,
    rows: &Bound<'_, PyAny>,
) -> PyResult<Vec<f64>> {
    let rows = E::read(rows, "rows")?;
    rows.check_matrix("rows", buffer.options().dim)?;
    let values = rows.values();
    let scores = py.detach(|| buffer.push(values)).map_err(raise)?;
    Ok(scores.into_iter().map(f64::from).collect())
}

fn restore<E: Storage>(
    buffer: &ScoreBuffer<E>,
    py: Python<'_>,
    state: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let dim = buffer.options().dim;
    let rows = E::read(&field(state, "rows")?, "state[\"rows\"]")?;
    rows.check_matrix("state[\"rows\"]", dim)?;
    let direction = field(state, "direction")?;
    let direction = if direction.is_none() {
        None
    } else {
        Some(read_direction(&direction, dim)?)
    };
    let next_sequence = field(state, "next_sequence")?
        .extract::<u64>()
        .map_err(|_| {
            PyValueError::new_err(
                "state[\"next_sequence\"]: expected an integer of at least 0; the state is damaged",
            )
        })?;
    let values = rows.values();
    py.detach(|| {
        buffer.restore(&State {
            next_sequence,
            direction,
            rows: values.to_vec(),
        })
    })
    .map_err(raise)
}

/// Values of one argument: borrowed from the caller's array, or converted.
enum Array<B: BufferElement, E> {
    Borrowed(PyBuffer<B>),
    Converted(Vec<E>, Vec<usize>),
}

impl<B: BufferElement, E: Storage<Raw = B>> Array<B, E> {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Borrowed(buffer) => buffer.shape(),
            Self::Converted(_, shape) => shape,
        }
    }

    fn check_matrix(&self, field: &str, dim: usize) -> PyResult<()> {
        match self.shape() {
            [_, columns] if *columns == dim => Ok(()),
            [0] => Ok(()),
            shape => Err(PyValueError::new_err(format!(
                "{field}: shape {shape:?} is not [n, {dim}]; give one row of {dim} features per rollout"
            ))),
        }
    }

    fn values(&self) -> &[E] {
        match self {
            Self::Converted(values, _) => values,
            Self::Borrowed(buffer) if buffer.item_count() == 0 => &[],
            Self::Borrowed(buffer) => {
                // `read` makes contiguous whatever was not, so there is always a slice.
                let Some(slice) = buffer.as_slice_ptr() else {
                    return &[];
                };
                // SAFETY: `PyBuffer` checked format, size and alignment for `B`, whose layout `E` shares (see
                // `Storage`); the view it holds keeps the memory alive and in place for as long as `self` is borrowed.
                // That nobody writes to the array during the call is the documented duty of the caller, as for every
                // consumer of the buffer protocol that releases the GIL.
                unsafe { std::slice::from_raw_parts(slice.cast::<E>().as_ptr(), slice.len()) }
            }
        }
    }
}

/// A storage type whose rows can be read from a Python buffer.
///
/// # Safety
/// `Raw` and `Self` have the same size, alignment and valid bit patterns.
unsafe trait Storage: Element + Sized {
    /// The buffer's element type.
    type Raw: BufferElement;
    /// The `numpy` type whose memory is read in place.
    const IN_PLACE: &'static str;
    /// Whether 16-bit integers are this type's bits.
    const BITS: bool;

    /// Reads an array, tensor or nested list.
    fn read(object: &Bound<'_, PyAny>, field: &str) -> PyResult<Array<Self::Raw, Self>> {
        // The common case costs one call: a contiguous, aligned array of just this type.
        if let Ok(buffer) = PyBuffer::get(object)
            && buffer.is_c_contiguous()
            && is_native(buffer.format())
        {
            return Ok(Array::Borrowed(buffer));
        }
        let py = object.py();
        let array = to_numpy(object, field, Self::BITS)?;
        let dtype = array.getattr(intern!(py, "dtype"))?;
        let (kind, size): (char, usize) = (
            dtype.getattr(intern!(py, "kind"))?.extract()?,
            dtype.getattr(intern!(py, "itemsize"))?.extract()?,
        );
        let refuse = |why: String| Err(PyValueError::new_err(format!("{field}: {why}")));
        match kind {
            'i' | 'u' if size == 2 && !Self::BITS => refuse(format!(
                "{dtype} looks like the bits of bfloat16; build the buffer with dtype=\"bfloat16\" or convert to float32"
            )),
            'i' | 'u' if size == 2 => Ok(Array::Borrowed(in_place(
                &array,
                dtype.str()?.to_str()?,
                Self::IN_PLACE,
            )?)),
            'f' if size <= 4 && !Self::BITS => Ok(Array::Borrowed(in_place(
                &array,
                Self::IN_PLACE,
                Self::IN_PLACE,
            )?)),
            'f' | 'i' | 'u' => {
                // float64 holds every float32 and every small integer; narrowing is done here, where an overflow to
                // infinity is then refused by row instead of warned about.
                let wide: PyBuffer<f64> = in_place(&array, "float64", "float64")?;
                #[allow(clippy::cast_possible_truncation)]
                let values = wide
                    .to_vec(py)?
                    .into_iter()
                    .map(|value| Self::narrow(value as f32))
                    .collect();
                Ok(Array::Converted(values, wide.shape().to_vec()))
            }
            _ => refuse(format!(
                "dtype {dtype} is not a real number type; convert to {}",
                Self::NAME
            )),
        }
    }
}

// SAFETY: the same type.
unsafe impl Storage for f32 {
    type Raw = f32;
    const IN_PLACE: &'static str = "float32";
    const BITS: bool = false;
}

// SAFETY: `Bf16` is a transparent wrapper of `u16`, which has the layout of `i16`; all patterns are valid in each.
unsafe impl Storage for Bf16 {
    type Raw = i16;
    const IN_PLACE: &'static str = "int16";
    const BITS: bool = true;
}

fn read_direction(object: &Bound<'_, PyAny>, dim: usize) -> PyResult<Vec<f32>> {
    let array = <f32 as Storage>::read(object, "direction")?;
    match array.shape() {
        [length] if *length == dim => Ok(array.values().to_vec()),
        shape => Err(PyValueError::new_err(format!(
            "direction: shape {shape:?} is not [{dim}]; flatten it to one component per feature"
        ))),
    }
}

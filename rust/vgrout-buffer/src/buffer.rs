//! The buffer: checks what comes in, scores it, and keeps the window.

use std::sync::{Mutex, MutexGuard};

use crate::error::BufferError;
use crate::quantile::View;
use crate::score::{Element, score};
use crate::weights::Decay;
use crate::window::Window;

/// The largest window: tags of 32 bits must stay distinct.
const MAX_ROWS: usize = 1 << 31;

/// How a buffer is built.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Rows kept.
    pub capacity: usize,
    /// Features of one row.
    pub dim: usize,
    /// Rows after which a weight has halved; None for equal weights.
    pub half_life: Option<f64>,
    /// Threads that re-score; None for the CPUs this process may use.
    pub threads: Option<usize>,
}

/// Counts and sizes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows held.
    pub rows: usize,
    /// Rows that ever came.
    pub pushed: u64,
    /// Rows that left for a newer one.
    pub evicted: u64,
    /// Pushes refused as a whole.
    pub refused_pushes: u64,
    /// Directions set so far.
    pub direction_epoch: u64,
    /// Rows scored again, by a new direction or because a push raced one.
    pub rescored: u64,
    /// Bytes of feature rows.
    pub feature_bytes: usize,
    /// Bytes of scores, weights and the order index.
    pub index_bytes: usize,
}

impl Stats {
    /// Each count with its name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, u64); 8] {
        [
            ("rows", self.rows as u64),
            ("pushed", self.pushed),
            ("evicted", self.evicted),
            ("refused_pushes", self.refused_pushes),
            ("direction_epoch", self.direction_epoch),
            ("rescored", self.rescored),
            ("feature_bytes", self.feature_bytes as u64),
            ("index_bytes", self.index_bytes as u64),
        ]
    }
}

/// All that a buffer's future depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct State<E> {
    /// The sequence number of the next row.
    pub next_sequence: u64,
    /// The direction; None before the first.
    pub direction: Option<Vec<f32>>,
    /// The rows from the oldest to the newest, end to end.
    pub rows: Vec<E>,
}

#[derive(Debug)]
struct Inner<E> {
    window: Window<E>,
    direction: Option<Vec<f32>>,
    direction_epoch: u64,
    refused: u64,
    rescored: u64,
}

/// See the crate.
#[derive(Debug)]
pub struct ScoreBuffer<E> {
    options: Options,
    decay: Option<Decay>,
    threads: usize,
    inner: Mutex<Inner<E>>,
}

impl<E: Element> ScoreBuffer<E> {
    /// An empty buffer.
    ///
    /// # Errors
    /// `Capacity`, `Dim`, `HalfLife` for a value outside its range.
    pub fn new(options: Options) -> Result<Self, BufferError> {
        let Options {
            capacity,
            dim,
            half_life,
            threads,
        } = options;
        if capacity == 0 || capacity > MAX_ROWS {
            return Err(BufferError::Capacity { capacity });
        }
        if dim == 0 || dim > MAX_ROWS {
            return Err(BufferError::Dim { dim });
        }
        let decay = match half_life {
            None => None,
            Some(half_life) => {
                Some(Decay::new(half_life).ok_or(BufferError::HalfLife { half_life })?)
            }
        };
        let threads =
            threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let window = Window::new(capacity, dim, decay, 0);
        let inner = Inner {
            window,
            direction: None,
            direction_epoch: 0,
            refused: 0,
            rescored: 0,
        };
        Ok(Self {
            options,
            decay,
            threads,
            inner: Mutex::new(inner),
        })
    }

    /// What the buffer was built with.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// Puts a direction in force and scores every row against it.
    ///
    /// # Errors
    /// `Length` unless it has `dim` components, `NonFiniteDirection`.
    pub fn set_direction(&self, direction: &[f32]) -> Result<(), BufferError> {
        self.check_direction(direction)?;
        let mut inner = self.lock();
        inner.direction = Some(direction.to_vec());
        inner.direction_epoch += 1;
        inner.rescored += inner.window.len() as u64;
        inner.window.rescore(direction, self.threads);
        Ok(())
    }

    /// Scores rows (end to end, `dim` features each), stores them and returns the scores.
    ///
    /// # Errors
    /// `NoDirection`, `Length`, `NonFiniteRow`; then nothing was stored.
    pub fn push(&self, rows: &[E]) -> Result<Vec<f32>, BufferError> {
        let dim = self.options.dim;
        if !rows.len().is_multiple_of(dim) {
            return Err(BufferError::Length {
                field: "rows",
                found: rows.len(),
                dim,
            });
        }
        let mut inner = self.lock();
        let Some(direction) = &inner.direction else {
            return Err(BufferError::NoDirection { operation: "push" });
        };
        let scores: Vec<f32> = rows
            .chunks_exact(dim)
            .map(|row| score(row, direction))
            .collect();
        if let Some(row) = scores.iter().position(|score| score.is_nan()) {
            inner.refused += 1;
            return Err(non_finite(row, &rows[row * dim..(row + 1) * dim]));
        }
        inner.window.append(rows, &scores);
        Ok(scores)
    }

    /// The scores at these probabilities; see [`View::quantile`].
    ///
    /// # Errors
    /// `NoDirection`, `Empty`, `Probability`.
    pub fn quantiles(&self, probabilities: &[f64]) -> Result<Vec<f64>, BufferError> {
        let inner = self.lock();
        if inner.direction.is_none() {
            return Err(BufferError::NoDirection {
                operation: "quantiles",
            });
        }
        inner.window.view().quantiles(probabilities)
    }

    /// The lower and upper `q` quantiles.
    ///
    /// # Errors
    /// `NoDirection`, `Empty`, `Probability`.
    pub fn thresholds(&self, q: f64) -> Result<(f64, f64), BufferError> {
        let inner = self.lock();
        if inner.direction.is_none() {
            return Err(BufferError::NoDirection {
                operation: "thresholds",
            });
        }
        inner.window.view().thresholds(q)
    }

    /// The window as it is now, unaffected by what comes later.
    #[must_use]
    pub fn snapshot(&self) -> View {
        self.lock().window.view().clone()
    }

    /// Rows held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().window.len()
    }

    /// Whether no row is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let inner = self.lock();
        let (feature_bytes, index_bytes) = inner.window.bytes();
        let (rows, pushed) = (inner.window.len(), inner.window.next_sequence());
        Stats {
            rows,
            pushed,
            evicted: pushed - rows as u64,
            refused_pushes: inner.refused,
            direction_epoch: inner.direction_epoch,
            rescored: inner.rescored,
            feature_bytes,
            index_bytes,
        }
    }

    /// All that is needed to go on elsewhere.
    #[must_use]
    pub fn state(&self) -> State<E> {
        let inner = self.lock();
        State {
            next_sequence: inner.window.next_sequence(),
            direction: inner.direction.clone(),
            rows: inner.window.export(),
        }
    }

    /// Replaces the contents by a saved state.
    ///
    /// # Errors
    /// `State` naming the field that cannot be; then nothing has changed.
    pub fn restore(&self, state: &State<E>) -> Result<(), BufferError> {
        let Options { capacity, dim, .. } = self.options;
        let rows = state.rows.len() / dim;
        let refuse = |field, found: String, expected: String| {
            Err(BufferError::State {
                field,
                found,
                expected,
            })
        };
        if !state.rows.len().is_multiple_of(dim) || rows > capacity {
            return refuse(
                "rows",
                format!("{} values", state.rows.len()),
                format!("at most {capacity} rows of {dim}"),
            );
        }
        // Every row that ever came is either held or was pushed out by a full window.
        let held = state.next_sequence.min(capacity as u64);
        if held != rows as u64 || state.next_sequence > 1 << 62 {
            return refuse(
                "next_sequence",
                state.next_sequence.to_string(),
                format!("a number that leaves {rows} rows"),
            );
        }
        let scores = match &state.direction {
            None if rows > 0 => {
                return refuse(
                    "direction",
                    "None".into(),
                    "the direction the rows were scored with".into(),
                );
            }
            None => Vec::new(),
            Some(direction) => {
                if self.check_direction(direction).is_err() {
                    return refuse(
                        "direction",
                        format!("{} values", direction.len()),
                        format!("{dim} finite values"),
                    );
                }
                state
                    .rows
                    .chunks_exact(dim)
                    .map(|row| score(row, direction))
                    .collect()
            }
        };
        if let Some(row) = scores.iter().position(|score| score.is_nan()) {
            return refuse(
                "rows",
                format!("a non-finite value in row {row}"),
                "finite values".into(),
            );
        }
        let mut window = Window::new(capacity, dim, self.decay, state.next_sequence - rows as u64);
        window.append(&state.rows, &scores);
        let mut inner = self.lock();
        inner.window = window;
        inner.direction.clone_from(&state.direction);
        inner.direction_epoch += 1;
        Ok(())
    }

    fn check_direction(&self, direction: &[f32]) -> Result<(), BufferError> {
        let dim = self.options.dim;
        if direction.len() != dim {
            return Err(BufferError::Length {
                field: "direction",
                found: direction.len(),
                dim,
            });
        }
        match direction.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(BufferError::NonFiniteDirection {
                index,
                value: direction[index],
            }),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<E>> {
        self.inner
            .lock()
            .expect("an earlier call panicked while it changed the buffer")
    }
}

fn non_finite<E: Element>(row: usize, features: &[E]) -> BufferError {
    let column = features
        .iter()
        .position(|value| !value.widen().is_finite())
        .unwrap_or(0);
    BufferError::NonFiniteRow {
        row,
        column,
        value: features[column].widen(),
    }
}

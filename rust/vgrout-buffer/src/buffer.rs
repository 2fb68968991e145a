//! The buffer: checks and scores what comes in, and keeps the window behind the ring.
//!
//! Producers use the ring alone; whoever reads takes the lock, moves what the ring holds into the window, and answers
//! from there. So a producer waits for another thread only when the ring is full or the push longer than it.

use std::slice::ChunksExact;

use crate::config::{MAX_DIM, MAX_ROWS, Options, State, Stats};
use crate::error::BufferError;
use crate::quantile::View;
use crate::ring::{self, Reader, Refused, Ring};
use crate::score::{Element, score_all};
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::weights::Decay;
use crate::window::Window;

const NO_DIRECTION: BufferError = BufferError::NoDirection { operation: "push" };

/// What readers share, one at a time.
#[derive(Debug)]
struct Inner<E> {
    reader: Reader<E>,
    window: Window<E>,
    direction: Option<Vec<f32>>,
    rescored: u64,
}

/// See the crate.
#[derive(Debug)]
pub struct ScoreBuffer<E> {
    options: Options,
    decay: Option<Decay>,
    threads: usize,
    ring: Arc<Ring<E>>,
    inner: Mutex<Inner<E>>,
    refused: AtomicU64,
    full: AtomicU64,
    direct: AtomicU64,
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
            ..
        } = options;
        if capacity == 0 || capacity > MAX_ROWS {
            return Err(BufferError::Capacity { capacity });
        }
        if dim == 0 || dim > MAX_DIM {
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
        let (ring, reader) = ring::ring(options.ingress_slots(size_of::<E>()), dim);
        let window = Window::new(capacity, dim, decay, 0);
        let inner = Inner {
            reader,
            window,
            direction: None,
            rescored: 0,
        };
        Ok(Self {
            options,
            decay,
            threads,
            ring,
            inner: Mutex::new(inner),
            refused: AtomicU64::new(0),
            full: AtomicU64::new(0),
            direct: AtomicU64::new(0),
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
    /// `Length` unless it has `dim` components, `NonFiniteDirection`; the old one then stays.
    pub fn set_direction(&self, direction: &[f32]) -> Result<(), BufferError> {
        self.check_direction(direction)?;
        let mut inner = self.drained();
        let Inner {
            reader,
            window,
            rescored,
            ..
        } = &mut *inner;
        *rescored += window.len() as u64;
        window.rescore(direction, self.threads);
        // What was pushed meanwhile was still scored with the old direction.
        reader.publish(Some(direction.to_vec()), |rows, scores| {
            let mut scores = scores.to_vec();
            score_all(self.rows(rows), direction, &mut scores);
            *rescored += scores.len() as u64;
            window.append(rows, &scores);
        });
        inner.direction = Some(direction.to_vec());
        Ok(())
    }

    /// Scores rows (end to end, `dim` features each), stores them and returns the scores.
    ///
    /// # Errors
    /// `NoDirection`, `Length`, `NonFiniteRow`; then nothing was stored.
    pub fn push(&self, rows: &[E]) -> Result<Vec<f32>, BufferError> {
        let mut scores = vec![0.0; rows.len() / self.options.dim];
        self.push_into(rows, &mut scores)?;
        Ok(scores)
    }

    /// `push` without an allocation: `scores` has one place for each row.
    ///
    /// # Errors
    /// As `push`; `Length` also when `scores` does not match.
    pub fn push_into(&self, rows: &[E], scores: &mut [f32]) -> Result<(), BufferError> {
        let dim = self.options.dim;
        if rows.len() != scores.len() * dim {
            return Err(BufferError::Length {
                field: "rows",
                found: rows.len(),
                dim,
            });
        }
        if scores.is_empty() {
            return self
                .ring
                .pinned(|pinned| pinned.direction.map(drop))
                .ok_or(NO_DIRECTION);
        }
        loop {
            let (epoch, outcome) = self.ring.pinned(|pinned| {
                let direction = pinned.direction.ok_or(NO_DIRECTION)?;
                score_all(self.rows(rows), direction, scores);
                if let Some(row) = scores.iter().position(|score| score.is_nan()) {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return Err(non_finite(row, &rows[row * dim..(row + 1) * dim]));
                }
                if scores.len() > self.ring.slots() {
                    self.direct.fetch_add(1, Ordering::Relaxed);
                    return Ok((pinned.epoch, Err(Refused::Full)));
                }
                let outcome = pinned.push(rows, scores);
                if outcome == Err(Refused::Full) {
                    self.full.fetch_add(1, Ordering::Relaxed);
                }
                Ok((pinned.epoch, outcome))
            })?;
            match outcome {
                Ok(()) => return Ok(()),
                Err(Refused::Stale) => {}
                Err(Refused::Full) => return self.push_direct(rows, scores, epoch),
            }
        }
    }

    /// Stores rows past the ring, yet in the order of reservation.
    fn push_direct(&self, rows: &[E], scores: &mut [f32], epoch: u64) -> Result<(), BufferError> {
        let count = scores.len() as u64;
        let mut inner = self.drained();
        while !inner.reader.claim(count) {
            inner.drain();
        }
        let stale = inner.reader.epoch() != epoch;
        let Inner {
            reader,
            window,
            direction,
            ..
        } = &mut *inner;
        if stale {
            let Some(direction) = direction else {
                reader.release(count);
                return Err(NO_DIRECTION);
            };
            score_all(self.rows(rows), direction, scores);
        }
        window.append(rows, scores);
        reader.release(count);
        Ok(())
    }

    /// The scores at these probabilities; see [`View::quantile`].
    ///
    /// # Errors
    /// `NoDirection`, `Empty`, `Probability`.
    pub fn quantiles(&self, probabilities: &[f64]) -> Result<Vec<f64>, BufferError> {
        let inner = self.drained();
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
        let inner = self.drained();
        if inner.direction.is_none() {
            return Err(BufferError::NoDirection {
                operation: "thresholds",
            });
        }
        inner.window.view().thresholds(q)
    }

    /// The window as it is now, untouched by what comes later; copies no row and no key.
    #[must_use]
    pub fn snapshot(&self) -> View {
        self.drained().window.view().clone()
    }

    /// Rows held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.drained().window.len()
    }

    /// Whether no row is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let inner = self.drained();
        let (feature_bytes, index_bytes) = inner.window.bytes();
        let (rows, pushed) = (inner.window.len() as u64, inner.window.next_sequence());
        Stats {
            rows,
            pushed,
            evicted: pushed - rows,
            refused_pushes: self.refused.load(Ordering::Relaxed),
            ingress_full: self.full.load(Ordering::Relaxed),
            direct_pushes: self.direct.load(Ordering::Relaxed),
            ingress_slots: self.ring.slots() as u64,
            direction_epoch: inner.reader.epoch(),
            rescored: inner.rescored,
            feature_bytes: feature_bytes as u64,
            index_bytes: index_bytes as u64,
            ingress_bytes: self.ring.bytes() as u64,
        }
    }

    /// All that is needed to go on elsewhere.
    #[must_use]
    pub fn state(&self) -> State<E> {
        let inner = self.drained();
        State {
            next_sequence: inner.window.next_sequence(),
            direction: inner.direction.clone(),
            rows: inner.window.export(),
        }
    }

    /// Replaces the contents by a saved state. A push that races it may come before it and be replaced too.
    ///
    /// # Errors
    /// `State` naming the field that cannot be; then nothing has changed.
    pub fn restore(&self, state: &State<E>) -> Result<(), BufferError> {
        let scores = self.check_state(state)?;
        let first = state.next_sequence - scores.len() as u64;
        let mut window = Window::new(self.options.capacity, self.options.dim, self.decay, first);
        window.append(&state.rows, &scores);
        let mut inner = self.lock();
        // Rows still in the ring came before the restore and are replaced with the rest.
        inner.reader.publish(state.direction.clone(), |_, _| {});
        inner.window = window;
        inner.direction.clone_from(&state.direction);
        Ok(())
    }

    /// The rows' scores, if this can be a state of this buffer.
    fn check_state(&self, state: &State<E>) -> Result<Vec<f32>, BufferError> {
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
            let expected = format!("at most {capacity} rows of {dim}");
            return refuse("rows", format!("{} values", state.rows.len()), expected);
        }
        // Every row that ever came is either held or was pushed out by a full window.
        let held = state.next_sequence.min(capacity as u64);
        if held != rows as u64 || state.next_sequence > 1 << 62 {
            let expected = format!("a number of rows of which {rows} are held");
            return refuse("next_sequence", state.next_sequence.to_string(), expected);
        }
        let Some(direction) = &state.direction else {
            if rows == 0 {
                return Ok(Vec::new());
            }
            let expected = "the direction the rows were scored with".into();
            return refuse("direction", "None".into(), expected);
        };
        if self.check_direction(direction).is_err() {
            let found = format!("{} values", direction.len());
            return refuse("direction", found, format!("{dim} finite values"));
        }
        let mut scores = vec![0.0; rows];
        score_all(self.rows(&state.rows), direction, &mut scores);
        match scores.iter().position(|score| score.is_nan()) {
            Some(row) => refuse(
                "rows",
                format!("a non-finite value in row {row}"),
                "finite values".into(),
            ),
            None => Ok(scores),
        }
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

    fn rows<'a>(&self, rows: &'a [E]) -> ChunksExact<'a, E> {
        rows.chunks_exact(self.options.dim)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<E>> {
        self.inner
            .lock()
            .expect("an earlier call panicked while it changed the buffer")
    }

    /// The lock, with every row whose push has returned in the window.
    fn drained(&self) -> MutexGuard<'_, Inner<E>> {
        let mut inner = self.lock();
        inner.drain();
        inner
    }
}

impl<E: Element> Inner<E> {
    fn drain(&mut self) {
        self.reader
            .drain(|rows, scores| self.window.append(rows, scores));
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

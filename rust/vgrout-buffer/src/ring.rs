//! The lock-free ingress: a bounded ring of rows, and the direction that producers score with.
//!
//! A producer pins the direction, scores its rows, reserves consecutive positions with one compare-and-exchange on
//! `tail`, writes the rows and publishes each with a stamp; it waits for nobody. The one reader takes everything
//! reserved so far, waiting where a producer has reserved and not yet published, and frees the slots through `head`.
//! Nothing is overwritten: a push that does not fit is told so.
//!
//! The lowest bit of `tail` is the parity of the direction's epoch. A change of direction flips it, so a reservation
//! scored with the old direction fails, and every position before the flip is known to carry the old one: pushes and
//! changes of direction have one order, that of the changes of `tail`. The only `unsafe` of this crate is here.

use crate::sync::{Arc, AtomicU32, AtomicU64, AtomicUsize, Ordering, relax};

#[cfg(not(loom))]
mod cell {
    /// A cell whose users keep the rules of aliasing themselves.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(super) struct Cell<T>(core::cell::UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(super) fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        pub(super) fn with<R>(&self, body: impl FnOnce(*const T) -> R) -> R {
            body(self.0.get())
        }

        pub(super) fn with_mut<R>(&self, body: impl FnOnce(*mut T) -> R) -> R {
            body(self.0.get())
        }
    }

    /// # Safety
    /// Nobody else reads or writes these cells during the call; the lengths are equal.
    pub(super) unsafe fn write<T: Copy>(cells: &[Cell<T>], values: &[T]) {
        debug_assert_eq!(cells.len(), values.len());
        let target = cells.as_ptr().cast::<T>().cast_mut();
        // SAFETY: `Cell` has the layout of `T` and permits mutation through a shared reference; the pointer comes from
        // the whole slice; exclusive access and length are the caller's promise.
        unsafe { core::ptr::copy_nonoverlapping(values.as_ptr(), target, values.len()) }
    }

    /// # Safety
    /// Nobody writes these cells while `body` runs.
    pub(super) unsafe fn read<T: Copy, R>(cells: &[Cell<T>], body: impl FnOnce(&[T]) -> R) -> R {
        // SAFETY: `Cell` has the layout of `T`; the pointer comes from the whole slice; that nobody writes is the
        // caller's promise.
        body(unsafe { core::slice::from_raw_parts(cells.as_ptr().cast::<T>(), cells.len()) })
    }
}

#[cfg(loom)]
mod cell {
    pub(super) use loom::cell::UnsafeCell as Cell;

    /// # Safety
    /// As of the real one; loom checks it.
    pub(super) unsafe fn write<T: Copy>(cells: &[Cell<T>], values: &[T]) {
        for (cell, &value) in cells.iter().zip(values) {
            // SAFETY: exclusive access is the caller's promise.
            cell.with_mut(|place| unsafe { *place = value });
        }
    }

    /// # Safety
    /// As of the real one; loom checks it.
    pub(super) unsafe fn read<T: Copy, R>(cells: &[Cell<T>], body: impl FnOnce(&[T]) -> R) -> R {
        // SAFETY: that nobody writes is the caller's promise.
        let values: Vec<T> = cells
            .iter()
            .map(|cell| cell.with(|place| unsafe { *place }))
            .collect();
        body(&values)
    }
}

use cell::Cell;

/// Keeps a counter off its neighbours' cache lines.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// What a position says of its row.
#[derive(Debug)]
struct Mark {
    /// Position + 1 once the row at that position is published.
    stamp: AtomicU64,
    /// The bits of the row's score.
    score: AtomicU32,
}

/// A direction, None before the first, and its epoch.
type Direction = (Option<Vec<f32>>, u64);

/// A direction's storage: the current epoch's parity names one of two.
#[derive(Debug)]
struct Place {
    pins: AtomicUsize,
    direction: Cell<Direction>,
}

/// The producers' side.
#[derive(Debug)]
pub struct Ring<E> {
    rows: Box<[Cell<E>]>,
    marks: Box<[Mark]>,
    dim: usize,
    /// The next position to reserve, doubled, plus the parity of the direction's epoch.
    tail: Apart<AtomicU64>,
    /// The first position not yet drained.
    head: Apart<AtomicU64>,
    places: [Apart<Place>; 2],
}

// SAFETY: rows: the cells of a position are written only by the producer whose exchange on `tail` reserved it, before
// its stamp's release store, and read only by the one `Reader`, after an acquire load of that stamp and before the
// release store of `head` that lets the slot be reserved again. Directions: a place is written only by the `Reader`,
// while it is not the current one and after an exchange on `pins` that saw none; a producer looks at a place only if
// `tail` still names it after the producer's pin was counted. A pin counted after that exchange reads from it (both
// are read-modify-writes of `pins`), so that producer sees the later parity and turns away, or sees the flip that
// released the new contents. All else is atomic.
unsafe impl<E: Send> Sync for Ring<E> {}

/// Why a push was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its rows do not fit into the free slots.
    Full,
    /// The direction is no longer the one it was scored with.
    Stale,
}

/// A ring of `slots` rows (a power of two) of `dim` elements, as its producers' side and its only reader.
///
/// # Panics
/// Unless `slots` is a power of two.
#[must_use]
pub fn ring<E: Copy + Default>(slots: usize, dim: usize) -> (Arc<Ring<E>>, Reader<E>) {
    assert!(slots.is_power_of_two(), "{slots} slots");
    let place = || {
        Apart(Place {
            pins: AtomicUsize::new(0),
            direction: Cell::new((None, 0)),
        })
    };
    let ring = Arc::new(Ring {
        rows: (0..slots * dim).map(|_| Cell::new(E::default())).collect(),
        marks: (0..slots)
            .map(|_| Mark {
                stamp: AtomicU64::new(0),
                score: AtomicU32::new(0),
            })
            .collect(),
        dim,
        tail: Apart(AtomicU64::new(0)),
        head: Apart(AtomicU64::new(0)),
        places: [place(), place()],
    });
    (
        ring.clone(),
        Reader {
            ring,
            head: 0,
            epoch: 0,
        },
    )
}

/// Uncounts a pin, on panic too.
struct Pin<'a>(&'a AtomicUsize);

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl<E: Copy> Ring<E> {
    /// Rows that fit.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.marks.len()
    }

    /// Bytes allocated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.marks) + size_of_val(&*self.rows)
    }

    /// Calls `body` with the direction in force, which stays in place meanwhile.
    ///
    /// Starts again only if the direction changed just then. `body` must not wait for the reader.
    pub fn pinned<R>(&self, body: impl FnOnce(&Pinned<'_, E>) -> R) -> R {
        loop {
            let parity = self.tail.0.load(Ordering::Relaxed) & 1;
            let place = &self.places[usize::from(parity == 1)].0;
            place.pins.fetch_add(1, Ordering::AcqRel);
            let pin = Pin(&place.pins);
            // Acquire: the contents of the place were released by the flip that made it current.
            if self.tail.0.load(Ordering::Acquire) & 1 == parity {
                return place.direction.with(|direction| {
                    // SAFETY: the place is current and pinned, so it is not written (see `Sync` above).
                    let (direction, epoch) = unsafe { &*direction };
                    let direction = direction.as_deref();
                    body(&Pinned {
                        ring: self,
                        parity,
                        direction,
                        epoch: *epoch,
                    })
                });
            }
            drop(pin);
        }
    }

    #[allow(clippy::cast_possible_truncation)]
    fn slot(&self, position: u64) -> usize {
        position as usize & (self.marks.len() - 1)
    }
}

/// The direction in force, held in place.
#[derive(Debug)]
pub struct Pinned<'a, E> {
    ring: &'a Ring<E>,
    parity: u64,
    /// The direction; None before the first.
    pub direction: Option<&'a [f32]>,
    /// How many directions came before it.
    pub epoch: u64,
}

impl<E: Copy> Pinned<'_, E> {
    /// Stores rows, scored with this direction, under one reservation: they are consecutive, and a reader sees all or
    /// none.
    ///
    /// # Errors
    /// `Full`, `Stale`; nothing was stored.
    ///
    /// # Panics
    /// When `rows` is not `scores.len()` rows.
    pub fn push(&self, rows: &[E], scores: &[f32]) -> Result<(), Refused> {
        let ring = self.ring;
        assert_eq!(rows.len(), scores.len() * ring.dim, "a score for each row");
        let (count, slots) = (scores.len() as u64, ring.marks.len() as u64);
        let mut word = ring.tail.0.load(Ordering::Relaxed);
        let position = loop {
            if word & 1 != self.parity {
                return Err(Refused::Stale);
            }
            let position = word >> 1;
            // Acquire: the reader has finished with every slot below `head`.
            if position + count > ring.head.0.load(Ordering::Acquire) + slots {
                return Err(Refused::Full);
            }
            let next = word + 2 * count;
            // While this pin is held the parity can change once, so an equal word means the same direction.
            let exchange =
                ring.tail
                    .0
                    .compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed);
            match exchange {
                Ok(_) => break position,
                Err(now) => word = now,
            }
        };
        let first = ring.slot(position);
        let before_wrap = scores.len().min(ring.marks.len() - first);
        let (low, high) = rows.split_at(before_wrap * ring.dim);
        let start = first * ring.dim;
        // SAFETY: these positions were reserved by this call alone and their slots were free (see `Sync` above).
        unsafe {
            cell::write(&ring.rows[start..start + low.len()], low);
            cell::write(&ring.rows[..high.len()], high);
        }
        for (position, score) in (position..).zip(scores) {
            let mark = &ring.marks[ring.slot(position)];
            mark.score.store(score.to_bits(), Ordering::Relaxed);
            mark.stamp.store(position + 1, Ordering::Release);
        }
        Ok(())
    }
}

/// The reader's side; there is one, so `&mut` makes draining and changing the direction exclusive.
#[derive(Debug)]
pub struct Reader<E> {
    ring: Arc<Ring<E>>,
    head: u64,
    epoch: u64,
}

impl<E: Copy> Reader<E> {
    /// How many directions were published.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes every row reserved before the call, with its score, in order of reservation, in at most two stretches.
    pub fn drain(&mut self, sink: impl FnMut(&[E], &[f32])) {
        let tail = self.ring.tail.0.load(Ordering::Relaxed) >> 1;
        self.drain_to(tail, sink);
    }

    /// Puts `direction` in force, waiting for producers that still score with the one before the current; `sink` then
    /// gets every row that was scored with an earlier direction and not yet drained.
    pub fn publish(&mut self, direction: Option<Vec<f32>>, sink: impl FnMut(&[E], &[f32])) {
        let epoch = self.epoch + 1;
        let place = &self.ring.places[usize::from(epoch & 1 == 1)].0;
        let mut tries = 0;
        while place
            .pins
            .compare_exchange(0, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            relax(&mut tries);
        }
        // SAFETY: the place is not current, nobody had pinned it, and whoever does so before the flip turns away (see
        // `Sync` above).
        place
            .direction
            .with_mut(|old| unsafe { *old = (direction, epoch) });
        let flipped_at = self.ring.tail.0.fetch_xor(1, Ordering::AcqRel) >> 1;
        self.epoch = epoch;
        self.drain_to(flipped_at, sink);
    }

    /// Passes over `count` positions, any number, right after all that was drained: what the caller then stores by
    /// other means stands there in the order. False when a producer came first; drain again.
    ///
    /// Until `release`, producers find the ring without the room those positions would take.
    #[must_use]
    pub fn claim(&mut self, count: u64) -> bool {
        let word = self.head << 1 | self.epoch & 1;
        let tail = &self.ring.tail.0;
        tail.compare_exchange(word, word + 2 * count, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Ends a successful `claim` of `count` positions.
    pub fn release(&mut self, count: u64) {
        self.head += count;
        self.ring.head.0.store(self.head, Ordering::Release);
    }

    fn drain_to(&mut self, tail: u64, mut sink: impl FnMut(&[E], &[f32])) {
        let ring = &*self.ring;
        let mut scores = Vec::new();
        while self.head < tail {
            let first = ring.slot(self.head);
            let end = tail.min(self.head + (ring.marks.len() - first) as u64);
            scores.clear();
            for position in self.head..end {
                let mark = &ring.marks[ring.slot(position)];
                let mut tries = 0;
                while mark.stamp.load(Ordering::Acquire) != position + 1 {
                    relax(&mut tries);
                }
                scores.push(f32::from_bits(mark.score.load(Ordering::Relaxed)));
            }
            let cells = &ring.rows[first * ring.dim..(first + scores.len()) * ring.dim];
            // SAFETY: every stamp was seen, so the producers are done with these positions, and no slot can be
            // reserved again before `head` moves below.
            unsafe { cell::read(cells, |rows| sink(rows, &scores)) };
            self.head = end;
            ring.head.0.store(end, Ordering::Release);
        }
    }
}

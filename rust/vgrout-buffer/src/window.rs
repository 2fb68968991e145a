//! The window: the last `capacity` rows with their scores, weights and order; evicts the oldest by sequence number.
//!
//! One thread at a time works on it. It refuses nothing: rows that arrive here were checked before.

use std::sync::Mutex;

use crate::order::{OrderIndex, Weighted, key};
use crate::quantile::{Slab, View, weight_lookup};
use crate::score::{Element, score_all};
use crate::weights::Decay;

/// Feature rows by slot, in chunks allocated when first written.
#[derive(Debug)]
struct Rows<E> {
    chunks: Vec<Box<[E]>>,
    dim: usize,
    per_chunk: usize,
}

impl<E: Element> Rows<E> {
    fn new(dim: usize) -> Self {
        let per_chunk = ((1 << 20) / (dim * size_of::<E>())).max(1);
        Self {
            chunks: Vec::new(),
            dim,
            per_chunk,
        }
    }

    fn get(&self, slot: usize) -> &[E] {
        let at = slot % self.per_chunk * self.dim;
        &self.chunks[slot / self.per_chunk][at..at + self.dim]
    }

    fn set(&mut self, slot: usize, row: &[E], capacity: usize) {
        let chunk = slot / self.per_chunk;
        while chunk >= self.chunks.len() {
            let rows = self
                .per_chunk
                .min(capacity - self.chunks.len() * self.per_chunk);
            self.chunks
                .push(vec![E::default(); rows * self.dim].into_boxed_slice());
        }
        let at = slot % self.per_chunk * self.dim;
        self.chunks[chunk][at..at + self.dim].copy_from_slice(row);
    }

    fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| size_of_val::<[E]>(chunk))
            .sum()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Window<E> {
    rows: Rows<E>,
    scores: Slab<f32>,
    view: View,
    decay: Option<Decay>,
    dim: usize,
    next: u64,
    epoch_end: u64,
    removed: Vec<Weighted>,
    inserted: Vec<Weighted>,
}

impl<E: Element> Window<E> {
    /// An empty window whose first row will have sequence number `first`.
    #[must_use]
    pub(crate) fn new(capacity: usize, dim: usize, decay: Option<Decay>, first: u64) -> Self {
        let mut window = Self {
            rows: Rows::new(dim),
            scores: Slab::default(),
            view: View::new(capacity, decay.is_some()),
            decay,
            dim,
            next: 0,
            epoch_end: decay.map_or(0, |decay| decay.epoch_end(first)),
            removed: Vec::new(),
            inserted: Vec::new(),
        };
        window.restart(first);
        window
    }

    /// Forgets every row; the next one has sequence number `first`.
    fn restart(&mut self, first: u64) {
        self.view.index = OrderIndex::default();
        self.view.oldest = first;
        self.view.origin = first & !0xffff_ffff;
        self.next = first;
    }

    /// Order and weights.
    #[must_use]
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Rows held.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn len(&self) -> usize {
        (self.next - self.view.oldest) as usize
    }

    /// The sequence number of the next row: how many rows ever came.
    #[must_use]
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Bytes of features, and of everything else.
    #[must_use]
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let scratch = (self.removed.capacity() + self.inserted.capacity()) * size_of::<Weighted>();
        (
            self.rows.bytes(),
            self.scores.bytes() + self.view.weights.bytes() + self.view.index.bytes() + scratch,
        )
    }

    /// The rows from the oldest to the newest, end to end.
    #[must_use]
    pub(crate) fn export(&self) -> Vec<E> {
        let mut all = Vec::with_capacity(self.len() * self.dim);
        for sequence in self.view.oldest..self.next {
            all.extend_from_slice(self.rows.get(self.view.slot(sequence)));
        }
        all
    }

    /// Adds rows (`features` end to end, a finite score each) and evicts as many of the oldest as no longer fit.
    pub(crate) fn append(&mut self, features: &[E], scores: &[f32]) {
        let capacity = self.view.capacity;
        let skip = scores.len().saturating_sub(capacity);
        let (features, scores) = (&features[skip * self.dim..], &scores[skip..]);
        if scores.is_empty() {
            return;
        }
        if skip > 0 {
            // Rows that would be evicted by their own batch only move the sequence on; all older ones leave.
            self.restart(self.next + skip as u64);
        }
        let first = self.next;
        let end = first + scores.len() as u64;
        let oldest = self.view.oldest.max(end.saturating_sub(capacity as u64));
        self.rebase_tags(end);
        for sequence in self.view.oldest..oldest {
            self.removed.push(self.entry(sequence));
        }
        let reweigh = self.advance_epoch(end - 1);
        for (sequence, (row, &score)) in (first..).zip(features.chunks_exact(self.dim).zip(scores))
        {
            let slot = self.view.slot(sequence);
            self.rows.set(slot, row, capacity);
            self.scores.set(slot, score, capacity);
            if let Some(decay) = &self.decay {
                self.view
                    .weights
                    .set(slot, decay.weight(self.epoch_end - sequence), capacity);
            }
            self.inserted.push(self.entry(sequence));
        }
        self.next = end;
        self.view.oldest = oldest;
        let View {
            index,
            weights,
            weighted,
            origin,
            ..
        } = &mut self.view;
        // Kept rows' weights are looked up with the new oldest row; removed ones carry theirs.
        index.apply(
            &mut self.removed,
            &mut self.inserted,
            weight_lookup(weights, *weighted, capacity, *origin, oldest),
        );
        if reweigh {
            self.reweigh();
        }
        // A long batch must not leave its scratch behind.
        for scratch in [&mut self.removed, &mut self.inserted] {
            scratch.clear();
            scratch.shrink_to(64);
        }
    }

    /// Scores every row again, on at most `threads` threads.
    pub(crate) fn rescore(&mut self, direction: &[f32], threads: usize) {
        let mut scores = vec![0.0f32; self.len()];
        let (rows, view) = (&self.rows, &self.view);
        let share = (1usize << 18).div_ceil(self.dim);
        let pieces = scores.len().div_ceil(share);
        let parts = Mutex::new(scores.chunks_mut(share).enumerate());
        let work = || {
            loop {
                let part = parts.lock().expect("no worker panics").next();
                let Some((part, out)) = part else { return };
                let first = view.oldest + (part * share) as u64;
                let own = (first..).map(|sequence| rows.get(view.slot(sequence)));
                score_all(own, direction, out);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(pieces) {
                // A refused thread is no harm: whoever runs takes all the parts.
                if std::thread::Builder::new()
                    .spawn_scoped(scope, work)
                    .is_err()
                {
                    break;
                }
            }
            work();
        });
        let mut keys = Vec::with_capacity(scores.len());
        for (sequence, &score) in (self.view.oldest..).zip(&scores) {
            self.scores
                .set(self.view.slot(sequence), score, self.view.capacity);
            keys.push(key(score, self.tag(sequence)));
        }
        keys.sort_unstable();
        let View {
            index,
            weights,
            weighted,
            origin,
            oldest,
            capacity,
        } = &mut self.view;
        index.rebuild(
            keys.into_iter(),
            weight_lookup(weights, *weighted, *capacity, *origin, *oldest),
        );
    }

    #[allow(clippy::cast_possible_truncation)]
    fn tag(&self, sequence: u64) -> u32 {
        (sequence - self.view.origin) as u32
    }

    fn entry(&self, sequence: u64) -> Weighted {
        let slot = self.view.slot(sequence);
        let weight = if self.decay.is_some() {
            self.view.weights.get(slot)
        } else {
            0
        };
        (key(self.scores.get(slot), self.tag(sequence)), weight)
    }

    /// Tags have 32 bits and a window at most 2^31 rows: once in 2^31 rows the tags start again from the oldest.
    #[allow(clippy::cast_possible_truncation)]
    fn rebase_tags(&mut self, end: u64) {
        let View {
            origin,
            oldest,
            index,
            ..
        } = &mut self.view;
        if end - *origin > 1 << 32 {
            index.shift_tags((*oldest - *origin) as u32);
            *origin = *oldest;
        }
    }

    /// Moves to the decay epoch of `newest`; true when every weight must be computed again.
    fn advance_epoch(&mut self, newest: u64) -> bool {
        let Some(decay) = &self.decay else {
            return false;
        };
        let end = decay.epoch_end(newest);
        let changed = end != self.epoch_end;
        self.epoch_end = end;
        changed
    }

    fn reweigh(&mut self) {
        let Some(decay) = self.decay else { return };
        for sequence in self.view.oldest..self.next {
            let slot = self.view.slot(sequence);
            self.view.weights.set(
                slot,
                decay.weight(self.epoch_end - sequence),
                self.view.capacity,
            );
        }
        let View {
            index,
            weights,
            weighted,
            origin,
            oldest,
            capacity,
        } = &mut self.view;
        index.reweigh(weight_lookup(
            weights, *weighted, *capacity, *origin, *oldest,
        ));
    }
}

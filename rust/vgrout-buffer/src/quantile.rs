//! Quantiles of the window, weighted and unweighted, on a view that can be cloned as an immutable snapshot.

use std::sync::Arc;

use crate::error::BufferError;
use crate::order::{OrderIndex, key_score, key_tag};
use crate::weights::quantile_target;

const CHUNK: usize = 4096;

/// A value for every slot of the window, in chunks allocated when first written and copied when written while shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slab<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T: Copy + Default> Slab<T> {
    /// The value at `slot`, which must have been written.
    #[must_use]
    pub(crate) fn get(&self, slot: usize) -> T {
        self.chunks[slot / CHUNK][slot % CHUNK]
    }

    /// Writes `slot`; `capacity` bounds the allocation.
    pub(crate) fn set(&mut self, slot: usize, value: T, capacity: usize) {
        let chunk = slot / CHUNK;
        while chunk >= self.chunks.len() {
            self.chunks.push(Arc::new(vec![
                T::default();
                CHUNK
                    .min(capacity - self.chunks.len() * CHUNK)
            ]));
        }
        Arc::make_mut(&mut self.chunks[chunk])[slot % CHUNK] = value;
    }

    /// Bytes allocated.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| chunk.capacity() * size_of::<T>())
            .sum()
    }
}

/// The rows' order, weights and sequence numbers: all that a quantile needs.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) index: OrderIndex,
    pub(crate) weights: Slab<u64>,
    pub(crate) weighted: bool,
    pub(crate) capacity: usize,
    /// Sequence number of tag 0.
    pub(crate) origin: u64,
    /// Sequence number of the oldest row.
    pub(crate) oldest: u64,
}

impl View {
    /// An empty view.
    pub(crate) fn new(capacity: usize, weighted: bool) -> Self {
        Self {
            index: OrderIndex::default(),
            weights: Slab::default(),
            weighted,
            capacity,
            origin: 0,
            oldest: 0,
        }
    }

    /// The slot of a sequence number.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn slot(&self, sequence: u64) -> usize {
        (sequence % self.capacity as u64) as usize
    }

    /// Each key's weight, zero where rows have none.
    pub(crate) fn weight_of(&self) -> impl Fn(u64) -> u64 + '_ {
        weight_lookup(
            &self.weights,
            self.weighted,
            self.capacity,
            self.origin,
            self.oldest,
        )
    }

    /// The value at probability `q`, which must be in [0, 1]; the view must hold a row.
    ///
    /// Weighted: the first score, by score then sequence number, whose cumulative weight is at least `q` of the
    /// total. Unweighted: linear interpolation between order statistics, in the operations of `numpy.quantile`.
    fn quantile(&self, q: f64) -> f64 {
        if self.weighted {
            let target = quantile_target(q, self.index.total_weight());
            let key = self.index.at_weight(target, self.weight_of());
            return f64::from(key_score(
                key.expect("q is at most 1, so the total reaches the target"),
            ));
        }
        let last = self.index.len() - 1;
        #[allow(clippy::cast_precision_loss)]
        let place = last as f64 * q;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let below = place as usize;
        if below >= last {
            return f64::from(key_score(self.index.at_rank(last)));
        }
        let low = f64::from(key_score(self.index.at_rank(below)));
        let high = f64::from(key_score(self.index.at_rank(below + 1)));
        let (fraction, difference) = (place - place.floor(), high - low);
        if fraction >= 0.5 {
            high - difference * (1.0 - fraction)
        } else {
            low + difference * fraction
        }
    }

    /// `quantile` of each probability.
    ///
    /// # Errors
    /// `Empty` without rows, `Probability` for one outside [0, 1].
    pub fn quantiles(&self, probabilities: &[f64]) -> Result<Vec<f64>, BufferError> {
        check_probabilities("quantiles", probabilities, 1.0)?;
        if self.index.len() == 0 {
            return Err(BufferError::Empty);
        }
        Ok(probabilities.iter().map(|&q| self.quantile(q)).collect())
    }

    /// The lower and upper `q` quantiles.
    ///
    /// # Errors
    /// `Empty` without rows, `Probability` for `q` outside [0, 0.5].
    pub fn thresholds(&self, q: f64) -> Result<(f64, f64), BufferError> {
        check_probabilities("thresholds", &[q], 0.5)?;
        let both = self.quantiles(&[q, 1.0 - q])?;
        Ok((both[0], both[1]))
    }
}

/// Each key's weight by way of its slot; a free function so that the index can be changed meanwhile.
pub(crate) fn weight_lookup(
    weights: &Slab<u64>,
    weighted: bool,
    capacity: usize,
    origin: u64,
    oldest: u64,
) -> impl Fn(u64) -> u64 + '_ {
    let (cap, start) = (capacity as u64, oldest % capacity as u64);
    move |key| {
        if !weighted {
            return 0;
        }
        let slot = start + (origin + u64::from(key_tag(key)) - oldest);
        #[allow(clippy::cast_possible_truncation)]
        weights.get(if slot >= cap { slot - cap } else { slot } as usize)
    }
}

fn check_probabilities(
    field: &'static str,
    probabilities: &[f64],
    largest: f64,
) -> Result<(), BufferError> {
    match probabilities
        .iter()
        .position(|q| !(0.0..=largest).contains(q))
    {
        Some(index) => Err(BufferError::Probability {
            field,
            index,
            value: probabilities[index],
            largest,
        }),
        None => Ok(()),
    }
}

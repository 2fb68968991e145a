//! What a buffer is built with, what it reports, and what is saved of it.

/// The largest window: tags of 32 bits must stay distinct.
pub(crate) const MAX_ROWS: usize = 1 << 31;
/// Features of one row: the ingress ring holds some rows from the start.
pub(crate) const MAX_DIM: usize = 1 << 24;

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
    /// Slots of the ingress ring, rounded up to a power of two; None for a size that suits the rows.
    pub ingress: Option<usize>,
}

impl Options {
    /// A buffer of `capacity` rows of `dim` features, everything else left to the crate.
    #[must_use]
    pub fn new(capacity: usize, dim: usize) -> Self {
        Self {
            capacity,
            dim,
            half_life: None,
            threads: None,
            ingress: None,
        }
    }

    /// Slots of the ring: at most 8 MiB of rows, one for every sixteen rows of the window, and neither very few nor
    /// more than help.
    pub(crate) fn ingress_slots(&self, element_bytes: usize) -> usize {
        let slots = self.ingress.unwrap_or_else(|| {
            let affordable = (8 << 20) / (self.dim * element_bytes);
            let slots = affordable.clamp(16, 4096).min((self.capacity / 16).max(32));
            1 << slots.min(self.capacity).ilog2()
        });
        slots.next_power_of_two()
    }
}

/// Counts and sizes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows held.
    pub rows: u64,
    /// Rows that ever came.
    pub pushed: u64,
    /// Rows that left for a newer one.
    pub evicted: u64,
    /// Pushes refused as a whole for a value that is not finite.
    pub refused_pushes: u64,
    /// Pushes that found the ring full, so that the producer emptied it and stored its rows itself.
    pub ingress_full: u64,
    /// Pushes of more rows than the ring has slots.
    pub direct_pushes: u64,
    /// Slots of the ring.
    pub ingress_slots: u64,
    /// Directions set or restored so far.
    pub direction_epoch: u64,
    /// Rows scored again for a new direction.
    pub rescored: u64,
    /// Bytes of feature rows.
    pub feature_bytes: u64,
    /// Bytes of scores, weights and the order index.
    pub index_bytes: u64,
    /// Bytes of the ring, rows included.
    pub ingress_bytes: u64,
}

impl Stats {
    /// Each count with its name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, u64); 12] {
        [
            ("rows", self.rows),
            ("pushed", self.pushed),
            ("evicted", self.evicted),
            ("refused_pushes", self.refused_pushes),
            ("ingress_full", self.ingress_full),
            ("direct_pushes", self.direct_pushes),
            ("ingress_slots", self.ingress_slots),
            ("direction_epoch", self.direction_epoch),
            ("rescored", self.rescored),
            ("feature_bytes", self.feature_bytes),
            ("index_bytes", self.index_bytes),
            ("ingress_bytes", self.ingress_bytes),
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

//! A rollout's standard output as it streams by: the first bytes are kept, phrases are sought in all of it.

/// How much of the output a verdict carries.
pub const KEPT_BYTES: usize = 64 << 10;

/// Looks for one phrase in a stream that arrives in pieces.
#[derive(Debug, Default)]
struct Scan {
    phrase: Vec<u8>,
    tail: Vec<u8>,
    found: bool,
}

impl Scan {
    fn new(phrase: &str) -> Self {
        Self {
            phrase: phrase.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    fn feed(&mut self, piece: &[u8]) {
        if self.found || self.phrase.is_empty() {
            return;
        }
        let overlap = self.phrase.len() - 1;
        let mut seam = std::mem::take(&mut self.tail);
        seam.extend_from_slice(&piece[..piece.len().min(overlap)]);
        self.found = memchr::memmem::find(&seam, &self.phrase).is_some()
            || memchr::memmem::find(piece, &self.phrase).is_some();
        let recent = if piece.len() >= overlap { piece } else { &seam };
        self.tail = recent[recent.len().saturating_sub(overlap)..].to_vec();
    }
}

/// What is kept of the output.
#[derive(Debug, Default)]
pub struct Output {
    head: Vec<u8>,
    truncated: bool,
    marker: Scan,
    training_marker: Scan,
}

impl Output {
    /// Watches for the paying marker and for training's.
    #[must_use]
    pub fn watching(marker: &str, training_marker: &str) -> Self {
        Self {
            marker: Scan::new(marker),
            training_marker: Scan::new(training_marker),
            ..Self::default()
        }
    }

    /// Takes in the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        let room = KEPT_BYTES - self.head.len();
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        self.truncated |= piece.len() > room;
        self.marker.feed(piece);
        self.training_marker.feed(piece);
    }

    /// The paying marker was printed.
    #[must_use]
    pub fn has_marker(&self) -> bool {
        self.marker.found
    }

    /// Training's marker was printed.
    #[must_use]
    pub fn has_training_marker(&self) -> bool {
        self.training_marker.found
    }

    /// The kept bytes, and whether there were more.
    #[must_use]
    pub fn into_head(self) -> (Vec<u8>, bool) {
        (self.head, self.truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT_BYTES, Output};

    #[test]
    fn a_marker_is_found_however_the_stream_is_cut() {
        let stream = b"xxALL TESTS PASSEDyy";
        for step in 1..=stream.len() {
            let mut output = Output::watching("ALL TESTS PASSED", "never printed");
            for piece in stream.chunks(step) {
                output.feed(piece);
            }
            assert!(output.has_marker(), "pieces of {step}");
            assert!(!output.has_training_marker());
        }
    }

    #[test]
    fn only_the_first_bytes_are_kept() {
        let mut output = Output::watching("", "");
        output.feed(&vec![b'a'; KEPT_BYTES]);
        output.feed(b"b");
        let (head, truncated) = output.into_head();
        assert_eq!((head.len(), truncated), (KEPT_BYTES, true));
    }
}

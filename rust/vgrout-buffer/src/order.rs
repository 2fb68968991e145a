//! The order index: every key of the window, sorted, in blocks that carry their count and weight sum.
//!
//! A key is a score (upper 32 bits, mapped so that integers sort as the floats do) and a tag that grows with the
//! sequence number (lower 32 bits), so equal scores sort by age. Blocks are shared with snapshots and copied when
//! written while shared. The index knows nothing of where weights come from: it is told them.

use std::sync::Arc;

/// Keys a block may hold before it is split: 4 KiB, one short `memmove`.
const BLOCK: usize = 512;
/// Keys a block is given when the index is built: room for a few before the first split.
const FILL: usize = BLOCK * 15 / 16;

/// The key of a finite score and a tag.
#[must_use]
pub(crate) fn key(score: f32, tag: u32) -> u64 {
    let bits = score.to_bits();
    let mask = if bits >> 31 == 1 { u32::MAX } else { 1 << 31 };
    u64::from(bits ^ mask) << 32 | u64::from(tag)
}

/// The score of a key.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn key_score(key: u64) -> f32 {
    let bits = (key >> 32) as u32;
    let mask = if bits >> 31 == 1 { 1 << 31 } else { u32::MAX };
    f32::from_bits(bits ^ mask)
}

/// The tag of a key.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn key_tag(key: u64) -> u32 {
    key as u32
}

/// A key and its weight (0 where rows have no weights).
pub(crate) type Weighted = (u64, u64);

/// Sorted keys in blocks; `clone` copies no key.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderIndex {
    blocks: Vec<Arc<Vec<u64>>>,
    last: Vec<u64>,
    weight: Vec<u128>,
    len: usize,
    total: u128,
}

impl OrderIndex {
    /// The number of keys.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The sum of all weights.
    #[must_use]
    pub(crate) fn total_weight(&self) -> u128 {
        self.total
    }

    /// Bytes allocated for keys and block sums.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        let keys: usize = self
            .blocks
            .iter()
            .map(|block| block.capacity() * size_of::<u64>())
            .sum();
        let entry = size_of::<Arc<Vec<u64>>>() + size_of::<Vec<u64>>() + 2 * size_of::<usize>();
        keys + self.blocks.len() * (entry + size_of::<u64>() + size_of::<u128>())
    }

    /// Every key in order.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.blocks.iter().flat_map(|block| block.iter().copied())
    }

    /// Takes `removed` out and puts `inserted` in; both slices are left sorted. Every removed key must be present.
    pub(crate) fn apply(
        &mut self,
        removed: &mut [Weighted],
        inserted: &mut [Weighted],
        weight_of: impl Fn(u64) -> u64,
    ) {
        if (removed.len() + inserted.len()) * 64 > self.len {
            removed.sort_unstable();
            inserted.sort_unstable();
            self.merge(removed, inserted, weight_of);
            return;
        }
        for &(key, weight) in removed.iter() {
            self.remove(key, weight);
        }
        for &(key, weight) in inserted.iter() {
            self.insert(key, weight, &weight_of);
        }
        // Splits leave halves behind; keep the allocation near what is needed.
        if self.blocks.len() * BLOCK > self.len + self.len / 8 + 2 * BLOCK {
            self.merge(&[], &[], weight_of);
        }
    }

    /// Replaces everything by the sorted `keys`.
    pub(crate) fn rebuild(
        &mut self,
        keys: impl Iterator<Item = u64>,
        weight_of: impl Fn(u64) -> u64,
    ) {
        let mut builder = Builder::default();
        for key in keys {
            builder.push(key, weight_of(key));
        }
        *self = builder.finish();
    }

    /// Computes every block's weight sum again.
    pub(crate) fn reweigh(&mut self, weight_of: impl Fn(u64) -> u64) {
        for (block, weight) in self.blocks.iter().zip(&mut self.weight) {
            *weight = block.iter().map(|&key| u128::from(weight_of(key))).sum();
        }
        self.total = self.weight.iter().sum();
    }

    /// Subtracts `delta` from every tag.
    pub(crate) fn shift_tags(&mut self, delta: u32) {
        for (block, last) in self.blocks.iter_mut().zip(&mut self.last) {
            for key in exclusive(block) {
                *key -= u64::from(delta);
            }
            *last -= u64::from(delta);
        }
    }

    /// The key at `rank`, from 0; `rank` must be below `len`.
    #[must_use]
    pub(crate) fn at_rank(&self, rank: usize) -> u64 {
        let mut rest = rank;
        for block in &self.blocks {
            if rest < block.len() {
                return block[rest];
            }
            rest -= block.len();
        }
        panic!("rank {rank} of an index of {} keys", self.len)
    }

    /// The first key whose cumulative weight is at least `target`; None when there is no such key.
    #[must_use]
    pub(crate) fn at_weight(&self, target: u128, weight_of: impl Fn(u64) -> u64) -> Option<u64> {
        let mut sum = 0;
        for (block, weight) in self.blocks.iter().zip(&self.weight) {
            if sum + weight < target {
                sum += weight;
                continue;
            }
            for &key in block.iter() {
                sum += u128::from(weight_of(key));
                if sum >= target {
                    return Some(key);
                }
            }
        }
        None
    }

    fn remove(&mut self, key: u64, weight: u64) {
        let at = self.last.partition_point(|&last| last < key);
        let block = exclusive(&mut self.blocks[at]);
        let place = block
            .binary_search(&key)
            .expect("a key that leaves the window is in the index");
        block.remove(place);
        self.len -= 1;
        self.total -= u128::from(weight);
        self.weight[at] -= u128::from(weight);
        if let Some(&last) = block.last() {
            self.last[at] = last;
        } else {
            self.blocks.remove(at);
            self.last.remove(at);
            self.weight.remove(at);
        }
    }

    fn insert(&mut self, key: u64, weight: u64, weight_of: &impl Fn(u64) -> u64) {
        if self.blocks.is_empty() {
            self.blocks.push(Arc::new(Vec::with_capacity(BLOCK)));
            self.last.push(key);
            self.weight.push(0);
        }
        let at = self
            .last
            .partition_point(|&last| last < key)
            .min(self.blocks.len() - 1);
        let block = exclusive(&mut self.blocks[at]);
        let place = block.partition_point(|&other| other < key);
        block.insert(place, key);
        self.last[at] = self.last[at].max(key);
        self.weight[at] += u128::from(weight);
        self.total += u128::from(weight);
        self.len += 1;
        if block.len() == BLOCK {
            let mut upper = Vec::with_capacity(BLOCK);
            upper.extend(block.drain(BLOCK / 2..));
            let lower_last = block[BLOCK / 2 - 1];
            let upper_weight = upper
                .iter()
                .map(|&key| u128::from(weight_of(key)))
                .sum::<u128>();
            self.weight[at] -= upper_weight;
            self.weight.insert(at + 1, upper_weight);
            self.last.insert(at, lower_last);
            self.blocks.insert(at + 1, Arc::new(upper));
        }
    }

    fn merge(
        &mut self,
        removed: &[Weighted],
        inserted: &[Weighted],
        weight_of: impl Fn(u64) -> u64,
    ) {
        let mut builder = Builder::default();
        let (mut removed, mut inserted) = (removed.iter().peekable(), inserted.iter().peekable());
        for block in &self.blocks {
            for &key in block.iter() {
                if removed.next_if(|entry| entry.0 == key).is_some() {
                    continue;
                }
                while let Some(&(new, weight)) = inserted.next_if(|entry| entry.0 < key) {
                    builder.push(new, weight);
                }
                builder.push(key, weight_of(key));
            }
        }
        for &(new, weight) in inserted {
            builder.push(new, weight);
        }
        *self = builder.finish();
    }
}

/// The keys of a block, copied first when a snapshot holds it too.
fn exclusive(block: &mut Arc<Vec<u64>>) -> &mut Vec<u64> {
    // There are no weak references, so a count of one means that nobody else holds the block.
    if Arc::strong_count(block) != 1 {
        let mut copy = Vec::with_capacity(BLOCK);
        copy.extend_from_slice(block);
        *block = Arc::new(copy);
    }
    Arc::get_mut(block).expect("the block was just made exclusive")
}

#[derive(Default)]
struct Builder {
    index: OrderIndex,
    block: Vec<u64>,
    sum: u128,
}

impl Builder {
    fn push(&mut self, key: u64, weight: u64) {
        if self.block.len() == FILL {
            self.close();
        }
        if self.block.capacity() == 0 {
            self.block.reserve_exact(BLOCK);
        }
        self.block.push(key);
        self.sum += u128::from(weight);
    }

    fn close(&mut self) {
        let block = std::mem::take(&mut self.block);
        if let Some(&last) = block.last() {
            self.index.len += block.len();
            self.index.total += self.sum;
            self.index.last.push(last);
            self.index.weight.push(std::mem::take(&mut self.sum));
            self.index.blocks.push(Arc::new(block));
        }
    }

    fn finish(mut self) -> OrderIndex {
        self.close();
        self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_scores_then_tags() {
        let scores = [
            f32::MIN,
            -1.5,
            -f32::MIN_POSITIVE,
            0.0,
            1e-45,
            1.0,
            f32::MAX,
        ];
        for pair in scores.windows(2) {
            assert!(key(pair[0], u32::MAX) < key(pair[1], 0));
        }
        assert!(key(2.0, 7) < key(2.0, 8));
        for score in scores {
            assert_eq!(key_score(key(score, 99)).to_bits(), score.to_bits());
            assert_eq!(key_tag(key(score, 99)), 99);
        }
    }

    #[test]
    fn a_clone_is_untouched_by_later_changes() {
        let mut index = OrderIndex::default();
        let mut first: Vec<Weighted> = (0..5000).map(|i| (i * 3, 2)).collect();
        index.apply(&mut [], &mut first, |_| 2);
        let before = index.clone();
        let kept: Vec<u64> = before.keys().collect();
        index.apply(&mut [(9, 2), (300, 2)], &mut [(10, 2), (14_999, 2)], |_| 2);
        assert_eq!(before.keys().collect::<Vec<_>>(), kept);
        assert_eq!((before.len(), before.total_weight()), (5000, 10_000));
        let expected: Vec<u64> = kept
            .iter()
            .copied()
            .filter(|k| ![9, 300].contains(k))
            .collect();
        let mut expected = [expected, vec![10, 14_999]].concat();
        expected.sort_unstable();
        assert_eq!(index.keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_drifting_window_keeps_its_allocation_bounded() {
        let mut index = OrderIndex::default();
        let mut start: Vec<Weighted> = (0..10_000).map(|i| (i, 1)).collect();
        index.apply(&mut [], &mut start, |_| 1);
        for step in 0..50_000 {
            index.apply(&mut [(step, 1)], &mut [(step + 10_000, 1)], |_| 1);
        }
        assert!(index.keys().eq(50_000..60_000));
        assert_eq!(index.total_weight(), 10_000);
        assert!(
            index.bytes() < 10_000 * 10 + 10_000,
            "{} bytes",
            index.bytes()
        );
    }

    #[test]
    fn weights_are_found_across_blocks() {
        let mut index = OrderIndex::default();
        index.rebuild(0..3000, |key| key % 7);
        let mut sum = 0;
        for key in 0..3000 {
            sum += u128::from(key % 7);
            if key % 7 > 0 {
                assert_eq!(index.at_weight(sum, |key| key % 7), Some(key));
            }
        }
        assert_eq!(index.total_weight(), sum);
        assert_eq!(index.at_weight(sum + 1, |key| key % 7), None);
        assert_eq!(index.at_weight(0, |key| key % 7), Some(0));
    }
}

//! Bytes that look random and are the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A reproducible generator (SplitMix64). Clones continue the same sequence.
#[derive(Clone, Debug)]
pub struct SeededRandom(Arc<AtomicU64>);

impl SeededRandom {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut z = self
            .0
            .fetch_add(Self::STEP, Ordering::SeqCst)
            .wrapping_add(Self::STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Overwrites `bytes` with the next bytes of the sequence.
    pub fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.next_u64().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(drawn) {
                *to = from;
            }
        }
    }

    /// The generator as a function, for whatever draws its bytes from one.
    pub fn as_fn(&self) -> impl Fn(&mut [u8]) + Clone + Send + Sync + 'static {
        let random = self.clone();
        move |bytes| random.fill(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (mut a, mut b) = ([0; 13], [0; 13]);
        SeededRandom::new(1).fill(&mut a);
        SeededRandom::new(1).fill(&mut b);
        assert_eq!(a, b);
        SeededRandom::new(2).fill(&mut b);
        assert_ne!(a, b);
    }

    #[test]
    fn clones_continue_the_sequence() {
        let random = SeededRandom::new(1);
        assert_ne!(random.next_u64(), random.clone().next_u64());
    }
}

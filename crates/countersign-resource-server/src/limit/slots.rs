//! How often something runs at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places of something expensive.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    taken: AtomicUsize,
}

/// A place. It is free again when the last clone is dropped.
#[derive(Clone, Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Slot(#[expect(dead_code, reason = "it is dropped")] Arc<Taken>);

#[derive(Debug)]
struct Taken(Arc<Slots>);

impl Slots {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: AtomicUsize::new(0),
        })
    }

    /// A place, if one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let one_more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()?;
        Some(Slot(Arc::new(Taken(Arc::clone(self)))))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_nobody_holds_it() {
        let slots = Slots::new(2);
        let (first, second) = (slots.take().unwrap(), slots.take().unwrap());
        assert!(slots.take().is_none());
        let again = first.clone();
        drop(first);
        assert!(slots.take().is_none());
        drop(again);
        let third = slots.take();
        assert!(third.is_some() && slots.take().is_none());
        drop((second, third));
        assert!(slots.take().is_some());
    }
}

//! Counters with a fixed set of labels.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter for each pair, or triple, of values from fixed lists.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    lists: [&'static [&'static str]; N],
    cells: Box<[AtomicU64]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(lists: [&'static [&'static str]; N]) -> Self {
        let cells = lists.iter().map(|list| list.len()).product();
        Self {
            lists,
            cells: (0..cells).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts one for the values at these places of their lists.
    pub(super) fn count(&self, places: [usize; N]) {
        let lists = self.lists.iter().zip(places);
        let cell = lists.fold(0, |cell, (list, place)| cell * list.len() + place);
        if let Some(cell) = self.cells.get(cell) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted, with its values. What never happened is left out.
    pub(super) fn counted(&self) -> impl Iterator<Item = ([&'static str; N], u64)> {
        self.cells.iter().enumerate().filter_map(|(cell, count)| {
            let count = count.load(Ordering::Relaxed);
            (count > 0).then(|| (self.values(cell), count))
        })
    }

    fn values(&self, mut cell: usize) -> [&'static str; N] {
        let mut values = [""; N];
        for (value, list) in values.iter_mut().zip(&self.lists).rev() {
            let length = list.len().max(1);
            *value = list.get(cell % length).copied().unwrap_or_default();
            cell /= length;
        }
        values
    }
}

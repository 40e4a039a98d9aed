//! Results that are kept for a while, in a bounded space.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use countersign_resource_server::oauth::UnixTime;

use super::Response;

/// What a result is found by, byte for byte.
pub(super) type Key = Arc<[u8]>;

/// Results by their keys; the oldest go first when there is no more room.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    kept: HashMap<Key, Kept>,
    /// By when they came.
    order: BTreeMap<u64, Key>,
    came: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    response: Response,
    from: UnixTime,
    until: UnixTime,
    size: usize,
    came: u64,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

impl Shelf {
    /// What is kept under `key` and fresh at `now`. A clock that was turned back makes
    /// nothing fresh.
    pub(super) fn find(&mut self, key: &[u8], now: UnixTime) -> Option<Response> {
        let kept = self.kept.get(key)?;
        if kept.from <= now && now < kept.until {
            return Some(kept.response.clone());
        }
        self.remove(key);
        None
    }

    /// Keeps `response` of `size` bytes from `from` until `until`, if there is room
    /// for it at all.
    pub(super) fn put(
        &mut self,
        key: Key,
        (response, size): (Response, usize),
        (from, until): (UnixTime, UnixTime),
        room: Room,
    ) {
        self.remove(&key);
        let size = size.saturating_add(key.len());
        if size > room.bytes || room.entries == 0 {
            return;
        }
        while self.kept.len() >= room.entries || self.bytes.saturating_add(size) > room.bytes {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            self.remove(&oldest);
        }
        self.came = self.came.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(size);
        self.order.insert(self.came, Arc::clone(&key));
        let came = self.came;
        let kept = Kept {
            response,
            from,
            until,
            size,
            came,
        };
        self.kept.insert(key, kept);
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(kept) = self.kept.remove(key) {
            self.order.remove(&kept.came);
            self.bytes = self.bytes.saturating_sub(kept.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn key(number: usize) -> Key {
        Arc::from(format!("{number:08}").into_bytes())
    }

    fn empty() -> Response {
        Response::ToolListing(Vec::new())
    }

    #[test]
    fn entries_and_bytes_are_bounded_and_the_oldest_go_first() {
        for room in [
            Room {
                entries: 10,
                bytes: usize::MAX,
            },
            Room {
                entries: usize::MAX,
                bytes: 180,
            },
        ] {
            let mut shelf = Shelf::default();
            for number in 0..10_000 {
                shelf.put(key(number), (empty(), 10), (at(0), at(10)), room);
                assert!(shelf.kept.len() <= 10, "{room:?}");
                assert_eq!(shelf.bytes, shelf.kept.len() * 18);
                assert_eq!(shelf.order.len(), shelf.kept.len());
            }
            assert_eq!(shelf.kept.len(), 10);
            assert!(shelf.find(&key(9_989), at(1)).is_none());
            assert!(shelf.find(&key(9_990), at(1)).is_some());
            let whole = room.bytes.min(1_000_000);
            shelf.put(
                key(9_999),
                (empty(), whole),
                (at(0), at(10)),
                Room {
                    bytes: whole,
                    ..room
                },
            );
            assert!(shelf.find(&key(9_999), at(1)).is_none(), "too large");
        }
    }

    #[test]
    fn nothing_is_fresh_before_it_was_made_or_after_its_time() {
        let room = Room {
            entries: 10,
            bytes: 1000,
        };
        for (now, fresh) in [(9, false), (10, true), (19, true), (20, false)] {
            let mut shelf = Shelf::default();
            shelf.put(key(1), (empty(), 1), (at(10), at(20)), room);
            assert_eq!(shelf.find(&key(1), at(now)).is_some(), fresh, "{now}");
            assert_eq!(shelf.bytes, if fresh { 9 } else { 0 }, "{now}");
        }
    }
}

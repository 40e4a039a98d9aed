//! The records, by key and by index, and what may be done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use countersign_oauth::{Lifetime, UnixTime};

use super::journal::Lines;
use crate::{
    Conflict, CounterKey, Cursor, Found, GrantId, Hits, Index, Key, Kind, Listed, Page, Record,
    Sealed, Status, StoreError, Write,
};

type Positions = BTreeSet<u64>;

/// Records in the order in which they were added, and the ways to find them.
#[derive(Default)]
pub(super) struct State {
    pub(super) journal: Lines,
    last: u64,
    records: BTreeMap<u64, Record>,
    keys: BTreeMap<Key, u64>,
    filed: BTreeMap<Filed, Positions>,
    counters: BTreeMap<CounterKey, Hits>,
}

/// Under what a record can be listed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Filed {
    Kind(Kind),
    Subject(Kind, String),
    Client(Kind, String),
    Grant(String),
}

/// What was at a position before it was written to.
type Undo = (u64, Option<Record>);

impl State {
    pub(super) fn find(&self, key: &Key) -> Option<&Record> {
        self.records.get(self.keys.get(key)?)
    }

    pub(super) fn write_all(
        &mut self,
        writes: Vec<Write>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let mut undo = Vec::new();
        for write in writes {
            if let Err(error) = self.write(write, now, &mut undo) {
                self.undo(undo);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(super) fn redeem(
        &mut self,
        key: &Key,
        writes: Vec<Write>,
        receipt: Option<Sealed>,
        now: UnixTime,
    ) -> Result<Found, StoreError> {
        if key.kind() == Kind::Grant {
            return Err(StoreError::Invalid("a grant is revoked, not redeemed"));
        }
        let found = Found::judge(self.find(key).cloned(), now);
        let (Found::Live(record), Some(&position)) = (&found, self.keys.get(key)) else {
            return Ok(found);
        };
        let mut used = record.clone();
        used.status = Status::Used { at: now, receipt };
        self.put(position, used);
        if let Err(error) = self.write_all(writes, now) {
            self.put(position, record.clone());
            return Err(error);
        }
        Ok(found)
    }

    pub(super) fn revoke_grant(&mut self, grant: &GrantId, now: UnixTime) -> u64 {
        let mut positions = self.filed(&Filed::Grant(grant.as_str().to_owned()));
        positions.extend(self.keys.get(&Key::grant(grant)));
        let mut revoked = 0;
        for position in positions {
            let Some(record) = self.records.get_mut(&position) else {
                continue;
            };
            match record.status {
                Status::Live => revoked += 1,
                Status::Used { .. } => {}
                Status::Revoked { .. } => continue,
            }
            record.status = Status::Revoked { at: now };
        }
        revoked
    }

    pub(super) fn touch(&mut self, key: &Key, extend_to: Option<UnixTime>, now: UnixTime) -> bool {
        let Some(record) = self.find(key).filter(|record| record.is_live(now)) else {
            return false;
        };
        let grant_end = self.grant_of(record).and_then(|grant| grant.expires_at);
        let mut touched = record.clone();
        touched.touch(extend_to, grant_end, now);
        if let Some(&position) = self.keys.get(key) {
            self.put(position, touched);
        }
        true
    }

    pub(super) fn hit(&mut self, counter: &CounterKey, window: Lifetime, now: UnixTime) -> Hits {
        let hits = match self.hits(counter, now) {
            Some(hits) => Hits {
                count: hits.count.saturating_add(1),
                until: hits.until.min(now.saturating_add(window)),
            },
            None => Hits {
                count: 1,
                until: now.saturating_add(window),
            },
        };
        self.counters.insert(counter.clone(), hits);
        hits
    }

    pub(super) fn hits(&self, counter: &CounterKey, now: UnixTime) -> Option<Hits> {
        self.counters
            .get(counter)
            .filter(|hits| now < hits.until)
            .copied()
    }

    pub(super) fn forget_hits(&mut self, counter: &CounterKey) {
        self.counters.remove(counter);
    }

    pub(super) fn list(&self, index: &Index, page: Page, now: UnixTime) -> Listed {
        let after = page.after.map_or(Bound::Unbounded, |cursor| {
            Bound::Excluded(cursor.position())
        });
        let Some(positions) = self.filed.get(&Filed::from(index)) else {
            return Listed::default();
        };
        let mut listed = Listed::default();
        let mut last = None;
        for position in positions.range((after, Bound::Unbounded)) {
            let Some(record) = self.records.get(position) else {
                continue;
            };
            let is_shown = match index {
                Index::LooseUpstreamTokens => Index::is_loose(record, now),
                _ => page.shows(record, now),
            };
            if !is_shown {
                continue;
            }
            if listed.records.len() >= page.length() {
                listed.next = last.map(Cursor::after);
                break;
            }
            listed.records.push(record.clone());
            last = Some(*position);
        }
        listed
    }

    pub(super) fn count(&self, index: &Index, most: u64, now: UnixTime) -> u64 {
        self.filed
            .get(&Filed::from(index))
            .into_iter()
            .flatten()
            .filter_map(|position| self.records.get(position))
            .filter(|record| record.is_live(now))
            .filter(|record| *index != Index::LooseUpstreamTokens || Index::is_loose(record, now))
            .zip(0..most)
            .count() as u64
    }

    pub(super) fn purge(&mut self, now: UnixTime) -> u64 {
        let gone: Vec<u64> = self
            .records
            .iter()
            .filter(|(_, record)| self.may_go(record, now))
            .map(|(position, _)| *position)
            .collect();
        let mut purged = gone.len() as u64;
        gone.into_iter().for_each(|position| self.take(position));
        let empty: Vec<u64> = self
            .filed(&Filed::Kind(Kind::Grant))
            .into_iter()
            .filter(|position| {
                self.records.get(position).is_some_and(|grant| {
                    let hanging = Filed::Grant(grant.key.id().to_owned());
                    grant.has_expired(now) && !self.filed.contains_key(&hanging)
                })
            })
            .collect();
        purged += empty.len() as u64;
        empty.into_iter().for_each(|position| self.take(position));
        self.counters.retain(|_, hits| now < hits.until);
        purged
    }

    /// Whether nobody will ask for `record`, which is no grant, after `now`.
    fn may_go(&self, record: &Record, now: UnixTime) -> bool {
        if record.key.kind() == Kind::Grant {
            return false;
        }
        match (&record.status, self.grant_of(record)) {
            (Status::Live, _) | (_, None) => record.has_expired(now),
            (_, Some(grant)) => grant.has_expired(now),
        }
    }

    fn grant_of(&self, record: &Record) -> Option<&Record> {
        self.find(&Key::grant(record.grant.as_ref()?))
    }

    fn write(
        &mut self,
        write: Write,
        now: UnixTime,
        undo: &mut Vec<Undo>,
    ) -> Result<(), StoreError> {
        match write {
            Write::Insert(mut record) => {
                record.check()?;
                self.check_grant(&record, now)?;
                if self.keys.contains_key(&record.key) {
                    return Err(Conflict::Exists.into());
                }
                record.version = 1;
                record.status = Status::Live;
                self.last += 1;
                undo.push((self.last, None));
                self.put(self.last, record);
            }
            Write::Replace(mut record) => {
                record.check()?;
                self.check_grant(&record, now)?;
                let position = self.keys.get(&record.key).copied();
                let before = self.find(&record.key).cloned();
                let (Some(position), Some(before)) = (position, before) else {
                    return Err(Conflict::Changed.into());
                };
                if !before.is_live(now) || before.version != record.version {
                    return Err(Conflict::Changed.into());
                }
                record.version += 1;
                record.status = Status::Live;
                record.created_at = before.created_at;
                undo.push((position, Some(before)));
                self.put(position, record);
            }
            Write::Remove(key) => {
                if key.kind() == Kind::Grant {
                    return Err(StoreError::Invalid("a grant is revoked, not removed"));
                }
                if let Some(&position) = self.keys.get(&key) {
                    undo.push((position, self.records.get(&position).cloned()));
                    self.take(position);
                }
            }
            Write::Touch { key, extend_to } => {
                let before = self.find(&key).cloned();
                if let (Some(&position), Some(before)) = (self.keys.get(&key), before) {
                    undo.push((position, Some(before)));
                    self.touch(&key, extend_to, now);
                }
            }
        }
        Ok(())
    }

    fn check_grant(&self, record: &Record, now: UnixTime) -> Result<(), StoreError> {
        if record.grant.is_none() {
            return Ok(());
        }
        let Some(grant) = self.grant_of(record).filter(|grant| grant.is_live(now)) else {
            return Err(Conflict::GrantNotLive.into());
        };
        if record.expires_at > grant.expires_at {
            return Err(StoreError::Invalid("a record outlives its grant"));
        }
        Ok(())
    }

    fn undo(&mut self, undo: Vec<Undo>) {
        for (position, before) in undo.into_iter().rev() {
            match before {
                Some(record) => self.put(position, record),
                None => self.take(position),
            }
        }
    }

    fn filed(&self, filed: &Filed) -> Vec<u64> {
        self.filed
            .get(filed)
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }

    /// Writes `record` at `position`, over whatever is there.
    fn put(&mut self, position: u64, record: Record) {
        self.take(position);
        self.keys.insert(record.key.clone(), position);
        for filed in Filed::all(&record) {
            self.filed.entry(filed).or_default().insert(position);
        }
        self.records.insert(position, record);
    }

    fn take(&mut self, position: u64) {
        let Some(record) = self.records.remove(&position) else {
            return;
        };
        self.keys.remove(&record.key);
        for filed in Filed::all(&record) {
            if let Some(positions) = self.filed.get_mut(&filed) {
                positions.remove(&position);
                if positions.is_empty() {
                    self.filed.remove(&filed);
                }
            }
        }
    }
}

impl Filed {
    fn all(record: &Record) -> Vec<Self> {
        let kind = record.key.kind();
        let mut all = vec![Self::Kind(kind)];
        if let Some(subject) = &record.subject {
            all.push(Self::Subject(kind, subject.as_str().to_owned()));
        }
        if let Some(client) = &record.client {
            all.push(Self::Client(kind, client.as_str().to_owned()));
        }
        if let Some(grant) = &record.grant {
            all.push(Self::Grant(grant.as_str().to_owned()));
        }
        all
    }
}

impl From<&Index> for Filed {
    fn from(index: &Index) -> Self {
        match index {
            Index::Kind(kind) => Self::Kind(*kind),
            Index::Subject(kind, subject) => Self::Subject(*kind, subject.as_str().to_owned()),
            Index::Client(kind, client) => Self::Client(*kind, client.as_str().to_owned()),
            Index::Grant(grant) => Self::Grant(grant.as_str().to_owned()),
            // In memory they are looked through.
            Index::LooseUpstreamTokens => Self::Kind(Kind::UpstreamTokens),
        }
    }
}

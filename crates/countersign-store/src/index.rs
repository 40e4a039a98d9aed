//! Which records are listed, and in what portions.

use countersign_oauth::UnixTime;

use crate::{ClientId, GrantId, Kind, Record, Status, Subject};

/// Which records are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a backend that ignores an index lists what was not asked for"
)]
pub enum Index {
    /// All of a kind.
    Kind(Kind),
    /// All of a kind that are about a subject.
    Subject(Kind, Subject),
    /// All of a kind that belong to a client.
    Client(Kind, ClientId),
    /// All that hang on a grant, of any kind; the record of the grant is not among
    /// them.
    Grant(GrantId),
    /// The tokens of upstream providers that no live grant holds: those that are used up
    /// or revoked, that have expired, or that hang on no grant, whatever [`Page::spent`]
    /// says. They are found without reading the others; what a page costs grows with how
    /// many of them there are.
    LooseUpstreamTokens,
}

impl Index {
    /// For backends: whether `record` is loose at `now`, in the words of
    /// [`Index::LooseUpstreamTokens`].
    pub fn is_loose(record: &Record, now: UnixTime) -> bool {
        let is_token = record.key.kind() == Kind::UpstreamTokens;
        is_token && (record.grant.is_none() || !record.is_live(now))
    }
}

/// A place in a list: after the record that was listed last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cursor(u64);

impl Cursor {
    /// After the record at `position`, as the backend numbers them.
    pub const fn after(position: u64) -> Self {
        Self(position)
    }

    /// The position.
    pub const fn position(self) -> u64 {
        self.0
    }
}

/// A portion of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Page {
    /// Where it begins; at the beginning without.
    pub after: Option<Cursor>,
    /// How many records at most, 1 to [`Page::LONGEST`].
    pub limit: usize,
    /// Whether records that are used up or revoked are listed too. Records that have
    /// expired never are, unless they are spent.
    pub spent: SpentRecords,
}

/// Whether records that are used up or revoked are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it stands for yes and no")]
pub enum SpentRecords {
    /// Live records alone.
    Omitted,
    /// These too.
    Listed,
}

impl Page {
    /// What a page holds at most.
    pub const LONGEST: usize = 1000;

    /// The first page of up to `limit` live records; the limit is moved into range.
    pub fn first(limit: usize) -> Self {
        Self {
            after: None,
            limit: limit.clamp(1, Self::LONGEST),
            spent: SpentRecords::Omitted,
        }
    }

    /// The page that begins at `cursor`.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// The same page with spent records.
    #[must_use]
    pub fn with_spent(mut self) -> Self {
        self.spent = SpentRecords::Listed;
        self
    }

    /// For backends: whether `record`, which is one of an index other than
    /// [`Index::LooseUpstreamTokens`], belongs on it at `now`.
    pub fn shows(&self, record: &Record, now: UnixTime) -> bool {
        match (&record.status, self.spent) {
            (Status::Live, _) => record.is_live(now),
            (_, SpentRecords::Listed) => true,
            (_, SpentRecords::Omitted) => false,
        }
    }

    /// For backends: the limit, moved into range.
    pub fn length(&self) -> usize {
        self.limit.clamp(1, Self::LONGEST)
    }
}

/// A page that was read.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "backends of others construct it")]
pub struct Listed {
    /// The records, oldest first.
    pub records: Vec<Record>,
    /// Where the next page begins; nothing after the last.
    pub next: Option<Cursor>,
}

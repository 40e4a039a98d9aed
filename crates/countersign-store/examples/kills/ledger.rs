//! What the child says it does, and what must be in the database after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use countersign_oauth::UnixTime;
use countersign_store::contract::STANDARD_NOW;
use countersign_store::{Found, Key, Kind, SqliteStore, Status, Store};

use crate::Failure;

/// The time of all calls.
pub(crate) const NOW: UnixTime = STANDARD_NOW;

/// How a record is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Live,
    Used,
    Revoked,
    Absent,
}

impl State {
    const ALL: [(Self, &str); 4] = [
        (Self::Live, "live"),
        (Self::Used, "used"),
        (Self::Revoked, "revoked"),
        (Self::Absent, "absent"),
    ];

    fn of(found: &Found) -> Self {
        match found {
            Found::Live(_) => Self::Live,
            Found::Absent => Self::Absent,
            Found::Spent(record) => match record.status {
                Status::Revoked { .. } => Self::Revoked,
                Status::Used { .. } | Status::Live => Self::Used,
            },
        }
    }
}

/// One record that a call changes, and to what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Effect {
    pub(crate) key: Key,
    pub(crate) state: State,
    /// The version of the record, where the call replaces it.
    pub(crate) version: u64,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = State::ALL.iter().find(|(state, _)| *state == self.state);
        write!(
            f,
            "{},{},{},{}",
            self.key.kind(),
            self.key.id(),
            word.map_or("", |(_, word)| word),
            self.version
        )
    }
}

impl FromStr for Effect {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = text.split(',').collect();
        let [kind, id, word, version] = parts.as_slice() else {
            return Err(format!("no effect: {text}").into());
        };
        let kind = Kind::parse(kind).ok_or("no kind")?;
        let state = State::ALL.iter().find(|(_, name)| name == word);
        Ok(Self {
            key: Key::danger_read_back(kind, *id),
            state: state.ok_or("no state")?.0,
            version: version.parse()?,
        })
    }
}

/// What is under way.
struct Open {
    operation: String,
    effects: Vec<Effect>,
}

/// What became of the calls of one operation that were cut off.
#[derive(Clone, Copy, Default)]
pub(crate) struct CutOff {
    pub(crate) done: u64,
    pub(crate) undone: u64,
}

/// What is known of the database.
#[derive(Default)]
pub(crate) struct Ledger {
    known: BTreeMap<Key, Effect>,
    /// What each worker has begun and not been told the end of.
    open: BTreeMap<String, Open>,
    /// Who was told that a redemption won.
    won: BTreeSet<String>,
    pub(crate) acknowledged: u64,
    /// By operation.
    pub(crate) cut_off: BTreeMap<String, CutOff>,
}

impl Ledger {
    /// Takes a line of the child: `begin WORKER OPERATION EFFECT…`, `done WORKER`, or
    /// `won CODE`.
    pub(crate) fn take(&mut self, line: &str) -> Result<(), Failure> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["begin", worker, operation, effects @ ..] => {
                let effects: Result<_, _> = effects.iter().map(|text| text.parse()).collect();
                let open = Open {
                    operation: (*operation).to_owned(),
                    effects: effects?,
                };
                self.open.insert((*worker).to_owned(), open);
            }
            ["done", worker] => {
                let open = self.open.remove(*worker).ok_or("done without begin")?;
                self.acknowledged += 1;
                self.adopt(open.effects);
            }
            ["won", code] => {
                if !self.won.insert((*code).to_owned()) {
                    return Err(format!("{code} was redeemed twice").into());
                }
            }
            _ => return Err(format!("the child says: {line}").into()),
        }
        Ok(())
    }

    fn adopt(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.known.insert(effect.key.clone(), effect);
        }
    }

    /// Compares the database with all that is known, and finds out what became of the
    /// calls that were cut off.
    pub(crate) async fn settle(&mut self, store: &SqliteStore) -> Result<(), Failure> {
        for (worker, Open { operation, effects }) in std::mem::take(&mut self.open) {
            let mut done = 0;
            let mut differing = 0;
            for effect in &effects {
                let found = observe(store, &effect.key).await?;
                let before = self.before(&effect.key);
                if found != (before.state, before.version) {
                    differing += 1;
                }
                if found == (effect.state, effect.version) {
                    done += 1;
                }
            }
            let cut_off = self.cut_off.entry(operation).or_default();
            if done == effects.len() {
                cut_off.done += 1;
                self.adopt(effects);
            } else if differing == 0 {
                cut_off.undone += 1;
            } else {
                return Err(format!("the call of {worker} was half done: {effects:?}").into());
            }
        }
        for (key, effect) in &self.known {
            let found = observe(store, key).await?;
            if found != (effect.state, effect.version) {
                return Err(format!("{key:?} is {found:?}, acknowledged was {effect:?}").into());
            }
            // Trying is the proof: nothing that is spent can be redeemed again.
            let spent = matches!(effect.state, State::Used | State::Revoked);
            if spent && key.kind() != Kind::Grant {
                let again = store.redeem(key, Vec::new(), None, NOW).await?;
                if !matches!(again, Found::Spent(_)) {
                    return Err(format!("{key:?} is redeemed again: {again:?}").into());
                }
            }
        }
        Ok(())
    }

    fn before(&self, key: &Key) -> Effect {
        self.known.get(key).cloned().unwrap_or(Effect {
            key: key.clone(),
            state: State::Absent,
            version: 0,
        })
    }
}

async fn observe(store: &SqliteStore, key: &Key) -> Result<(State, u64), Failure> {
    let found = store.get(key, NOW).await?;
    let version = match &found {
        Found::Live(record) | Found::Spent(record) => record.version,
        Found::Absent => 0,
    };
    Ok((State::of(&found), version))
}

//! What looks like an attack, seen in what is noted: many failures from one place, one
//! grant used from many places, a grant that lives on after its end.
//!
//! It raises records of its own, and slows answers down, nothing else. What is slowed are
//! refusals, of whoever was refused too often under the same name and from the same place:
//! whoever is let in is answered at once, so that nobody can lock out another (row G13).
//!
//! Memory is bounded, whoever comes: keys are keyed hashes in tables that do not grow.

mod sightings;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_audit::{Outcome, Record, RequestId, Severity, Sink, SinkFull, Text};

use self::sightings::Sightings;
use crate::limit::Quota;
use crate::limit::cell::Rate;
use crate::limit::limiter::machine;
use crate::limit::network::of_one_stranger;
use crate::limit::table::Table;

/// How often one name may fail from one place, or one place under all names.
const OF_A_NAME: Quota = Quota::per_hour(60).burst(10);
const OF_A_PLACE: Quota = Quota::per_hour(600).burst(100);
/// How often the same suspicion is told about.
const TOLD: Quota = Quota::per_hour(6).burst(1);
/// From how many places one grant may be used within [`WINDOW`].
const PLACES: u32 = 8;
/// An hour, in milliseconds.
const WINDOW: u64 = 60 * 60 * 1000;
/// How many names, places and grants are remembered.
const ROOM: usize = 1 << 16;
/// How many refused requests are known to be answered slowly, and how many wait.
const SLOW: usize = 1024;
const WAITING: usize = 256;

/// Watches what is noted. Put it between a server and its sink: [`Suspicion::over`].
#[derive(Debug)]
pub struct Suspicion {
    names: Table,
    places: Table,
    told: Table,
    sightings: Sightings,
    ended: Sightings,
    given_up: Sightings,
    delay: Duration,
    slow: Mutex<VecDeque<Text>>,
    /// How many are in `slow`, to be read without its lock.
    slowed: AtomicUsize,
    waiting: AtomicUsize,
}

impl Default for Suspicion {
    fn default() -> Self {
        let table = |quota| Table::new(Rate::of(quota), ROOM);
        Self {
            names: table(OF_A_NAME),
            places: table(OF_A_PLACE),
            told: table(TOLD),
            sightings: Sightings::new(ROOM),
            ended: Sightings::new(ROOM),
            given_up: Sightings::new(ROOM),
            delay: Duration::from_millis(1500),
            slow: Mutex::default(),
            slowed: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Suspicion {
    /// With the bounds of `docs/audit.md`.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a refusal is held back, two seconds at most; one and a half unless said
    /// otherwise.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay.min(Duration::from_secs(2));
        self
    }

    /// Watches what goes to `sink`, and tells it what is suspicious.
    pub fn over(self, sink: Arc<dyn Sink>) -> Watch {
        Watch {
            suspicion: Arc::new(self),
            sink,
        }
    }

    /// Looks at `record`; answers what is suspicious about it.
    fn look(&self, record: &Record) -> Vec<Record> {
        let mut raised = Vec::new();
        if record.outcome == Outcome::Refused {
            self.look_at_failure(record, &mut raised);
        } else {
            self.look_at_places(record, &mut raised);
        }
        self.look_at_sequence(record, &mut raised);
        raised
    }

    fn look_at_failure(&self, record: &Record, raised: &mut Vec<Record>) {
        let weight = weight(record);
        let (Some(place), true) = (place(record), weight > 0) else {
            return;
        };
        let now = nanoseconds(record.at);
        let name = name(record);
        let key = self.names.keyed((place, name));
        if self.names.take(key, now, weight).is_err() {
            self.slow_down(record);
            self.tell(raised, ("name", place, name), record, || {
                suspicious("many_failures", "somebody fails again and again", record)
                    .detail(format!("more than {} within an hour", OF_A_NAME.at_once()))
            });
        }
        let key = self.places.keyed(place);
        if self.places.take(key, now, weight).is_err() {
            self.slow_down(record);
            self.tell(raised, ("place", place, ""), record, || {
                let mut many = suspicious("many_failures", "many fail from one place", record);
                (many.subject, many.client) = (None, None);
                many.detail(format!("more than {} within an hour", OF_A_PLACE.at_once()))
            });
        }
    }

    fn look_at_places(&self, record: &Record, raised: &mut Vec<Record>) {
        let Some(place) = place(record) else {
            return;
        };
        let grant = record.grant.as_ref().map(Text::as_str);
        let principal = (
            record.issuer.as_ref().map(Text::as_str),
            record.subject.as_ref().map(Text::as_str),
            record.client.as_ref().map(Text::as_str),
        );
        // Without a grant, what a client does for one person comes nearest to it.
        if grant.is_none() && (principal.1.is_none() || principal.2.is_none()) {
            return;
        }
        let key = (grant, grant.is_none().then_some(principal));
        let places = self.sightings.see(key, place, record.at, WINDOW);
        if places >= PLACES {
            self.tell(raised, ("places", (0, 0), name(record)), record, || {
                suspicious(
                    "many_addresses",
                    "one grant is used from many places",
                    record,
                )
                .detail(format!("about {places} networks within an hour"))
            });
        }
    }

    /// What ended cannot go on.
    fn look_at_sequence(&self, record: &Record, raised: &mut Vec<Record>) {
        let Some(grant) = &record.grant else {
            return;
        };
        match record.event.as_str() {
            "grant_revoked" | "upstream_ended" => {
                self.ended.see(grant.as_str(), "", record.at, WINDOW);
            }
            // Who had the tokens gave them up, or two had them.
            "token_revoked" | "replay_detected" => {
                self.ended.see(grant.as_str(), "", record.at, WINDOW);
                self.given_up.see(grant.as_str(), "", record.at, WINDOW);
            }
            "token_request_refused" if self.given_up.has(grant.as_str(), record.at, WINDOW) => {
                self.tell(raised, ("given up", (0, 0), grant.as_str()), record, || {
                    let impossible = "a token was used after it had been given up";
                    suspicious("impossible_sequence", impossible, record)
                });
            }
            "tokens_issued" if self.ended.has(grant.as_str(), record.at, WINDOW) => {
                let impossible = "tokens were issued for a grant that had ended";
                let record = suspicious("impossible_sequence", impossible, record);
                raised.push(record.severity(Severity::Alert));
            }
            _ => {}
        }
    }

    /// Adds what `make` makes, unless the same was told just now.
    fn tell(
        &self,
        raised: &mut Vec<Record>,
        what: (&str, Origin, &str),
        record: &Record,
        make: impl FnOnce() -> Record,
    ) {
        let key = self.told.keyed(what);
        if self.told.take(key, nanoseconds(record.at), 1).is_ok() {
            raised.push(make());
        }
    }

    fn slow_down(&self, record: &Record) {
        let Some(request) = &record.request else {
            return;
        };
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if slow.back() == Some(request) {
            return;
        }
        if slow.len() >= SLOW {
            slow.pop_front();
        }
        slow.push_back(request.clone());
        self.slowed.store(slow.len(), Ordering::Release);
    }

    /// Holds the answer to `request` back if it was refused and is suspicious. Few wait
    /// at a time: whoever comes when there are too many is answered at once.
    pub async fn hold_back(&self, request: &RequestId) {
        if self.slowed.load(Ordering::Acquire) == 0 || !self.forget(request) {
            return;
        }
        let place = Place::take(&self.waiting);
        if place.is_some() {
            tokio::time::sleep(self.delay).await;
        }
    }

    /// Whether `request` was to be slow; it is not any more.
    fn forget(&self, request: &RequestId) -> bool {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        let text = request.text();
        let before = slow.len();
        slow.retain(|slow| *slow != text);
        self.slowed.store(slow.len(), Ordering::Release);
        slow.len() < before
    }
}

/// One of those who wait.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let taken = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
            (waiting < WAITING).then_some(waiting + 1)
        });
        taken.ok().map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A sink that is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    suspicion: Arc<Suspicion>,
    sink: Arc<dyn Sink>,
}

impl Watch {
    /// What watches.
    pub const fn suspicion(&self) -> &Arc<Suspicion> {
        &self.suspicion
    }
}

impl Sink for Watch {
    fn note(&self, record: Record) {
        let raised = self.suspicion.look(&record);
        self.sink.note(record);
        for record in raised {
            self.sink.note(record);
        }
    }

    fn state(&self) -> Result<(), SinkFull> {
        self.sink.state()
    }
}

/// A machine, or a network of which one owner has all addresses.
type Origin = (u8, u64);

/// Where `record` comes from, unless many are there.
fn place(record: &Record) -> Option<Origin> {
    of_one_stranger(record.address).map(machine)
}

/// How much a refusal counts; nothing for what happens to everybody.
fn weight(record: &Record) -> u32 {
    match (
        record.event.as_str(),
        record.reason.as_ref().map(Text::as_str),
    ) {
        ("request_refused", Some("token_rejected" | "proof_rejected" | "malformed_credential")) => {
            1
        }
        ("request_refused", Some("foreign_session" | "mirror_mismatch")) => 2,
        ("client_refused" | "login_refused" | "token_request_refused" | "setup_refused", _) => 1,
        // Nobody comes back from a provider without having been sent there.
        ("callback_refused" | "form_refused", _) => 2,
        _ => 0,
    }
}

/// Under which name it failed: what the caller claims, which nobody has verified.
fn name(record: &Record) -> &str {
    let name = record.subject.as_ref().or(record.client.as_ref());
    name.map_or("", Text::as_str)
}

fn suspicious(event: &'static str, sentence: &'static str, about: &Record) -> Record {
    let mut record = Record::new(event, sentence, about.at).severity(Severity::Warning);
    record.subject.clone_from(&about.subject);
    record.issuer.clone_from(&about.issuer);
    record.client.clone_from(&about.client);
    record.grant.clone_from(&about.grant);
    record.request.clone_from(&about.request);
    record.address = about.address;
    record
}

const fn nanoseconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests;

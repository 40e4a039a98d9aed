//! Who owns which session, and how many there may be.
//!
//! TR-24, TR-25: a session is found by its id *and* its owner. For everybody else
//! it does not exist. An id alone authenticates nobody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_resource_server::{Caller, Principal};
use tokio_util::sync::CancellationToken;

use super::limits::SessionLimits;
use super::outbound::Shape;
use super::session::Session;
use crate::audit;

/// Who a session belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Issuer, subject, client and source.
    Principal(Principal),
    /// Callers without a token; the id is all that tells them apart.
    Anonymous,
}

impl Owner {
    pub(crate) fn of(caller: &Caller) -> Self {
        caller.owner().map_or(Self::Anonymous, |principal| {
            Self::Principal(principal.clone())
        })
    }

    /// Whether `caller` is the owner, whatever token it shows.
    pub(crate) fn is(&self, caller: &Caller) -> bool {
        match (self, caller.owner()) {
            (Self::Principal(owner), Some(principal)) => owner == principal,
            (Self::Anonymous, None) => true,
            _ => false,
        }
    }
}

/// Whose limit a session or stream counts against.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Account {
    Principal(Principal),
    Address(Option<IpAddr>),
}

impl Account {
    fn of(caller: &Caller) -> Self {
        match caller.owner() {
            Some(principal) => Self::Principal(principal.clone()),
            None => Self::Address(caller.address()),
        }
    }
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The limit of this caller.
    Caller,
    /// The limit of the server.
    Total,
}

/// All sessions and open streams of a server.
#[derive(Debug)]
pub(crate) struct SessionTable {
    per_caller: usize,
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<Arc<str>, Arc<Session>>,
    streams: HashMap<u64, (Owner, CancellationToken)>,
    taken: HashMap<Account, usize>,
    total: usize,
    last_stream: u64,
}

/// The place of one session or stream. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<SessionTable>,
    account: Account,
    stream: Option<u64>,
}

impl SessionTable {
    pub(crate) fn new(limits: &SessionLimits) -> Arc<Self> {
        Arc::new(Self {
            per_caller: limits.per_caller,
            total: limits.total,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for something of `caller`.
    ///
    /// # Errors
    ///
    /// [`Full`] says whose limit is reached.
    pub(crate) fn take_place(self: &Arc<Self>, caller: &Caller) -> Result<Place, Full> {
        let account = Account::of(caller);
        let mut state = self.state();
        if state.total >= self.total {
            return Err(Full::Total);
        }
        let taken = state.taken.entry(account.clone()).or_default();
        if *taken >= self.per_caller {
            return Err(Full::Caller);
        }
        *taken += 1;
        state.total += 1;
        Ok(Place {
            table: Arc::clone(self),
            account,
            stream: None,
        })
    }

    /// Takes a place for a stream without a session; `ended` is what ends it.
    ///
    /// # Errors
    ///
    /// [`Full`] says whose limit is reached.
    pub(crate) fn take_stream(
        self: &Arc<Self>,
        caller: &Caller,
        ended: CancellationToken,
    ) -> Result<Place, Full> {
        let mut place = self.take_place(caller)?;
        let mut state = self.state();
        state.last_stream += 1;
        let number = state.last_stream;
        state.streams.insert(number, (Owner::of(caller), ended));
        place.stream = Some(number);
        Ok(place)
    }

    /// Makes a session known to its owner.
    pub(crate) fn insert(&self, session: Arc<Session>) {
        self.state()
            .sessions
            .insert(Arc::clone(session.id()), session);
    }

    /// The session `id` of `caller`, on the transport of this shape.
    pub(crate) fn find(&self, caller: &Caller, id: &str, shape: Shape) -> Option<Arc<Session>> {
        let state = self.state();
        let session = state.sessions.get(id)?;
        if !session.owner().is(caller) {
            audit::refused("foreign_session", None);
            return None;
        }
        let found = session.outbound().shape() == shape && !session.has_ended();
        found.then(|| Arc::clone(session))
    }

    /// Forgets a session.
    pub(crate) fn remove(&self, id: &str) {
        self.state().sessions.remove(id);
    }

    /// Ends every session and stream whose owner `matches`.
    pub(crate) fn end_where(&self, matches: impl Fn(&Owner) -> bool) -> usize {
        let mut state = self.state();
        let mut ended = 0;
        state.sessions.retain(|_, session| {
            let end = matches(session.owner());
            if end {
                session.end();
                ended += 1;
            }
            !end
        });
        for (owner, stream) in state.streams.values() {
            if matches(owner) {
                stream.cancel();
                ended += 1;
            }
        }
        ended
    }

    /// How many streams there are.
    pub(crate) fn streams(&self) -> usize {
        self.state().streams.len()
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.state().sessions.len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.table.state();
        state.total = state.total.saturating_sub(1);
        if let Some(taken) = state.taken.get_mut(&self.account) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                state.taken.remove(&self.account);
            }
        }
        if let Some(number) = self.stream {
            state.streams.remove(&number);
        }
    }
}

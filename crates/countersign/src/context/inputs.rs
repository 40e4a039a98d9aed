//! What a repeated request brings: answers, and the state that says what was asked.
//!
//! MCP 2026-07-28, multi round-trip requests. The state is opened here, before
//! any handler runs: a request whose state does not belong to it is refused
//! with −32602 and without any effect.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use countersign_resource_server::Caller;
use countersign_resource_server::oauth::{Lifetime, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RequestInfo;
use super::seal::{Binding, LONGEST_STATE, Sealer, StateId};
use crate::ToolError;
use crate::protocol::{ErrorData, InputResponses};

/// How long an answer may take.
const LIFETIME: Lifetime = Lifetime::from_mins(10);
/// How often one call may ask.
const MOST_ROUNDS: u8 = 10;
/// As long as a used-up call could be replayed from any of its rounds.
const SPENT_FOR: Lifetime = Lifetime::from_mins(10 * MOST_ROUNDS as u64);
/// How many used-up calls are remembered at most.
const MOST_SPENT: usize = 65_536;

/// The answers of this request and the state of the rounds before.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(super) responses: InputResponses,
    pub(super) state: Option<Opened>,
}

/// A state whose seal was good.
#[derive(Debug)]
pub(crate) struct Opened {
    id: StateId,
    pub(super) payload: Payload,
}

/// An answer, and the digest of the question it belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(super) question: String,
    pub(super) answer: Value,
}

/// What is sealed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Payload {
    expires: u64,
    round: u8,
    /// The first state of this call; the whole call is used up at once.
    first: Option<StateId>,
    /// Questions without an answer yet: key and digest.
    pub(super) asked: BTreeMap<String, String>,
    pub(super) answered: BTreeMap<String, Answer>,
    pub(super) memo: Option<Value>,
}

/// The one answer for every bad state: why it is bad helps only an attacker.
fn refused() -> ErrorData {
    ErrorData::invalid_params("Invalid or expired requestState", None)
}

impl Inputs {
    /// Opens what `request` brought along at the time `now`.
    ///
    /// `input_responses` is the JSON text of the member `params.inputResponses`, `request_state`
    /// the member `params.requestState`.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the answers are not an object, or if the state was not
    /// sealed by this server for this caller, method, component and arguments,
    /// or has expired.
    pub(crate) fn open(
        sealer: &Sealer,
        caller: &Caller,
        request: &RequestInfo,
        input_responses: Option<&str>,
        request_state: Option<&str>,
        now: UnixTime,
    ) -> Result<Self, ErrorData> {
        let responses = match input_responses {
            None => InputResponses::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|_| ErrorData::invalid_params("inputResponses is not an object", None))?,
        };
        let state = match request_state {
            None => None,
            Some(text) => {
                let (id, opened) = sealer
                    .open(text, &request.binding(caller))
                    .map_err(|_| refused())?;
                let payload: Payload = serde_json::from_slice(&opened).map_err(|_| refused())?;
                if payload.expires <= now.as_secs() {
                    return Err(refused());
                }
                Some(Opened { id, payload })
            }
        };
        Ok(Self { responses, state })
    }

    /// The answer to the question `digest` under `key`. An answer to another
    /// question under the same key is none, and so is one without the state that
    /// says what was asked.
    pub(super) fn answer(&self, key: &str, digest: &str) -> Option<&Value> {
        let Opened { payload, .. } = self.state.as_ref()?;
        if let Some(answer) = payload.answered.get(key) {
            return (answer.question == digest).then_some(&answer.answer);
        }
        if payload.asked.get(key).is_some_and(|asked| asked == digest) {
            return self.responses.get(key);
        }
        None
    }

    /// Uses the call up. The second time it is refused.
    pub(super) fn spend(&self, spent: &Spent, now: UnixTime) -> Result<(), ErrorData> {
        match &self.state {
            Some(Opened { id, payload }) => spent.add(payload.first.unwrap_or(*id), now),
            None if self.responses.is_empty() => Ok(()),
            None => Err(refused()),
        }
    }
}

/// What a round leaves to the next.
pub(super) struct Leftover {
    pub(super) asked: BTreeMap<String, String>,
    pub(super) answered: BTreeMap<String, Answer>,
    pub(super) memo: Option<Value>,
}

impl Leftover {
    /// Seals the state of the next round of `request`.
    pub(super) fn seal(
        self,
        sealer: &Sealer,
        caller: &Caller,
        request: &RequestInfo,
    ) -> Result<String, ToolError> {
        let before = request
            .inputs
            .as_ref()
            .and_then(|inputs| inputs.state.as_ref());
        let round = before.map_or(0, |state| state.payload.round);
        if round >= MOST_ROUNDS {
            return Err(ToolError::internal(format!(
                "{} asked more than {MOST_ROUNDS} times in one call",
                request.method
            )));
        }
        let mut answered =
            before.map_or_else(BTreeMap::new, |state| state.payload.answered.clone());
        answered.extend(self.answered);
        let payload = Payload {
            expires: request.received.saturating_add(LIFETIME).as_secs(),
            round: round.saturating_add(1),
            first: before.map(|state| state.payload.first.unwrap_or(state.id)),
            asked: self.asked,
            answered,
            memo: self
                .memo
                .or_else(|| before.and_then(|state| state.payload.memo.clone())),
        };
        let text = sealer
            .seal(serde_json::to_vec(&payload)?, &request.binding(caller))
            .ok_or_else(|| ToolError::internal("the random generator failed"))?;
        if text.len() > LONGEST_STATE {
            return Err(ToolError::internal(
                "the answers and what is remembered are too large for a request state",
            ));
        }
        Ok(text)
    }
}

/// Calls that were used up by [`crate::Context::once`], in this process.
#[derive(Debug, Default)]
pub(crate) struct Spent(Mutex<HashMap<StateId, UnixTime>>);

impl Spent {
    /// Notes `id`; refuses it if it is known. When the table is
    /// full of ids that can still be replayed, every call is refused.
    fn add(&self, id: StateId, now: UnixTime) -> Result<(), ErrorData> {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.contains_key(&id) {
            return Err(refused());
        }
        if spent.len() >= MOST_SPENT {
            spent.retain(|_, until| *until > now);
            if spent.len() >= MOST_SPENT {
                tracing::error!("too many calls were used up within their lifetime");
                return Err(ErrorData::internal_error("Internal error", None));
            }
        }
        spent.insert(id, now.saturating_add(SPENT_FOR));
        Ok(())
    }
}

impl RequestInfo {
    /// What a state of this request is bound to.
    pub(super) fn binding(&self, caller: &Caller) -> Binding {
        Binding::new(caller, self.method, &self.component, &self.arguments)
    }
}

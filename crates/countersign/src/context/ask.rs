//! Questions to the client: elicitation, sampling and roots, in both eras.
//!
//! A handler asks with `?` and does not see which era its client belongs to. In a
//! legacy session the question is a request to the client, and the handler
//! waits. From 2026-07-28 on there are no such requests (checklist TR-16): the
//! call ends with the questions, the client repeats it with the answers, and the
//! handler runs again from its start; what was answered before is answered
//! again, from the sealed state.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::inputs::{Answer, Leftover};
use super::question::Question;
use super::{Context, Link, form, seal};
use crate::ToolError;
use crate::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitationSchema, ErrorData, InputRequests,
    InputRequiredResult, InputResponses, JsonObject, ListRootsResult,
};

/// How long a person or a model may take in a legacy session, unless it is said otherwise.
const PATIENCE: Duration = Duration::from_secs(300);
/// The methods that may answer with questions (2026-07-28, multi round-trip requests).
const ASKING_METHODS: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];

/// What a person did with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol lists them")]
pub enum Elicited<T> {
    /// Answered it.
    Accepted(T),
    /// Said no.
    Declined,
    /// Closed it without a choice.
    Cancelled,
}

impl<T> Elicited<T> {
    /// The answer, if there is one.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(answer) => Some(answer),
            Self::Declined | Self::Cancelled => None,
        }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Elicited<U> {
        match self {
            Self::Accepted(answer) => Elicited::Accepted(change(answer)),
            Self::Declined => Elicited::Declined,
            Self::Cancelled => Elicited::Cancelled,
        }
    }

    fn transpose<E>(this: Elicited<Result<T, E>>) -> Result<Self, E> {
        Ok(match this {
            Elicited::Accepted(answer) => Self::Accepted(answer?),
            Elicited::Declined => Self::Declined,
            Elicited::Cancelled => Self::Cancelled,
        })
    }
}

/// What the run of a handler has asked, learnt and left behind so far.
#[derive(Debug, Default)]
pub(super) struct Round {
    answered: BTreeMap<String, Answer>,
    memo: Option<Value>,
    keys: BTreeMap<String, ()>,
    pub(super) progress: Option<f64>,
}

type Reader<T> = fn(&Question, Value) -> Result<T, ToolError>;

/// One question, asked by `.await`.
#[must_use = "a question is asked by awaiting it"]
pub struct Ask<'a, T> {
    context: &'a Context,
    key: Option<String>,
    question: Result<Question, ToolError>,
    read: Reader<T>,
    patience: Duration,
}

impl<T> std::fmt::Debug for Ask<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<'a, T> Ask<'a, T> {
    fn new(context: &'a Context, question: Result<Question, ToolError>, read: Reader<T>) -> Self {
        Self {
            context,
            key: None,
            question,
            read,
            patience: PATIENCE,
        }
    }

    /// Names the question, as clients see it and as its answer is found again when
    /// the handler runs again. Without a name the question is numbered, which is
    /// enough where the same questions are asked in the same order each time.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Waits this long for the answer in a legacy session; 5 minutes if not said.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl<'a, T: Send + 'a> IntoFuture for Ask<'a, T> {
    type Output = Result<T, ToolError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let question = self.question?;
            let key = self.context.key_of(self.key, &question)?;
            let questions = [(key, question)];
            let answers = self.context.put(&questions, self.patience).await?;
            let [(_, question)] = &questions;
            let answer = answers.into_iter().next().unwrap_or_default();
            (self.read)(question, answer)
        })
    }
}

/// Several questions at once, asked by `.await`.
#[must_use = "questions are asked by awaiting them"]
#[derive(Debug)]
pub struct Asks<'a> {
    context: &'a Context,
    questions: Vec<(String, Result<Question, ToolError>)>,
    patience: Duration,
}

impl Asks<'_> {
    fn and(mut self, key: impl Into<String>, question: Result<Question, ToolError>) -> Self {
        self.questions.push((key.into(), question));
        self
    }

    /// And asks a person to fill in a form; see [`Context::elicit`].
    pub fn elicit(
        self,
        key: impl Into<String>,
        message: impl Into<String>,
        schema: ElicitationSchema,
    ) -> Self {
        self.and(key, Question::form(message.into(), schema))
    }

    /// And asks a person to fill in a form with the fields of `T`; see [`Context::elicit_as`].
    pub fn elicit_as<T: schemars::JsonSchema>(
        self,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let question =
            form::schema_of::<T>().and_then(|schema| Question::form(message.into(), schema));
        self.and(key, question)
    }

    /// And asks the client's model; see [`Context::sample`].
    pub fn sample(self, key: impl Into<String>, params: CreateMessageRequestParams) -> Self {
        self.and(key, Question::sample(params))
    }

    /// And asks for the client's roots; see [`Context::list_roots`].
    pub fn list_roots(self, key: impl Into<String>) -> Self {
        self.and(key, Ok(Question::Roots))
    }

    /// Waits this long for each answer in a legacy session; 5 minutes if not said.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl<'a> IntoFuture for Asks<'a> {
    type Output = Result<Answers, ToolError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut questions = Vec::with_capacity(self.questions.len());
            for (key, question) in self.questions {
                let question = question?;
                questions.push((self.context.key_of(Some(key), &question)?, question));
            }
            let answers = self.context.put(&questions, self.patience).await?;
            let answers = questions
                .into_iter()
                .zip(answers)
                .map(|((key, question), answer)| (key, (question, answer)))
                .collect();
            Ok(Answers(answers))
        })
    }
}

/// The answers to several questions, by their keys.
pub struct Answers(BTreeMap<String, (Question, Value)>);

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Answers {
    fn take<T>(&mut self, key: &str, read: Reader<T>) -> Result<T, ToolError> {
        let (question, answer) = self
            .0
            .remove(key)
            .ok_or_else(|| ToolError::internal(format!("no question `{key}` was asked")))?;
        read(&question, answer)
    }

    /// The form that was asked for under `key`; each answer can be taken once.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the client answered something else.
    pub fn elicited(&mut self, key: &str) -> Result<Elicited<JsonObject>, ToolError> {
        self.take(key, Question::read_form)
    }

    /// The form that was asked for under `key`, as a `T`.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the client answered something else.
    pub fn elicited_as<T: DeserializeOwned>(
        &mut self,
        key: &str,
    ) -> Result<Elicited<T>, ToolError> {
        self.take(key, read_as)
    }

    /// What the client's model said under `key`.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the client answered something else.
    pub fn sampled(&mut self, key: &str) -> Result<CreateMessageResult, ToolError> {
        self.take(key, Question::read_message)
    }

    /// The client's roots under `key`.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the client answered something else.
    pub fn roots(&mut self, key: &str) -> Result<ListRootsResult, ToolError> {
        self.take(key, Question::read_roots)
    }
}

fn read_as<T: DeserializeOwned>(
    question: &Question,
    answer: Value,
) -> Result<Elicited<T>, ToolError> {
    let answer = question.read_form(answer)?;
    Elicited::transpose(answer.map(|content| {
        serde_json::from_value(Value::Object(content))
            .map_err(|_| ToolError::invalid_arguments("The answer does not fit the question"))
    }))
}

/// Questions to the client.
///
/// Every one of them fails with JSON-RPC −32021 if the client did not declare
/// the capability, and needs a session if the client is a legacy one: mark the
/// component `interactive`.
///
/// Clients from 2026-07-28 on repeat the call with their answers, so the handler
/// runs again from its start: do nothing that must not happen twice before the
/// last question, and ask the same question in the same words again. An answer
/// counts only for the question it was given to.
impl Context {
    /// Asks a person to fill in a form.
    ///
    /// `schema` is flat: strings, numbers, booleans and choices. The answer was
    /// checked against it.
    ///
    /// # Security
    ///
    /// A form must not ask for a secret: what is typed into it passes through the
    /// client and perhaps a model. Fields named like passwords or keys are refused;
    /// use [`Self::elicit_url`].
    pub fn elicit(
        &self,
        message: impl Into<String>,
        schema: ElicitationSchema,
    ) -> Ask<'_, Elicited<JsonObject>> {
        Ask::new(
            self,
            Question::form(message.into(), schema),
            Question::read_form,
        )
    }

    /// Asks a person to fill in a form with the fields of `T`, a struct of strings,
    /// numbers, booleans, choices and options of those.
    pub fn elicit_as<T>(&self, message: impl Into<String>) -> Ask<'_, Elicited<T>>
    where
        T: schemars::JsonSchema + DeserializeOwned,
    {
        let question =
            form::schema_of::<T>().and_then(|schema| Question::form(message.into(), schema));
        Ask::new(self, question, read_as)
    }

    /// Asks a person to open `url`, for what a form must not ask: payment,
    /// passwords, consent at a third party.
    ///
    /// `Accepted` says that the person agreed to open it, not that they are done.
    ///
    /// # Security
    ///
    /// `url` is https, or http on loopback; addresses inside of a network and
    /// user information are refused, and so is the caller's token. Put no secret
    /// into it and let it grant nothing by itself: whoever opens it must prove to
    /// be this caller, for example by [`Self::url_ticket`] and a login, because
    /// links are forwarded. Never use it to authorise the client at this server.
    pub fn elicit_url(
        &self,
        message: impl Into<String>,
        url: impl Into<String>,
    ) -> Ask<'_, Elicited<()>> {
        let question = Question::url(message.into(), url.into(), self.token().as_ref());
        Ask::new(self, question, Question::read_consent)
    }

    /// Asks the client's model.
    pub fn sample(&self, params: CreateMessageRequestParams) -> Ask<'_, CreateMessageResult> {
        Ask::new(self, Question::sample(params), Question::read_message)
    }

    /// Asks which files and folders the client works on.
    pub fn list_roots(&self) -> Ask<'_, ListRootsResult> {
        Ask::new(self, Ok(Question::Roots), Question::read_roots)
    }

    /// Several questions at once, each under its own key.
    pub const fn ask(&self) -> Asks<'_> {
        Asks {
            context: self,
            questions: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// The answers as the client sent them in this request; empty for legacy
    /// clients. They are not checked against any question.
    pub fn input_responses(&self) -> Option<&InputResponses> {
        Some(&self.0.request.inputs.as_ref()?.responses)
    }

    /// What the handler gave to [`Self::remember`] last, in this or an earlier run
    /// of the call.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the client answers without the state that it was given.
    pub fn request_state<T: DeserializeOwned>(&self) -> Result<Option<T>, ToolError> {
        let memo = self.round().memo.clone();
        let memo = match (memo, &self.0.request.inputs) {
            (Some(memo), _) => Some(memo),
            (None, None) => None,
            (None, Some(inputs)) => match &inputs.state {
                Some(state) => state.payload.memo.clone(),
                None => {
                    return Err(ToolError::protocol(ErrorData::invalid_params(
                        "Invalid or expired requestState",
                        None,
                    )));
                }
            },
        };
        Ok(memo.map(serde_json::from_value).transpose()?)
    }

    /// Keeps `value` for the next run of this call; it replaces the value before.
    ///
    /// It travels sealed through the client, which cannot read or change it, and
    /// comes back for at most 10 minutes.
    ///
    /// # Errors
    ///
    /// If `value` has no JSON form.
    pub fn remember<T: Serialize>(&self, value: &T) -> Result<(), ToolError> {
        let value = serde_json::to_value(value)?;
        self.round().memo = Some(value);
        Ok(())
    }

    /// Uses this call up: called before something that must happen once, it lets
    /// the same answers through a single time.
    ///
    /// # Errors
    ///
    /// JSON-RPC −32602 if the answers were used before, or came without the state
    /// that they belong to.
    ///
    /// # Security
    ///
    /// What was used up is known to this process. Several nodes need to agree by
    /// other means, for example by a unique row in their database.
    pub fn once(&self) -> Result<(), ToolError> {
        match &self.0.request.inputs {
            None => Ok(()),
            Some(inputs) => inputs
                .spend(&self.0.home.spent, self.0.request.received)
                .map_err(ToolError::protocol),
        }
    }

    pub(super) fn round(&self) -> MutexGuard<'_, Round> {
        let round = self.0.round.get_or_init(Box::default);
        round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key_of(&self, key: Option<String>, question: &Question) -> Result<String, ToolError> {
        let keys = &mut self.round().keys;
        let key = key.unwrap_or_else(|| format!("{}-{}", question.noun(), keys.len() + 1));
        match keys.insert(key.clone(), ()) {
            None => Ok(key),
            Some(()) => Err(ToolError::internal(format!(
                "two questions have the key `{key}`"
            ))),
        }
    }

    /// Puts the questions to the client; the answers are in the same order.
    async fn put(
        &self,
        questions: &[(String, Question)],
        patience: Duration,
    ) -> Result<Vec<Value>, ToolError> {
        if !ASKING_METHODS.contains(&self.method()) {
            return Err(ToolError::internal(format!(
                "{} cannot ask the client",
                self.method()
            )));
        }
        if !self.protocol_version().has_initialize() {
            return self.replay(questions);
        }
        // From here on it counts as a call that asked.
        drop(self.round());
        let Link::Session(peer) = &self.0.link else {
            return Err(ToolError::new(format!(
                "This asks the client for input, which needs a session in protocol version {}: \
                 mark the component `interactive` and do not switch sessions off",
                self.protocol_version()
            )));
        };
        let declared = self.client_capabilities();
        if let Some((_, question)) = questions.iter().find(|(_, q)| !q.is_declared_in(&declared)) {
            return Err(ToolError::new(format!(
                "This needs a client that supports {}",
                question.noun()
            )));
        }
        let mut answers = Vec::with_capacity(questions.len());
        for (_, question) in questions {
            answers.push(question.put(peer, patience).await?);
        }
        Ok(answers)
    }

    /// Answers from this and earlier rounds, or the end of this run with what is open.
    fn replay(&self, questions: &[(String, Question)]) -> Result<Vec<Value>, ToolError> {
        let declared = self.client_capabilities();
        let mut answers = Vec::with_capacity(questions.len());
        let mut open = InputRequests::new();
        let mut asked = BTreeMap::new();
        for (key, question) in questions {
            // CO-03: never a request that the client did not declare.
            if !question.is_declared_in(&declared) {
                return Err(ToolError::protocol(
                    ErrorData::missing_required_client_capability(question.capability()),
                ));
            }
            let request = question.request();
            let digest = seal::digest_of(&serde_json::to_value(&request)?);
            let inputs = self.0.request.inputs.as_ref();
            match inputs.and_then(|inputs| inputs.answer(key, &digest)) {
                Some(answer) => {
                    question.check(answer)?;
                    answers.push(answer.clone());
                    let answer = Answer {
                        question: digest,
                        answer: answer.clone(),
                    };
                    self.round().answered.insert(key.clone(), answer);
                }
                None => {
                    open.insert(key.clone(), request);
                    asked.insert(key.clone(), digest);
                }
            }
        }
        if open.is_empty() {
            return Ok(answers);
        }
        let (answered, memo) = {
            let round = self.round();
            (round.answered.clone(), round.memo.clone())
        };
        let state = Leftover {
            asked,
            answered,
            memo,
        }
        .seal(&self.0.home.sealer, self.caller(), &self.0.request)?;
        Err(ToolError::input_required(InputRequiredResult::new(
            Some(open),
            Some(state),
        )))
    }
}

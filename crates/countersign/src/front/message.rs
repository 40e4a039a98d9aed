//! One message of an authenticated caller: era, mirrored headers, policy, lane.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use countersign_resource_server::oauth::UnixTime;
use countersign_resource_server::policy::{Action, Component, ComponentKind, Denial, Permit};
use countersign_resource_server::{Caller, Refusal};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use rmcp::model::{CompleteRequestParams, CompleteResult, InitializeRequestParams, Reference};
use serde::Deserialize;

use super::envelope::{Envelope, Parameters, Params, invalid_params};
use super::era::{self, Era};
use super::method::Method;
use super::{Answer, Front, Keeper, answer, mirror, taken};
use crate::audit;
use crate::direct::{self, Request, Running};
use crate::dispatch::List;
use crate::protocol::{ErrorCode, ErrorData};
use crate::rmcp_lane::{OverSse, completed, denial};

/// A request whose era is known.
pub(super) struct Asked<'a> {
    pub(super) era: Era,
    pub(super) id: &'a str,
    pub(super) method: Method,
    pub(super) params: Params<'a>,
    /// The JSON text of all of them.
    pub(super) raw: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) keeper: &'a Keeper,
    /// When it was complete.
    pub(super) now: UnixTime,
}

/// What there is to do about a message. Nearly all of them are calls of tools; what
/// else there is to wait for is in a box, so that none of them has to carry its room.
enum Step<'a> {
    Answered(Box<Response<Answer>>),
    Call(Request, Running),
    Later(Pin<Box<dyn Future<Output = Response<Answer>> + Send + 'a>>),
}

impl<'a> Step<'a> {
    fn answered(response: Response<Answer>) -> Self {
        Self::Answered(Box::new(response))
    }

    fn later(answer: impl Future<Output = Response<Answer>> + Send + 'a) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl Front {
    /// Answers the message in `body`.
    #[expect(
        clippy::manual_async_fn,
        reason = "the future of an async fn has room for its arguments twice"
    )]
    pub(super) fn post<'a>(
        &'a self,
        keeper: &'a Keeper,
        parts: &'a mut Parts,
        body: Bytes,
        caller: Caller,
    ) -> impl Future<Output = Response<Answer>> + Send + 'a {
        async move {
            match self.counted(keeper, parts, &body, caller) {
                Step::Answered(response) => *response,
                Step::Call(request, running) => direct::answer_inline(request, running).await,
                Step::Later(answer) => answer.await,
            }
        }
    }

    /// What there is to do about the message in `body`, which counts first.
    fn counted<'a>(
        &'a self,
        keeper: &'a Keeper,
        parts: &'a mut Parts,
        body: &'a Bytes,
        caller: Caller,
    ) -> Step<'a> {
        let envelope = Envelope::parse(body);
        if let Ok(Envelope::Request { id, method, params }) = &envelope {
            audit::asked_for(method);
            let meta = params
                .as_ref()
                .and_then(|params| params.members().meta.as_ref());
            let parent = meta.and_then(|meta| meta.trace_parent);
            audit::operation().asked(id, &parts.headers, parent);
        }
        let asked = envelope.as_ref().map(|envelope| self.asked_of(envelope));
        let slot = match self.charge_message(parts, &caller, asked.unwrap_or_default()) {
            Ok(slot) => slot,
            Err(refused) => return Step::Answered(refused),
        };
        if slot.is_none() && !self.core.limiter.is_shared() {
            return self.step(keeper, parts, body, envelope, caller);
        }
        Step::later(async move {
            let asked = envelope.as_ref().map(|envelope| self.asked_of(envelope));
            if let Err(refused) = self.share(&caller, asked.unwrap_or_default()).await {
                return refused;
            }
            let response = match self.step(keeper, parts, body, envelope, caller) {
                Step::Answered(response) => *response,
                Step::Call(request, running) => direct::answer_inline(request, running).await,
                Step::Later(answer) => answer.await,
            };
            match slot {
                Some(slot) => response.map(|answer| answer.holding(slot)),
                None => response,
            }
        })
    }

    /// What there is to do about the message in `body`.
    fn step<'a>(
        &'a self,
        keeper: &'a Keeper,
        parts: &'a mut Parts,
        body: &'a Bytes,
        envelope: Result<Envelope<'a>, ErrorData>,
        mut caller: Caller,
    ) -> Step<'a> {
        let header = match era::version_header(&parts.headers) {
            Ok(header) => header,
            Err(error) => return Step::answered(answer::error(&Era::Modern, None, &error)),
        };
        let (id, method, params) = match envelope {
            Ok(Envelope::Request { id, method, params }) => (id, method, params),
            Ok(_) if self.is_of_session(header, parts) => {
                let parts = taken(parts);
                return Step::later(self.hand_over(parts, body.clone(), caller));
            }
            Ok(Envelope::Response) => return Step::answered(self.client_response()),
            Ok(Envelope::Notification) => return Step::answered(self.notification(header)),
            Err(error) => return Step::answered(answer::error(&Era::Modern, None, &error)),
        };
        if let Some(access) = &self.core.foreign {
            let message = (id, method.as_ref(), params);
            return match self.decide_foreign(access, parts, header, message, &mut caller) {
                Ok(granted) => {
                    let mut parts = taken(parts);
                    parts.extensions.insert(granted);
                    Step::later(self.hand_over(parts, body.clone(), caller))
                }
                Err(refusal) => Step::Answered(refusal),
            };
        }
        let guess = guessed_era(header);
        let parts = &*parts;
        match self.understand((keeper, parts), id, &method, params) {
            Ok(asked) => self.request(parts, body, caller, asked),
            Err(Fault::Known(era, error)) => Step::answered(answer::error(&era, Some(id), &error)),
            Err(Fault::Unknown(error)) => Step::answered(answer::error(&guess, Some(id), &error)),
        }
    }

    /// A client of 2026-07-28 must not send responses (TR-15), and a legacy one
    /// has nothing to answer outside of a session.
    fn client_response(&self) -> Response<Answer> {
        let error = ErrorData::new(
            ErrorCode::INVALID_REQUEST,
            "No request waits for this",
            None,
        );
        answer::error(&Era::Modern, None, &error)
    }

    /// TR-15: accepted. Closing the connection is what cancels a request.
    fn notification(&self, header: Option<&str>) -> Response<Answer> {
        match header {
            Some(version) if version != era::MODERN && era::legacy(version).is_none() => {
                match Era::decide(header, &Params::default()) {
                    Err(error) => answer::error(&Era::Modern, None, &error),
                    Ok(_) => answer::status(StatusCode::ACCEPTED),
                }
            }
            _ => answer::status(StatusCode::ACCEPTED),
        }
    }

    /// Era, mirrored headers, and whether the method is one of the era's.
    #[expect(clippy::result_large_err, reason = "a fault is answered at once")]
    fn understand<'a>(
        &self,
        (keeper, parts): (&'a Keeper, &'a Parts),
        id: &'a str,
        method: &str,
        params: Option<Parameters<'a>>,
    ) -> Result<Asked<'a>, Fault> {
        let header = era::version_header(&parts.headers).map_err(Fault::Unknown)?;
        let raw = params.as_ref().map(|params| params.text);
        let params = Params::of(params).map_err(Fault::Unknown)?;
        let era = Era::decide(header, &params).map_err(Fault::Unknown)?;
        audit::operation().speaks(era.version());
        let parsed = Method::parse(method);
        note_component(parsed, &params);
        if era == Era::Modern {
            let name = match parsed {
                Some(Method::CallTool | Method::GetPrompt) => params.name.as_deref(),
                Some(Method::ReadResource) => params.uri.as_deref(),
                _ => None,
            };
            mirror::check(&parts.headers, method, name)
                .map_err(|error| Fault::Known(era.clone(), error))?;
        }
        if params.arguments.is_some_and(|text| !text.starts_with('{')) {
            return Err(Fault::Known(era, invalid_params()));
        }
        match parsed {
            Some(method) if method.is_of(&era) && self.offers(method) => Ok(Asked {
                era,
                id,
                method,
                params,
                raw,
                headers: &parts.headers,
                keeper,
                now: self.clock.now(),
            }),
            _ => Err(Fault::Known(era, method_not_found())),
        }
    }

    /// What is not announced is not there.
    fn offers(&self, method: Method) -> bool {
        let capabilities = &self.core.capabilities;
        match method {
            Method::ListTools | Method::CallTool => capabilities.tools.is_some(),
            Method::ListResources
            | Method::ListTemplates
            | Method::ReadResource
            | Method::Subscribe
            | Method::Unsubscribe => capabilities.resources.is_some(),
            Method::ListPrompts | Method::GetPrompt => capabilities.prompts.is_some(),
            Method::Complete => capabilities.completions.is_some(),
            Method::Initialize
            | Method::Ping
            | Method::SetLevel
            | Method::Discover
            | Method::Listen => true,
        }
    }

    /// Whether a message of this version belongs to a session.
    fn is_of_session(&self, header: Option<&str>, parts: &Parts) -> bool {
        (self.sessions && header != Some(era::MODERN)) || is_over_sse(parts)
    }

    /// Hands a request over to the lane of the SDK, which knows whose session it is.
    pub(super) async fn hand_over(
        &self,
        mut parts: Parts,
        body: Bytes,
        caller: Caller,
    ) -> Response<Answer> {
        if let Some(gate) = &self.gate {
            gate.conceal(&mut parts.headers);
        }
        let answer = self.lane.handle(&caller, parts, body).await;
        answer.map(Answer::stream)
    }

    fn request<'a>(
        &'a self,
        parts: &'a Parts,
        body: &'a Bytes,
        mut caller: Caller,
        asked: Asked<'a>,
    ) -> Step<'a> {
        let in_session = (self.sessions && asked.era != Era::Modern) || is_over_sse(parts);
        if in_session || asked.method == Method::Listen {
            return Step::later(self.in_lane(parts, body, caller, asked));
        }
        if asked.method.is_about_the_server()
            && let Err(denial) = self.permit_method(&mut caller, &asked).map(Permit::spend)
        {
            return Step::answered(self.denied(&caller, &asked, denial, method_not_found()));
        }
        match asked.method {
            Method::CallTool => match self.call_tool(body, caller, &asked) {
                Ok((request, running)) => Step::Call(request, running),
                Err(refused) => Step::Answered(refused),
            },
            Method::ReadResource => Step::later(self.read_resource(body, caller, asked)),
            Method::GetPrompt => Step::later(self.get_prompt(body, caller, asked)),
            Method::SetLevel if !is_level(asked.raw) => {
                Step::answered(answer::error(&asked.era, Some(asked.id), &invalid_params()))
            }
            Method::Ping | Method::SetLevel => {
                audit::allowed();
                Step::answered(direct::result(asked.id, &serde_json::json!({})))
            }
            Method::Discover => Step::later(self.discover(body, caller, asked)),
            Method::Initialize => Step::later(self.initialize(body, caller, asked)),
            Method::ListTools => Step::later(self.list(body, caller, asked, List::Tools)),
            Method::ListResources => Step::later(self.list(body, caller, asked, List::Resources)),
            Method::ListTemplates => Step::later(self.list(body, caller, asked, List::Templates)),
            Method::ListPrompts => Step::later(self.list(body, caller, asked, List::Prompts)),
            Method::Complete => Step::later(self.complete(body, caller, asked)),
            Method::Listen | Method::Subscribe | Method::Unsubscribe => Step::answered(
                answer::error(&asked.era, Some(asked.id), &method_not_found()),
            ),
        }
    }

    async fn discover(&self, body: &Bytes, caller: Caller, asked: Asked<'_>) -> Response<Answer> {
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        audit::allowed();
        let result = direct::discover(&self.core, self.is_public());
        match self.core.discover(|| context, result).await {
            Ok(result) => direct::result(asked.id, &result),
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    async fn initialize(&self, body: &Bytes, caller: Caller, asked: Asked<'_>) -> Response<Answer> {
        let raw = asked.raw.unwrap_or("{}");
        let Ok(params) = serde_json::from_str::<InitializeRequestParams>(raw) else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        audit::allowed();
        let result = direct::initialize(&self.core, params.protocol_version.as_str());
        match self.core.initialize(|| context, || params, result).await {
            Ok(result) => direct::result(asked.id, &result),
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    async fn list(
        &self,
        body: &Bytes,
        mut caller: Caller,
        asked: Asked<'_>,
        list: List,
    ) -> Response<Answer> {
        // Lists come in one page: no cursor was ever given out, so any is forged (E41).
        if asked.params.cursor.is_some() {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        }
        let permit = match self.permit_method(&mut caller, &asked) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&caller, &asked, denial, method_not_found()),
        };
        let context = match self.context(body, caller.clone(), &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let member = match list {
            List::Tools => "tools",
            List::Resources => "resources",
            List::Templates => "resourceTemplates",
            List::Prompts => "prompts",
        };
        audit::allowed();
        let listed = self.core.list(permit, list, &caller, asked.now, || context);
        match listed.await {
            Ok(listed) => {
                let text = direct::list(&asked.era, member, &listed, self.is_public());
                direct::text(asked.id, &text)
            }
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    async fn complete(
        &self,
        body: &Bytes,
        mut caller: Caller,
        asked: Asked<'_>,
    ) -> Response<Answer> {
        let raw = asked.raw.unwrap_or("{}");
        let Ok(params) = serde_json::from_str::<CompleteRequestParams>(raw) else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let unknown = match &params.r#ref {
            Reference::Resource(template) => not_found(&asked.era, &template.uri),
            _ => denial::unknown(ComponentKind::Prompt, ""),
        };
        note_reference(&params.r#ref);
        let Some(component) = self.core.completed_component(&params.r#ref) else {
            audit::refused("unknown_component", None);
            return answer::error(&asked.era, Some(asked.id), &unknown);
        };
        let permit = match self.permit(&mut caller, &asked, component) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&caller, &asked, denial, unknown),
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        audit::allowed();
        match self.core.complete(permit, context, params).await {
            Ok(completion) => {
                let mut result = CompleteResult::new(completion);
                if asked.era != Era::Modern {
                    result.result_type = None;
                }
                direct::result(asked.id, &result)
            }
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    pub(super) fn permit(
        &self,
        caller: &mut Caller,
        asked: &Asked<'_>,
        component: Component<'_>,
    ) -> Result<Permit, Denial> {
        let action = Action::on(asked.method.name(), component);
        self.core.permit(caller, &action, asked.now)
    }

    /// Decides a method that names no component.
    pub(super) fn permit_method(
        &self,
        caller: &mut Caller,
        asked: &Asked<'_>,
    ) -> Result<Permit, Denial> {
        let action = Action::method(asked.method.name());
        self.core.permit(caller, &action, asked.now)
    }

    /// The answer to a denied action of `caller`; `unknown` is what an unknown component
    /// answers.
    pub(super) fn denied(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        denial: Denial,
        unknown: ErrorData,
    ) -> Response<Answer> {
        match refusal(caller, denial) {
            Some(refusal) => self.refuse(&refusal),
            None => {
                audit::refused("hidden_component", None);
                answer::error(&asked.era, Some(asked.id), &unknown)
            }
        }
    }

    /// GET and DELETE, which only sessions have.
    pub(super) async fn session(&self, parts: Parts, caller: Caller) -> Response<Answer> {
        if let Err(refused) = self.charge(&caller) {
            return *refused;
        }
        // TR-19: the 2026-07-28 wire has no GET and no DELETE.
        match era::version_header(&parts.headers) {
            Ok(header) if self.is_of_session(header, &parts) => {
                audit::asked_for(parts.method.as_str());
                audit::permitted();
                self.hand_over(parts, Bytes::new(), caller).await
            }
            _ => self.method_not_allowed(),
        }
    }
}

/// What the denial is over HTTP. `None` if the component must look unknown.
pub(super) fn refusal(caller: &Caller, denial: Denial) -> Option<Refusal> {
    Some(match denial {
        Denial::Unauthenticated(scopes) => Refusal::Unauthenticated(scopes),
        Denial::WrongSource(wrong) => Refusal::WrongSource(wrong),
        Denial::InsufficientScope(scopes) => Refusal::insufficient_scope(caller, scopes),
        Denial::Forbidden => Refusal::Forbidden,
        Denial::TooMany { retry_after } => Refusal::TooMany { retry_after },
        Denial::Unknown => return None,
    })
}

/// Notes which component a request names, whether there is one or not.
fn note_component(method: Option<Method>, params: &Params<'_>) {
    let (kind, name) = match method {
        Some(Method::CallTool) => ("tool", &params.name),
        Some(Method::GetPrompt) => ("prompt", &params.name),
        Some(Method::ReadResource | Method::Subscribe | Method::Unsubscribe) => {
            ("resource", &params.uri)
        }
        _ => return,
    };
    if let Some(name) = name {
        audit::about(kind, name);
    }
}

fn note_reference(reference: &Reference) {
    if let Some((kind, name)) = completed(reference) {
        audit::about(audit::kind(kind), name);
    }
}

/// HTTP with SSE has a session always.
fn is_over_sse(parts: &Parts) -> bool {
    parts.extensions.get::<OverSse>().is_some()
}

/// Whether the params of `logging/setLevel` name a level.
fn is_level(raw: Option<&str>) -> bool {
    #[derive(Deserialize)]
    struct Chosen<'a> {
        #[serde(borrow)]
        level: Cow<'a, str>,
    }
    let raw = raw.unwrap_or("{}");
    serde_json::from_str::<Chosen<'_>>(raw).is_ok_and(|chosen| LEVELS.contains(&&*chosen.level))
}

/// RFC 5424 §6.2.1, as MCP spells them.
const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

enum Fault {
    Known(Era, ErrorData),
    Unknown(ErrorData),
}

/// Whose error statuses a request gets whose era is not known.
pub(super) fn guessed_era(header: Option<&str>) -> Era {
    match header.and_then(era::legacy) {
        Some(version) => Era::Legacy(version),
        None => Era::Modern,
    }
}

pub(super) fn method_not_found() -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None)
}

/// −32602 since 2026-07-28 (SEP-2164), −32002 before.
pub(super) fn not_found(era: &Era, uri: &str) -> ErrorData {
    let mut error = denial::unknown(ComponentKind::Resource, uri);
    if *era == Era::Modern {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}

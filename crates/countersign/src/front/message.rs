//! One message of an authenticated caller: era, mirrored headers, policy, lane.

use std::borrow::Cow;

use bytes::Bytes;
use countersign_resource_server::policy::{Action, Component, ComponentKind, Denial, Permit};
use countersign_resource_server::{Caller, Refusal};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use rmcp::model::{CompleteRequestParams, CompleteResult, InitializeRequestParams, Reference};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::{Envelope, Params, Text, invalid_params};
use super::era::{self, Era};
use super::method::Method;
use super::{Answer, Front, answer, mirror, mirrored_arguments};
use crate::Context;
use crate::component::Arguments;
use crate::context::{Inputs, Link, Outbox, RequestInfo};
use crate::direct::{self, Outcome, Request, Running};
use crate::dispatch::List;
use crate::protocol::{ErrorCode, ErrorData, ProtocolVersion};
use crate::rmcp_lane::remaining;
use crate::rmcp_lane::{OverSse, denial};

/// A request whose era is known.
pub(super) struct Asked<'a> {
    era: Era,
    id: &'a str,
    pub(super) method: Method,
    pub(super) params: Params<'a>,
    pub(super) raw: Option<&'a RawValue>,
    headers: &'a HeaderMap,
}

impl Front {
    /// Answers the message in `body`.
    pub(super) async fn post(&self, parts: Parts, body: Bytes, caller: Caller) -> Response<Answer> {
        let header = match era::version_header(&parts.headers) {
            Ok(header) => header,
            Err(error) => return answer::error(&Era::Modern, None, &error),
        };
        match Envelope::parse(&body) {
            Err(error) => answer::error(&Era::Modern, None, &error),
            Ok(Envelope::Response) if self.is_of_session(header, &parts) => {
                self.hand_over(parts, body.clone(), &caller).await
            }
            Ok(Envelope::Response) => self.client_response(),
            Ok(Envelope::Notification) if self.is_of_session(header, &parts) => {
                self.hand_over(parts, body.clone(), &caller).await
            }
            Ok(Envelope::Notification) => self.notification(header),
            Ok(Envelope::Request { id, method, params }) => {
                if let Some(access) = &self.core.foreign {
                    let message = (id, method.0.as_ref(), params);
                    let decided = self.decide_foreign(access, &parts, header, message, &caller);
                    return match decided {
                        Ok(granted) => {
                            let mut parts = parts;
                            parts.extensions.insert(granted);
                            self.hand_over(parts, body.clone(), &caller).await
                        }
                        Err(refusal) => *refusal,
                    };
                }
                let guess = guessed_era(header);
                let asked = match self.understand(&parts, header, id, &method.0, params) {
                    Ok(asked) => asked,
                    Err(Fault::Known(era, error)) => return answer::error(&era, Some(id), &error),
                    Err(Fault::Unknown(error)) => return answer::error(&guess, Some(id), &error),
                };
                self.request(&parts, &body, caller, asked).await
            }
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
        parts: &'a Parts,
        header: Option<&str>,
        id: &'a str,
        method: &str,
        raw: Option<&'a RawValue>,
    ) -> Result<Asked<'a>, Fault> {
        let params = Params::parse(raw).map_err(Fault::Unknown)?;
        let era = Era::decide(header, &params).map_err(Fault::Unknown)?;
        let parsed = Method::parse(method);
        if era == Era::Modern {
            let name = match parsed {
                Some(Method::CallTool | Method::GetPrompt) => params.name.as_ref(),
                Some(Method::ReadResource) => params.uri.as_ref(),
                _ => None,
            };
            mirror::check(&parts.headers, method, name.map(|name| name.0.as_ref()))
                .map_err(|error| Fault::Known(era.clone(), error))?;
        }
        let arguments = params.arguments.map_or("null", RawValue::get);
        if arguments != "null" && !arguments.starts_with('{') {
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
        parts: Parts,
        body: Bytes,
        caller: &Caller,
    ) -> Response<Answer> {
        // In a box, like everything that is rare: the future of every request has
        // room for all that it may become.
        Box::pin(self.lane.handle(caller, parts, body))
            .await
            .map(Answer::stream)
    }

    async fn request(
        &self,
        parts: &Parts,
        body: &Bytes,
        caller: Caller,
        asked: Asked<'_>,
    ) -> Response<Answer> {
        let in_session = (self.sessions && asked.era != Era::Modern) || is_over_sse(parts);
        if in_session || asked.method == Method::Listen {
            return Box::pin(self.in_lane(parts, body, caller, asked)).await;
        }
        if asked.method.is_about_the_server()
            && let Err(denial) = self.permit_method(&caller, &asked).map(Permit::spend)
        {
            return self.denied(&asked, denial, method_not_found());
        }
        match asked.method {
            Method::CallTool => self.call_tool(body, caller, asked).await,
            Method::ReadResource => Box::pin(self.read_resource(body, caller, asked)).await,
            Method::GetPrompt => Box::pin(self.get_prompt(body, caller, asked)).await,
            Method::SetLevel if !is_level(asked.raw) => {
                answer::error(&asked.era, Some(asked.id), &invalid_params())
            }
            Method::Ping | Method::SetLevel => direct::result(asked.id, &serde_json::json!({})),
            Method::Discover => Box::pin(self.discover(body, caller, &asked)).await,
            Method::Initialize => Box::pin(self.initialize(body, caller, &asked)).await,
            Method::ListTools => Box::pin(self.list(body, caller, &asked, List::Tools)).await,
            Method::ListResources => {
                Box::pin(self.list(body, caller, &asked, List::Resources)).await
            }
            Method::ListTemplates => {
                Box::pin(self.list(body, caller, &asked, List::Templates)).await
            }
            Method::ListPrompts => Box::pin(self.list(body, caller, &asked, List::Prompts)).await,
            Method::Complete => Box::pin(self.complete(body, caller, &asked)).await,
            Method::Listen | Method::Subscribe | Method::Unsubscribe => {
                answer::error(&asked.era, Some(asked.id), &method_not_found())
            }
        }
    }

    async fn discover(&self, body: &Bytes, caller: Caller, asked: &Asked<'_>) -> Response<Answer> {
        let context = match self.context(body, caller, asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let result = direct::discover(&self.core, self.is_public());
        match self.core.discover(|| context, result).await {
            Ok(result) => direct::result(asked.id, &result),
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    async fn initialize(
        &self,
        body: &Bytes,
        caller: Caller,
        asked: &Asked<'_>,
    ) -> Response<Answer> {
        let raw = asked.raw.map_or("{}", |raw| raw.get());
        let Ok(params) = serde_json::from_str::<InitializeRequestParams>(raw) else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let context = match self.context(body, caller, asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let result = direct::initialize(&self.core, params.protocol_version.as_str());
        match self.core.initialize(|| context, || params, result).await {
            Ok(result) => direct::result(asked.id, &result),
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    async fn list(
        &self,
        body: &Bytes,
        caller: Caller,
        asked: &Asked<'_>,
        list: List,
    ) -> Response<Answer> {
        // Lists come in one page: no cursor was ever given out, so any is forged (E41).
        if asked
            .params
            .cursor
            .is_some_and(|cursor| cursor.get() != "null")
        {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        }
        let permit = match self.permit_method(&caller, asked) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(asked, denial, method_not_found()),
        };
        let context = match self.context(body, caller.clone(), asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let member = match list {
            List::Tools => "tools",
            List::Resources => "resources",
            List::Templates => "resourceTemplates",
            List::Prompts => "prompts",
        };
        let now = self.clock.now();
        let listed = self.core.list(permit, list, &caller, now, || context);
        match listed.await {
            Ok(listed) => {
                let text = direct::list(&asked.era, member, &listed, self.is_public());
                direct::text(asked.id, &text)
            }
            Err(error) => answer::error(&asked.era, Some(asked.id), &error),
        }
    }

    async fn complete(&self, body: &Bytes, caller: Caller, asked: &Asked<'_>) -> Response<Answer> {
        let raw = asked.raw.map_or("{}", |raw| raw.get());
        let Ok(params) = serde_json::from_str::<CompleteRequestParams>(raw) else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let unknown = match &params.r#ref {
            Reference::Resource(template) => not_found(&asked.era, &template.uri),
            _ => denial::unknown(ComponentKind::Prompt, ""),
        };
        let Some(component) = self.core.completed_component(&params.r#ref) else {
            return answer::error(&asked.era, Some(asked.id), &unknown);
        };
        let permit = match self.permit(&caller, asked, component) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(asked, denial, unknown),
        };
        let context = match self.context(body, caller, asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
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

    async fn call_tool(&self, body: &Bytes, caller: Caller, asked: Asked<'_>) -> Response<Answer> {
        let unknown = || ErrorData::new(ErrorCode::INVALID_PARAMS, "Unknown tool", None);
        let Some(name) = asked.params.name.as_ref() else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let Some(entry) = self.core.registry.tool(&name.0) else {
            return answer::error(&asked.era, Some(asked.id), &unknown());
        };
        let permit = match self.permit(&caller, &asked, entry.component()) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&asked, denial, unknown()),
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let arguments = slice(body, asked.params.arguments);
        if asked.era == Era::Modern {
            let parameters = &entry.header_parameters;
            if let Err(error) = mirrored_arguments::check(asked.headers, parameters, &arguments) {
                return answer::error(&asked.era, Some(asked.id), &error);
            }
        }
        let (core, entry) = (self.core.clone(), entry.clone());
        let call = context.clone();
        let running: Running = Box::pin(async move {
            let arguments = Arguments::from_json(&arguments);
            core.call_tool(permit, &entry, call, arguments)
                .await
                .map(Outcome::Tool)
        });
        direct::answer_inline(self.direct(body, &asked, context), running).await
    }

    async fn read_resource(
        &self,
        body: &Bytes,
        caller: Caller,
        asked: Asked<'_>,
    ) -> Response<Answer> {
        let Some(uri) = asked.params.uri.as_ref() else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let unknown = || not_found(&asked.era, &uri.0);
        let Some((entry, variables)) = self.core.registry.resource(&uri.0) else {
            return answer::error(&asked.era, Some(asked.id), &unknown());
        };
        let permit = match self.permit(&caller, &asked, entry.component()) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&asked, denial, unknown()),
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let (core, entry, uri) = (self.core.clone(), entry.clone(), uri.0.clone().into_owned());
        let call = context.clone();
        let running: Running = Box::pin(async move {
            core.read_resource(permit, &entry, call, &uri, variables)
                .await
                .map(Outcome::Resource)
        });
        direct::answer_inline(self.direct(body, &asked, context), running).await
    }

    async fn get_prompt(&self, body: &Bytes, caller: Caller, asked: Asked<'_>) -> Response<Answer> {
        let unknown = || ErrorData::new(ErrorCode::INVALID_PARAMS, "Unknown prompt", None);
        let Some(name) = asked.params.name.as_ref() else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let Some(entry) = self.core.registry.prompt(&name.0) else {
            return answer::error(&asked.era, Some(asked.id), &unknown());
        };
        let permit = match self.permit(&caller, &asked, entry.component()) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&asked, denial, unknown()),
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        let arguments = slice(body, asked.params.arguments);
        let (core, entry) = (self.core.clone(), entry.clone());
        let call = context.clone();
        let running: Running = Box::pin(async move {
            let arguments = Arguments::from_json(&arguments);
            core.get_prompt(permit, &entry, call, arguments)
                .await
                .map(Outcome::Prompt)
        });
        direct::answer_inline(self.direct(body, &asked, context), running).await
    }

    fn permit(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        component: Component<'_>,
    ) -> Result<Permit, Denial> {
        let action = Action::on(asked.method.name(), component);
        self.core.permit(caller, &action, self.clock.now())
    }

    /// Decides a method that names no component.
    pub(super) fn permit_method(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
    ) -> Result<Permit, Denial> {
        let action = Action::method(asked.method.name());
        self.core.permit(caller, &action, self.clock.now())
    }

    /// The answer to a denied action; `unknown` is what an unknown component answers.
    pub(super) fn denied(
        &self,
        asked: &Asked<'_>,
        denial: Denial,
        unknown: ErrorData,
    ) -> Response<Answer> {
        match denial {
            Denial::Unauthenticated(scopes) => self.refuse(&Refusal::Unauthenticated(scopes)),
            Denial::InsufficientScope(scopes) => self.refuse(&Refusal::InsufficientScope(scopes)),
            Denial::Forbidden => self.refuse(&Refusal::Forbidden),
            Denial::TooMany { retry_after } => self.refuse(&Refusal::TooMany { retry_after }),
            Denial::Unknown => answer::error(&asked.era, Some(asked.id), &unknown),
        }
    }

    /// The context of a call, with what the client brought along from earlier rounds.
    fn context(
        &self,
        body: &Bytes,
        caller: Caller,
        asked: &Asked<'_>,
    ) -> Result<Context, ErrorData> {
        let now = self.clock.now();
        let protocol = match &asked.era {
            Era::Modern => ProtocolVersion::V_2026_07_28,
            Era::Legacy(version) => version.clone(),
        };
        let id = body.slice_ref(asked.id.as_bytes());
        let mut request = RequestInfo::new(id, asked.method.name(), protocol, now);
        let params = &asked.params;
        request.meta = slice(body, params.meta);
        request.arguments = slice(body, params.arguments);
        if let Some(Text(name)) = params.name.as_ref().or(params.uri.as_ref()) {
            request.component = match name {
                Cow::Borrowed(name) => body.slice_ref(name.as_bytes()),
                Cow::Owned(name) => Bytes::from(name.clone()),
            };
        }
        let state = params.request_state.as_ref().map(|state| state.0.as_ref());
        if asked.era == Era::Modern && (params.input_responses.is_some() || state.is_some()) {
            let sealer = &self.core.shared.sealer;
            let inputs = Inputs::open(
                sealer,
                &caller,
                &request,
                params.input_responses,
                state,
                now,
            )?;
            request.inputs = Some(inputs);
        }
        let link = Link::Direct(Outbox::default());
        Ok(Context::new(
            caller,
            request,
            link,
            self.core.shared.clone(),
        ))
    }

    fn direct(&self, body: &Bytes, asked: &Asked<'_>, context: Context) -> Request {
        Request {
            era: asked.era.clone(),
            id: body.slice_ref(asked.id.as_bytes()),
            token_left: remaining(context.caller(), self.clock.now()),
            context,
            patience: self.place.limits.call_patience,
            keep_alive: self.place.limits.keep_alive,
            public: self.is_public(),
        }
    }

    /// GET and DELETE, which only sessions have.
    pub(super) async fn session(&self, parts: Parts, caller: Caller) -> Response<Answer> {
        // TR-19: the 2026-07-28 wire has no GET and no DELETE.
        match era::version_header(&parts.headers) {
            Ok(header) if self.is_of_session(header, &parts) => {
                self.hand_over(parts, Bytes::new(), &caller).await
            }
            _ => self.method_not_allowed(),
        }
    }
}

/// HTTP with SSE has a session always.
fn is_over_sse(parts: &Parts) -> bool {
    parts.extensions.get::<OverSse>().is_some()
}

/// Whether the params of `logging/setLevel` name a level.
fn is_level(raw: Option<&RawValue>) -> bool {
    #[derive(Deserialize)]
    struct Chosen<'a> {
        #[serde(borrow)]
        level: Text<'a>,
    }
    let raw = raw.map_or("{}", RawValue::get);
    serde_json::from_str::<Chosen<'_>>(raw).is_ok_and(|chosen| LEVELS.contains(&&*chosen.level.0))
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

fn slice(body: &Bytes, raw: Option<&RawValue>) -> Bytes {
    raw.map_or_else(Bytes::new, |raw| body.slice_ref(raw.get().as_bytes()))
}

/// −32602 since 2026-07-28 (SEP-2164), −32002 before.
fn not_found(era: &Era, uri: &str) -> ErrorData {
    let mut error = denial::unknown(ComponentKind::Resource, uri);
    if *era == Era::Modern {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}

//! One message of an authenticated caller: era, mirrored headers, policy, lane.

use std::borrow::Cow;

use bytes::Bytes;
use countersign_resource_server::policy::{Action, Component, Denial, Permit};
use countersign_resource_server::{Caller, Refusal};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use serde_json::value::RawValue;

use super::envelope::{Envelope, Params, Text, invalid_params};
use super::era::{self, Era};
use super::method::Method;
use super::{Answer, Front, answer, mirror, mirrored_arguments};
use crate::Context;
use crate::component::Arguments;
use crate::context::{Inputs, Link, Outbox, RequestInfo};
use crate::direct::{self, Outcome, Request, Running};
use crate::protocol::{ErrorCode, ErrorData, ProtocolVersion};

/// E7: a form or plain text is what a foreign page can post without asking.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let media_type = values.next().and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next());
    values.next().is_none()
        && essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// TR-05: a client accepts both kinds of answer.
pub(super) fn accepts_both(headers: &HeaderMap) -> bool {
    let (mut json, mut events) = (false, false);
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let range = range.split(';').next().unwrap_or_default().trim();
            let is = |name: &str| range.eq_ignore_ascii_case(name);
            json |= is("*/*") || is("application/*") || is("application/json");
            events |= is("*/*") || is("text/*") || is("text/event-stream");
        }
    }
    json && events
}

/// A request whose era is known.
struct Asked<'a> {
    era: Era,
    id: &'a str,
    method: Method,
    params: Params<'a>,
    raw: Option<&'a RawValue>,
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
            Ok(Envelope::Response) => self.client_response(),
            Ok(Envelope::Notification { .. }) => self.notification(header),
            Ok(Envelope::Request { id, method, params }) => {
                let guess = guessed_era(header);
                let asked = match self.understand(&parts, header, id, &method.0, params) {
                    Ok(asked) => asked,
                    Err(Fault::Known(era, error)) => return answer::error(&era, Some(id), &error),
                    Err(Fault::Unknown(error)) => return answer::error(&guess, Some(id), &error),
                };
                self.request(&body, caller, asked).await
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
        match parsed {
            Some(method) if method.is_of(&era) && self.offers(method) => Ok(Asked {
                era,
                id,
                method,
                params,
                raw,
                headers: &parts.headers,
            }),
            _ => {
                let error = ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None);
                Err(Fault::Known(era, error))
            }
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

    async fn request(&self, body: &Bytes, caller: Caller, asked: Asked<'_>) -> Response<Answer> {
        let public = self.is_public();
        let core = &self.core;
        match asked.method {
            Method::CallTool => self.call_tool(body, caller, asked).await,
            Method::ReadResource => self.read_resource(body, caller, asked).await,
            Method::GetPrompt => self.get_prompt(body, caller, asked).await,
            Method::Ping | Method::SetLevel => direct::result(asked.id, &serde_json::json!({})),
            Method::Discover => direct::result(asked.id, &direct::discover(core, public)),
            Method::Initialize => {
                let requested = requested_version(asked.raw);
                direct::result(asked.id, &direct::initialize(core, requested))
            }
            Method::ListTools => self.list(&caller, &asked, "tools"),
            Method::ListResources => self.list(&caller, &asked, "resources"),
            Method::ListTemplates => self.list(&caller, &asked, "resourceTemplates"),
            Method::ListPrompts => self.list(&caller, &asked, "prompts"),
            Method::Complete | Method::Listen | Method::Subscribe | Method::Unsubscribe => {
                let error = ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "Method not found", None);
                answer::error(&asked.era, Some(asked.id), &error)
            }
        }
    }

    fn list(&self, caller: &Caller, asked: &Asked<'_>, member: &str) -> Response<Answer> {
        // Lists come in one page: no cursor was ever given out, so any is forged (E41).
        if asked
            .params
            .cursor
            .is_some_and(|cursor| cursor.get() != "null")
        {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        }
        let action = Action::method(asked.method.name());
        let permit = match self.core.permit(caller, &action, self.clock.now()) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(asked, denial, invalid_params()),
        };
        let registry = &self.core.registry;
        let listing = match asked.method {
            Method::ListTools => registry.tool_list(),
            Method::ListResources => registry.resource_list(),
            Method::ListTemplates => registry.template_list(),
            _ => registry.prompt_list(),
        };
        permit.spend();
        let listed = listing.visible_to(caller);
        let text = direct::list(&asked.era, member, &listed, self.is_public());
        direct::text(asked.id, &text)
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

    /// The answer to a denied action; `unknown` is what an unknown component answers.
    fn denied(&self, asked: &Asked<'_>, denial: Denial, unknown: ErrorData) -> Response<Answer> {
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
            context,
            patience: self.place.limits.call_patience,
            keep_alive: self.place.limits.keep_alive,
            public: self.is_public(),
        }
    }

    /// GET and DELETE, which only sessions have.
    pub(super) async fn session(&self, _parts: Parts, _caller: Caller) -> Response<Answer> {
        self.method_not_allowed()
    }
}

enum Fault {
    Known(Era, ErrorData),
    Unknown(ErrorData),
}

/// Whose error statuses a request gets whose era is not known.
fn guessed_era(header: Option<&str>) -> Era {
    match header.and_then(era::legacy) {
        Some(version) => Era::Legacy(version),
        None => Era::Modern,
    }
}

fn slice(body: &Bytes, raw: Option<&RawValue>) -> Bytes {
    raw.map_or_else(Bytes::new, |raw| body.slice_ref(raw.get().as_bytes()))
}

fn requested_version(params: Option<&RawValue>) -> &str {
    #[derive(serde::Deserialize)]
    struct Requested<'a> {
        #[serde(rename = "protocolVersion")]
        version: &'a str,
    }
    params
        .and_then(|params| serde_json::from_str::<Requested<'_>>(params.get()).ok())
        .map_or("", |requested| requested.version)
}

/// −32602 since 2026-07-28 (SEP-2164), −32002 before.
fn not_found(era: &Era, uri: &str) -> ErrorData {
    let code = match era {
        Era::Modern => ErrorCode::INVALID_PARAMS,
        Era::Legacy(_) => ErrorCode::RESOURCE_NOT_FOUND,
    };
    let shown: String = uri.chars().filter(|c| !c.is_control()).take(256).collect();
    ErrorData::new(
        code,
        "Resource not found",
        Some(serde_json::json!({ "uri": shown })),
    )
}

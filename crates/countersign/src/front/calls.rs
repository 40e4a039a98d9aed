//! Calls of tools, reads of resources, renderings of prompts: from what was asked,
//! through the decision, to a handler that is ready to run.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use countersign_resource_server::Caller;
use http::Response;

use super::envelope::invalid_params;
use super::era::Era;
use super::message::{Asked, not_found};
use super::{Answer, Front, answer, mirrored_arguments};
use crate::Context;
use crate::audit;
use crate::component::Arguments;
use crate::context::{Home, Inputs, Link, Outbox, RequestInfo};
use crate::direct::{self, Outcome, Request, Running};
use crate::protocol::{ErrorCode, ErrorData, ProtocolVersion};
use crate::rmcp_lane::remaining;

impl Front {
    /// A call of a tool that is ready to run.
    ///
    /// # Errors
    ///
    /// The answer to a call that does not reach the tool.
    pub(super) fn call_tool(
        &self,
        body: &Bytes,
        mut caller: Caller,
        asked: &Asked<'_>,
    ) -> Result<(Request, Running), Box<Response<Answer>>> {
        let wrong = |error| Box::new(answer::error(&asked.era, Some(asked.id), &error));
        let unknown = || ErrorData::new(ErrorCode::INVALID_PARAMS, "Unknown tool", None);
        let Some(name) = asked.params.name.as_ref() else {
            return Err(wrong(invalid_params()));
        };
        let Some((place, entry)) = self.core.registry.find_tool(name) else {
            audit::refused("unknown_component", None);
            return Err(wrong(unknown()));
        };
        let permit = match self.permit(&mut caller, asked, entry.component()) {
            Ok(permit) => permit,
            Err(denial) => return Err(Box::new(self.denied(&caller, asked, denial, unknown()))),
        };
        let context = self.context(body, caller, asked).map_err(wrong)?;
        let arguments = slice(body, asked.params.arguments);
        if asked.era == Era::Modern {
            let parameters = &entry.header_parameters;
            mirrored_arguments::check(asked.headers, parameters, &arguments).map_err(wrong)?;
        }
        audit::allowed();
        let (keeper, call) = (Arc::clone(asked.keeper), context.clone());
        let running: Running = Box::pin(async move {
            let core = &keeper.0.core;
            // It was there, and nothing is ever taken out.
            let entry = core.registry.tool_at(place).ok_or_else(invalid_params)?;
            let arguments = Arguments::from_json(&arguments);
            let outcome = core.call_tool(permit, entry, call, arguments).await;
            outcome.map(Outcome::Tool)
        });
        Ok((self.direct(body, asked, context), running))
    }

    pub(super) async fn read_resource(
        &self,
        body: &Bytes,
        mut caller: Caller,
        asked: Asked<'_>,
    ) -> Response<Answer> {
        let Some(uri) = asked.params.uri.as_ref() else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let unknown = || not_found(&asked.era, uri);
        let Some((entry, variables)) = self.core.registry.resource(uri) else {
            audit::refused("unknown_component", None);
            return answer::error(&asked.era, Some(asked.id), &unknown());
        };
        let permit = match self.permit(&mut caller, &asked, entry.component_at(uri)) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&caller, &asked, denial, unknown()),
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        audit::allowed();
        let (core, entry, uri) = (self.core.clone(), entry.clone(), uri.clone().into_owned());
        let call = context.clone();
        let running: Running = Box::pin(async move {
            core.read_resource(permit, &entry, call, &uri, variables)
                .await
                .map(Outcome::Resource)
        });
        direct::answer_inline(self.direct(body, &asked, context), running).await
    }

    pub(super) async fn get_prompt(
        &self,
        body: &Bytes,
        mut caller: Caller,
        asked: Asked<'_>,
    ) -> Response<Answer> {
        let unknown = || ErrorData::new(ErrorCode::INVALID_PARAMS, "Unknown prompt", None);
        let Some(name) = asked.params.name.as_ref() else {
            return answer::error(&asked.era, Some(asked.id), &invalid_params());
        };
        let Some(entry) = self.core.registry.prompt(name) else {
            audit::refused("unknown_component", None);
            return answer::error(&asked.era, Some(asked.id), &unknown());
        };
        let permit = match self.permit(&mut caller, &asked, entry.component()) {
            Ok(permit) => permit,
            Err(denial) => return self.denied(&caller, &asked, denial, unknown()),
        };
        let context = match self.context(body, caller, &asked) {
            Ok(context) => context,
            Err(error) => return answer::error(&asked.era, Some(asked.id), &error),
        };
        audit::allowed();
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

    /// The context of a call, with what the client brought along from earlier rounds.
    pub(super) fn context(
        &self,
        body: &Bytes,
        caller: Caller,
        asked: &Asked<'_>,
    ) -> Result<Context, ErrorData> {
        let now = asked.now;
        let protocol = match &asked.era {
            Era::Modern => ProtocolVersion::V_2026_07_28,
            Era::Legacy(version) => version.clone(),
        };
        let id = body.slice_ref(asked.id.as_bytes());
        let mut request = RequestInfo::new(id, asked.method.name(), protocol, now);
        let params = &asked.params;
        request.meta = slice(body, params.meta.as_ref().map(|meta| meta.text));
        request.arguments = slice(body, params.arguments);
        if let Some(name) = params.name.as_ref().or(params.uri.as_ref()) {
            request.component = match name {
                Cow::Borrowed(name) => body.slice_ref(name.as_bytes()),
                Cow::Owned(name) => Bytes::from(name.clone()),
            };
        }
        let state = params.request_state.as_deref();
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
            request.inputs = Some(Box::new(inputs));
        }
        let link = Link::Direct(Outbox::default());
        Ok(Context::new(
            caller,
            request,
            link,
            Home::Server(Arc::clone(asked.keeper)),
        ))
    }

    fn direct(&self, body: &Bytes, asked: &Asked<'_>, context: Context) -> Request {
        Request {
            era: asked.era.clone(),
            id: body.slice_ref(asked.id.as_bytes()),
            token_left: remaining(context.caller(), asked.now),
            context,
            patience: self.place.limits.call_patience,
            keep_alive: self.place.limits.keep_alive,
            public: self.is_public(),
        }
    }
}

fn slice(body: &Bytes, text: Option<&str>) -> Bytes {
    text.map_or_else(Bytes::new, |text| body.slice_ref(text.as_bytes()))
}

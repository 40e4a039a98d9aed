//! Which application asks at the token endpoint, and whether it is the one.

use countersign_oauth::client_authentication::{ASSERTION_TYPE, ClientProof, PresentedClient};
use countersign_oauth::form::Form;
use countersign_oauth::jose::{Algorithm, JwkSet, KeyOrigin, verify_compact};
use serde_json::Value;

use super::engine::Core;
use super::state::{Application, State};
use crate::fake_server::ReceivedRequest;

/// The application that has authenticated as the provider wants it, or none.
pub(super) fn authenticate(
    core: &Core,
    state: &State,
    request: &ReceivedRequest,
    form: &Form,
) -> Option<Application> {
    let headers = request.headers.get_all("authorization");
    let headers = headers.iter().map(http::HeaderValue::as_bytes);
    let presented = PresentedClient::parse(headers, form).ok()?;
    let application = state.application(presented.client_id().as_str())?;
    let (method, right) = match presented.proof() {
        ClientProof::None => ("none", application.secret.is_none()),
        ClientProof::SecretBasic(secret) => (
            "client_secret_basic",
            application.secret.as_deref() == Some(secret.reveal()),
        ),
        ClientProof::SecretPost(secret) => (
            "client_secret_post",
            application.secret.as_deref() == Some(secret.reveal()),
        ),
        ClientProof::PrivateKeyJwt(assertion) => (
            "private_key_jwt",
            signed(core, &application, assertion.reveal(), form),
        ),
    };
    let known = core.behaviour.client_authentication.contains(&method);
    (known && right).then_some(application)
}

/// RFC 7523 §3, as far as the real ones look: signature, issuer, subject,
/// audience (issuer or token endpoint), expiry, an id.
fn signed(core: &Core, application: &Application, assertion: &str, form: &Form) -> bool {
    let claims = || {
        let keys = application.keys.as_deref()?;
        let keys = JwkSet::parse(keys.as_bytes(), KeyOrigin::Local).ok()?.set;
        let algorithms = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256];
        let verified = verify_compact(assertion, &keys, &algorithms).ok()?;
        serde_json::from_slice::<Value>(verified.payload()).ok()
    };
    let Some(claims) = claims() else {
        return false;
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let audience = text("aud");
    let endpoint = core.token_endpoint();
    let issuer = core.metadata_issuer();
    let live = claims
        .get("exp")
        .and_then(Value::as_u64)
        .is_some_and(|end| end > core.clock.now().as_secs());
    form.one("client_assertion_type") == Ok(Some(ASSERTION_TYPE))
        && text("iss") == Some(&application.client_id)
        && text("sub") == Some(&application.client_id)
        && (audience == Some(&endpoint) || (audience.is_some() && audience == issuer.as_deref()))
        && text("jti").is_some()
        && live
}

//! The authorization response: RFC 6749 §4.1.2, RFC 9207 §2.4.
//!
//! The order matters: first whether the answer belongs to our request, then who sent it,
//! and only then what it says. Of an answer that fails one of the first two nothing is
//! used or shown.

use countersign_oauth::Secret;
use countersign_oauth::form::Form;
use countersign_oauth::received_tokens::{is_error_code, is_token, printable};

use crate::authorization::AuthorizationRequest;
use crate::error::OAuthError;
use crate::presenter::CallbackParameters;

/// The code in `answer`, if it is the answer to `request`.
///
/// # Errors
///
/// [`OAuthError`]; nothing is to be sent anywhere then.
pub fn read(
    request: &AuthorizationRequest,
    answer: &CallbackParameters,
) -> Result<Secret, OAuthError> {
    let malformed = || bad("the answer of the authorization server is malformed");
    let form = Form::parse(answer.reveal().as_bytes()).map_err(|_| malformed())?;
    if form.has_repeated(&[]) {
        return Err(malformed());
    }
    let one = |name: &str| form.one(name).map_err(|_| malformed());
    let state = one("state")?.map(Secret::new);
    if state.as_ref() != Some(&request.state) {
        return Err(bad(
            "the answer belongs to no login of this client: its state is another",
        ));
    }
    // RFC 9207 §2.4: compared as it stands, never normalised; an error of another issuer
    // is none of ours either.
    match form.sent("iss").map_err(|_| malformed())? {
        Some(iss) if iss == request.issuer.as_str() => {}
        None if !request.sends_iss => {}
        Some(_) => {
            return Err(bad(
                "the answer comes from another authorization server than the one that was asked",
            ));
        }
        None => {
            return Err(bad(
                "the answer does not say which authorization server it comes from",
            ));
        }
    }
    if let Some(code) = form.sent("error").map_err(|_| malformed())? {
        return Err(refusal(code, one("error_description")?));
    }
    let code = one("code")?.filter(|code| is_token(code));
    code.map(Secret::new).ok_or_else(malformed)
}

/// RFC 6749 §4.1.2.1: the person, or the server for them, does not agree.
pub(crate) fn denied(description: Option<&str>) -> OAuthError {
    let why = description.map(printable).filter(|text| !text.is_empty());
    let why = why.map_or_else(String::new, |text| format!(" ({text})"));
    OAuthError::Person(format!(
        "the login was not agreed to{why}; run it again to decide anew"
    ))
}

fn refusal(code: &str, description: Option<&str>) -> OAuthError {
    match code {
        "access_denied" => denied(description),
        code if is_error_code(code) => OAuthError::Refused {
            what: "the authorization server".to_owned(),
            code: code.to_owned(),
            description: description.map(printable).filter(|text| !text.is_empty()),
        },
        _ => bad("the authorization server refuses with something that is no error code"),
    }
}

fn bad(sentence: &str) -> OAuthError {
    OAuthError::BadAnswer(sentence.to_owned())
}

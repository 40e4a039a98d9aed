//! The values that labels can have. What is in no list is counted as `other`, so that
//! nothing that a client sends makes a new series.

use std::sync::LazyLock;

/// Methods of the protocol; requests that got to none are `none`.
pub(super) const METHODS: &[&str] = &[
    "none",
    "tools/call",
    "tools/list",
    "resources/read",
    "resources/list",
    "resources/templates/list",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/get",
    "prompts/list",
    "completion/complete",
    "initialize",
    "ping",
    "logging/setLevel",
    "server/discover",
    "subscriptions/listen",
    "GET",
    "other",
];

/// Why this server refuses; what was allowed has `none`.
const OWN_REASONS: &[&str] = &[
    "none",
    "no_credential",
    "token_rejected",
    "proof_rejected",
    "nonce_needed",
    "insufficient_scope",
    "malformed_credential",
    "wrong_source",
    "forbidden",
    "hidden_component",
    "unknown_task",
    "unknown_component",
    "rate_limited",
    "unavailable",
    "malformed_host",
    "foreign_host",
    "foreign_origin",
    "foreign_session",
    "unknown_session",
    "session_limit",
    "session_occupied",
    "session_required",
    "malformed_message",
    "invalid_message",
    "unknown_method",
    "mirror_mismatch",
    "unsupported_version",
    "invalid_params",
    "invalid_request",
    "internal_error",
    "audit_full",
    "not_found",
    "method_not_allowed",
    "not_acceptable",
    "body_too_slow",
    "body_too_large",
    "unsupported_media_type",
];

#[cfg(feature = "authorization-server")]
const ISSUING_REASONS: &[&str] = countersign_authorization_server::audit::AuditReason::WORDS;
#[cfg(not(feature = "authorization-server"))]
const ISSUING_REASONS: &[&str] = &[];

/// Why something was refused, here or by an authorization server inside the server.
pub(super) static REASONS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let theirs = ISSUING_REASONS.iter();
    let theirs = theirs.filter(|word| !OWN_REASONS.contains(word));
    OWN_REASONS
        .iter()
        .chain(theirs)
        .chain(&["other"])
        .copied()
        .collect()
});

/// What happens in an authorization server inside the server.
pub(super) const EVENTS: &[&str] = &[
    "tokens_issued",
    "token_request_refused",
    "client_refused",
    "code_issued",
    "authorization_refused",
    "consent_denied",
    "answer_repeated",
    "test_token_issued",
    "replay_detected",
    "code_withdrawn",
    "token_revoked",
    "revocation_refused",
    "introspection_refused",
    "client_registered",
    "initial_access_token_issued",
    "registration_refused",
    "api_key_created",
    "api_key_rotated",
    "api_key_revoked",
    "key_rotated",
    "logged_in",
    "logged_out",
    "login_refused",
    "password_changed",
    "account_created",
    "setup_refused",
    "form_refused",
    "grant_revoked",
    "unavailable",
    "sent_upstream",
    "logged_in_upstream",
    "upstream_refused",
    "callback_repeated",
    "callback_refused",
    "upstream_failed",
    "upstream_ended",
    "upstream_revoked",
    "upstream_not_revoked",
    "account_added",
    "account_password_set",
    "account_disabled",
    "account_enabled",
    "account_deleted",
    "client_added",
    "client_changed",
    "client_deleted",
    "other",
];

/// Kinds of components, and the label of each.
pub(super) const KINDS: &[&str] = &["tool", "resource", "prompt"];

/// Classes of HTTP statuses.
pub(super) const CLASSES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The method of the protocol that `word` is.
#[cfg(feature = "otel")]
pub(crate) fn method_word(word: &str) -> Option<&'static str> {
    let methods = METHODS.iter().copied();
    let mut methods = methods.filter(|method| !["none", "GET", "other"].contains(method));
    methods.find(|method| *method == word)
}

/// Where `word` is in `list`; at the end of it, which is `other`, if it is not there.
pub(super) fn place(list: &[&str], word: &str) -> usize {
    let last = list.len().saturating_sub(1);
    list.iter().position(|known| *known == word).unwrap_or(last)
}

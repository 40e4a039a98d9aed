//! The values that labels can have. What is in no list is counted as `other`, so that
//! nothing that a client sends makes a new series.

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

/// Why something was refused; what was allowed has `none`.
pub(super) const REASONS: &[&str] = &[
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
    "unknown_client",
    "wrong_secret",
    "bad_assertion",
    "replayed_assertion",
    "no_keys",
    "public_client",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "invalid_target",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
    "unsupported_response_type",
    "server_error",
    "temporarily_unavailable",
    "login_required",
    "consent_required",
    "interaction_required",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
    "unsupported_token_type",
    "use_dpop_nonce",
    "invalid_dpop_proof",
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "invalid_software_statement",
    "unapproved_software_statement",
    "malformed_request",
    "foreign_redirect_uri",
    "no_initial_access_token",
    "other_client",
    "other_resource",
    "wrong_password",
    "unusable_link",
    "forged_form",
    "malformed_callback",
    "unknown_state",
    "other_provider",
    "other_browser",
    "other_issuer",
    "not_allowed",
    "not_proven",
    "disabled_account",
    "provider_unavailable",
    "provider_refused",
    "bad_answer",
    "other",
];

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

/// Where `word` is in `list`; at the end of it, which is `other`, if it is not there.
/// The method of the protocol that `word` is.
#[cfg(feature = "otel")]
pub(crate) fn method_word(word: &str) -> Option<&'static str> {
    let methods = METHODS.iter().copied();
    let mut methods = methods.filter(|method| !["none", "GET", "other"].contains(method));
    methods.find(|method| *method == word)
}

pub(super) fn place(list: &[&str], word: &str) -> usize {
    let last = list.len().saturating_sub(1);
    list.iter().position(|known| *known == word).unwrap_or(last)
}

#[cfg(all(test, feature = "authorization-server"))]
mod tests {
    use countersign_authorization_server::audit::AuditReason;

    use super::*;

    #[test]
    fn every_reason_of_the_authorization_server_is_counted_under_its_name() {
        for word in AuditReason::WORDS {
            assert!(REASONS.contains(word), "{word}");
        }
    }
}

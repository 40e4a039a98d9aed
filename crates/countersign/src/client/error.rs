//! What can go wrong between a client and a server, each as one sentence.

use std::error::Error;
use std::io;

use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::streamable_http_client::StreamableHttpError;
use serde_json::Value;
use thiserror::Error;

use countersign_oauth_client::AuthorizerError;

use super::challenge::{ReceivedChallenge, printable};
use crate::protocol::ErrorData;

/// Why a server could not be asked, or did not answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is none.
    #[error("{0} is not an http or https URL without user, password and fragment")]
    Url(String),
    /// A token would travel in the clear.
    #[error(
        "{0} is neither https nor on this machine, so a token sent to it could be read by others"
    )]
    PlainHttp(String),
    /// A header field that cannot be added to requests.
    #[error("{0} is no header field that can be chosen, or its value is none")]
    Header(String),
    /// What is passed to a tool or a prompt is no object.
    #[error("arguments are an object or nothing")]
    Arguments,
    /// Credentials for a server over standard input and output.
    #[error(
        "a command gets its credentials by its environment: there is neither OAuth nor a header field over standard input and output"
    )]
    StdioCredentials,
    /// A command cannot be started.
    #[error("{command} cannot be started: {why}")]
    Command {
        /// The whole command.
        command: String,
        /// What the system says.
        why: String,
    },
    /// There are no credentials for the server.
    #[error("{0}")]
    Authorization(String),
    /// Nobody answers there.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
    /// The server is not who it should be, or its TLS is broken.
    #[error("cannot trust the server's certificate or TLS: {0}")]
    Tls(String),
    /// The answer took too long.
    #[error("the server did not answer in time")]
    TimedOut,
    /// 401: no token, or not one the server accepts.
    #[error("{}", unauthorized(.0))]
    Unauthorized(ReceivedChallenge),
    /// 403: the token lacks a scope, or the server refuses the caller.
    #[error("{}", forbidden(.0))]
    Forbidden(ReceivedChallenge),
    /// The server points elsewhere; a token is never sent there.
    #[error(
        "the server redirects elsewhere (HTTP {0}), which is not followed; use the URL of the MCP endpoint itself"
    )]
    Redirect(u16),
    /// The server answers with an HTTP status that is no answer.
    #[error("the server answered HTTP {0}")]
    Status(u16),
    /// The answer is not one of an MCP server.
    #[error("there is no MCP server at this URL: {0}")]
    NotMcp(String),
    /// The answer is larger than any should be.
    #[error("the answer of the server is too large")]
    TooLarge,
    /// The tool failed.
    #[error("the tool failed: {0}")]
    Tool(String),
    /// The tool answered something else than was asked for.
    #[error("the answer of the tool is of another kind: {0}")]
    NotThat(String),
    /// The server answered with a JSON-RPC error.
    #[error("{message} (JSON-RPC error {code})")]
    Rpc {
        /// The code of the error.
        code: i32,
        /// What the server says.
        message: String,
        /// What it says besides, for programs.
        data: Option<Value>,
    },
    /// The connection, or the session, ended before the answer, because the server was
    /// started again or something between broke. Nobody knows whether it did what was
    /// asked.
    #[error(
        "the server closed the connection before it answered; whether it did what was asked is \
         not known"
    )]
    Closed,
    /// The command of a server ended before the answer.
    #[error("the command ended before it answered ({0})")]
    Ended(String),
    /// The server tells of no changes at this URI.
    #[error("the server does not tell of changes at {0}: it is unknown, or not for this caller")]
    NoSubscription(String),
    /// A subscription of which nobody would hear.
    #[error("nobody hears of changes: on_change says who does")]
    NobodyHears,
    /// This program failed.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

fn unauthorized(challenge: &ReceivedChallenge) -> String {
    match (&challenge.error, &challenge.error_description) {
        (None, _) => "the server asks for a token (HTTP 401)".into(),
        (Some(code), None) => format!("the server refuses the token (HTTP 401, {code})"),
        (Some(code), Some(text)) => {
            format!("the server refuses the token (HTTP 401, {code}): {text}")
        }
    }
}

fn forbidden(challenge: &ReceivedChallenge) -> String {
    if challenge.scope.is_empty() {
        return "the server refuses this caller (HTTP 403)".into();
    }
    format!(
        "the token lacks a scope: {} is needed (HTTP 403)",
        challenge.scope
    )
}

impl From<ClientInitializeError> for ClientError {
    fn from(error: ClientInitializeError) -> Self {
        match error {
            ClientInitializeError::TransportError { error, .. } => transport(error.error.as_ref()),
            // What the fallback met is what a legacy server says; the first answer
            // is only that it is no newer one.
            ClientInitializeError::LegacyFallbackFailed { fallback, .. } => match *fallback {
                ClientInitializeError::JsonRpcError(error) => {
                    Self::NotMcp(printable(&error.message))
                }
                other => other.into(),
            },
            ClientInitializeError::JsonRpcError(error) => rpc(&error),
            ClientInitializeError::ConnectionClosed(_) => Self::Closed,
            ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
                Self::NotMcp("client and server share no protocol version".into())
            }
            _ => Self::NotMcp("its handshake is not that of the protocol".into()),
        }
    }
}

impl From<ServiceError> for ClientError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(error) => rpc(&error),
            ServiceError::TransportSend(error) => transport(error.error.as_ref()),
            ServiceError::Timeout { .. } => Self::TimedOut,
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } => Self::Closed,
            ServiceError::InputRequiredRoundsExceeded { .. } => {
                Self::NotMcp("it asks for input without end".into())
            }
            _ => Self::NotMcp("its answer is not one to the request".into()),
        }
    }
}

fn rpc(error: &ErrorData) -> ClientError {
    ClientError::Rpc {
        code: error.code.0,
        message: printable(&error.message),
        data: error.data.clone(),
    }
}

/// The SDK wraps what happened on the wire several times over.
fn transport(error: &(dyn Error + 'static)) -> ClientError {
    let mut source = Some(error);
    while let Some(current) = source {
        if let Some(error) = current.downcast_ref::<ClientError>() {
            return error.clone();
        }
        if let Some(error) = current.downcast_ref::<StreamableHttpError<ClientError>>() {
            return match error {
                StreamableHttpError::Client(error) => error.clone(),
                StreamableHttpError::SessionExpired => ClientError::Status(404),
                StreamableHttpError::SessionRecoveryTimeout
                | StreamableHttpError::ControlRequestTimeout => ClientError::TimedOut,
                _ => ClientError::Closed,
            };
        }
        source = current.source();
    }
    ClientError::Closed
}

impl From<AuthorizerError> for ClientError {
    fn from(error: AuthorizerError) -> Self {
        Self::Authorization(error.0)
    }
}

impl From<ErrorData> for ClientError {
    fn from(error: ErrorData) -> Self {
        rpc(&error)
    }
}

/// Where something went wrong, which says who can repair it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// In this program: an address, an argument or a setting.
    Usage,
    /// The credentials: there are none, or they do not suffice.
    Credentials,
    /// On the way: nobody answers, too late, or half of it. Asking again may help; what
    /// was asked may have been done.
    Transport,
    /// The server says that the request is wrong, or does not speak the protocol.
    Protocol,
    /// The tool was called, and failed or answered something else.
    Tool,
}

impl ClientError {
    /// Where it went wrong.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Url(_)
            | Self::PlainHttp(_)
            | Self::Header(_)
            | Self::Arguments
            | Self::StdioCredentials
            | Self::Command { .. }
            | Self::NobodyHears
            | Self::Setup(_) => ErrorKind::Usage,
            Self::Authorization(_) | Self::Unauthorized(_) | Self::Forbidden(_) => {
                ErrorKind::Credentials
            }
            Self::Unreachable(_)
            | Self::Tls(_)
            | Self::TimedOut
            | Self::Redirect(_)
            | Self::Status(_)
            | Self::TooLarge
            | Self::Closed
            | Self::Ended(_) => ErrorKind::Transport,
            Self::NotMcp(_) | Self::Rpc { .. } | Self::NoSubscription(_) => ErrorKind::Protocol,
            Self::Tool(_) | Self::NotThat(_) => ErrorKind::Tool,
        }
    }

    /// What an HTTP status means that is no success.
    pub(super) fn from_status(status: u16, challenge: ReceivedChallenge) -> Self {
        match status {
            401 => Self::Unauthorized(challenge),
            403 => Self::Forbidden(challenge),
            300..=399 => Self::Redirect(status),
            404 | 405 => Self::NotMcp(format!("HTTP {status}")),
            _ => Self::Status(status),
        }
    }
}

/// Tells apart what people repair in different places. The URL is left out: it
/// is known, and may not be written to logs with its query.
pub(super) fn http(error: &reqwest::Error) -> ClientError {
    if error.is_timeout() {
        return ClientError::TimedOut;
    }
    let mut deepest: &(dyn Error + 'static) = error;
    let mut refused = false;
    let mut unnamed = false;
    while let Some(cause) = cause(deepest) {
        deepest = cause;
        if let Some(error) = deepest.downcast_ref::<rustls::Error>() {
            return ClientError::Tls(tls(error));
        }
        // hyper-util has no type for it that could be named.
        unnamed |= deepest.to_string() == "dns error";
        let error = deepest.downcast_ref::<io::Error>();
        refused |= error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    }
    if refused {
        return ClientError::Unreachable("nobody listens there (connection refused)".into());
    }
    if unnamed {
        let told = "its name is not found; check it, and the network";
        return ClientError::Unreachable(told.into());
    }
    let told = printable(&deepest.to_string());
    if error.is_connect() {
        ClientError::Unreachable(told)
    } else if error.is_request() || error.is_body() {
        ClientError::Closed
    } else {
        ClientError::NotMcp(told)
    }
}

/// rustls names its variants where it has no words.
fn tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    use rustls::Error as Tls;
    let words = match error {
        Tls::InvalidCertificate(bad) => match bad {
            // The second and third: a trusted authority of the same name has another key.
            Bad::UnknownIssuer
            | Bad::BadSignature
            | Bad::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                "the issuer of the certificate is not trusted (SSL_CERT_FILE names a file of \
                 certificates to trust)"
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "the certificate has expired",
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => "the certificate is not valid yet",
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            Bad::Revoked => "the certificate is revoked",
            // webpki's CaUsedAsEndEntity: what `openssl req -x509` makes by default.
            Bad::Other(_) if error.to_string().contains("CaUsedAsEndEntity") => {
                "the certificate is one of an authority, not of a server (openssl makes one of a \
                 server with -addext basicConstraints=CA:FALSE)"
            }
            _ => "the certificate is not acceptable",
        },
        Tls::InvalidMessage(_) => {
            "the server does not speak TLS there; its URL may begin with http://"
        }
        Tls::AlertReceived(_) => "the server ended the handshake",
        Tls::PeerIncompatible(_) => {
            "the server has no protocol version or cipher in common with us"
        }
        _ => return printable(&error.to_string()),
    };
    words.into()
}

/// What is behind `error`. What an [`io::Error`] wraps is not its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

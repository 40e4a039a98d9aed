//! Which server, with which credentials, and who answers its questions.
#![expect(
    deprecated,
    reason = "logging, sampling and roots are deprecated by SEP-2577 and still served"
)]

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use countersign_oauth_client::{
    Authorizer, ClientCredentials, IdentityAssertion, Machine, OAuth, OAuthError, PrivateKeyJwt,
    Workload,
};
use countersign_resource_server::oauth::Secret;
use countersign_resource_server::oauth::uri::is_loopback_host;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::asked::Asked;
use super::challenge::printable;
use super::changes::{Change, Changes};
use super::command::Command;
use super::credentials::{Bearer, Nobody};
use super::patience::Patience;
use super::sending::{GettingCredentials, Sender};
use super::wire::{InProcess, Socket, Wire};
use super::{Client, ClientError};
use crate::App;
use crate::protocol::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, ErrorData,
    Implementation, ListRootsResult, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, Root,
};

/// What a connection is over.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    Http(Url),
    HttpSse(Url),
    Process(Command),
    InProcess(App, Url),
}

/// A connection that is described and not made: awaiting it makes it.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before it is awaited"]
pub struct Connect {
    pub(super) destination: Result<Destination, ClientError>,
    pub(super) authorizer: Option<Arc<dyn Authorizer>>,
    headers: HeaderMap,
    pub(super) asked: Asked,
    pub(super) changes: Changes,
    log_level: Option<LoggingLevel>,
    pub(super) legacy: bool,
    pub(super) patience: Patience,
    pub(super) implementation: Implementation,
    plain_http: bool,
}

impl Client {
    /// The server at `url`, such as `https://example.com/mcp`, over Streamable HTTP of
    /// either era.
    pub fn connect(url: &str) -> Connect {
        Connect::to(address(url).map(Destination::Http))
    }

    /// The server at `url` over HTTP with SSE, the transport of 2024-11-05.
    pub fn sse(url: &str) -> Connect {
        Connect::to(address(url).map(Destination::HttpSse))
    }

    /// The server that `command` starts, over its standard input and output. It ends
    /// with the client.
    pub fn stdio(command: Command) -> Connect {
        Connect::to(Ok(Destination::Process(command)))
    }

    /// The server `app` in this process: every step of a request over HTTP is taken,
    /// credentials included, and nothing is on the network.
    ///
    /// ```
    /// use countersign::client::Client;
    /// use countersign::{Http, Server, tool};
    ///
    /// /// Adds two numbers.
    /// #[tool]
    /// async fn add(a: i64, b: i64) -> String {
    ///     (a + b).to_string()
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let app = Server::new("Calculator").tool(add).into_app(&Http::bind("127.0.0.1:8000"))?;
    /// let client = Client::in_memory(&app).await?;
    /// let sum: i64 = client.call("add", serde_json::json!({"a": 1, "b": 2})).await?;
    /// assert_eq!(sum, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_memory(app: &App) -> Connect {
        let url = address(app.address());
        Connect::to(url.map(|url| Destination::InProcess(app.clone(), url)))
    }
}

fn address(url: &str) -> Result<Url, ClientError> {
    let refused = || ClientError::Url(printable(url));
    let parsed = Url::parse(url).map_err(|_| refused())?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        // What was typed there is a secret.
        return Err(ClientError::Url("the address".into()));
    }
    if !matches!(parsed.scheme(), "http" | "https") || parsed.fragment().is_some() {
        return Err(refused());
    }
    Ok(parsed)
}

/// Credentials.
impl Connect {
    fn to(destination: Result<Destination, ClientError>) -> Self {
        Self {
            destination,
            authorizer: None,
            headers: HeaderMap::new(),
            asked: Asked::default(),
            changes: Changes::default(),
            log_level: None,
            legacy: false,
            patience: Patience::default(),
            implementation: Implementation::new("countersign", env!("CARGO_PKG_VERSION")),
            plain_http: false,
        }
    }

    /// Shows `token` to the server, as `Authorization: Bearer` (RFC 6750 §2.1).
    pub fn bearer(self, token: impl Into<Secret>) -> Self {
        self.authorizer(Bearer(token.into()))
    }

    /// Lets `authorizer` say what to show with each request, and what to do about a
    /// refusal: OAuth for a person or a machine is one, and so can be yours.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Logs a person in, and keeps them logged in.
    pub fn oauth(self, oauth: OAuth) -> Self {
        self.authorizer(oauth)
    }

    /// Gets tokens in the name of a program, with its secret (RFC 6749 §4.4).
    pub fn client_credentials(self, program: ClientCredentials) -> Self {
        self.machine(program.build())
    }

    /// Gets tokens in the name of a program, with its key (RFC 7523 §2.2).
    pub fn private_key_jwt(self, program: PrivateKeyJwt) -> Self {
        self.machine(program.build())
    }

    /// Gets tokens for whom the identity provider of their company vouches
    /// (enterprise-managed authorization).
    pub fn identity_assertion(self, person: IdentityAssertion) -> Self {
        self.machine(person.build())
    }

    /// Gets tokens for a workload with the token of its platform (RFC 7523 §2.1).
    pub fn workload(self, workload: Workload) -> Self {
        self.machine(workload.build())
    }

    fn machine(mut self, machine: Result<Machine, OAuthError>) -> Self {
        match machine {
            Ok(machine) => self.authorizer(machine),
            Err(error) => {
                self.destination = Err(ClientError::Authorization(error.to_string()));
                self
            }
        }
    }

    /// Adds the header field `name` to every request, such as an API key. Its value is
    /// kept out of logs.
    pub fn header(mut self, name: &str, value: impl Into<Secret>) -> Self {
        let value: Secret = value.into();
        let field = HeaderName::try_from(name).ok().filter(is_free);
        match (field, HeaderValue::from_str(value.reveal())) {
            (Some(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.append(name, value);
            }
            _ => self.destination = Err(ClientError::Header(printable(name))),
        }
        self
    }

    /// Allows plain `http` to other machines.
    ///
    /// # Security
    ///
    /// Everyone on the way reads the token and can use it.
    pub const fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }
}

/// Whether a field may be chosen: those of the transport itself are not.
fn is_free(name: &HeaderName) -> bool {
    let name = name.as_str();
    !name.starts_with("mcp-")
        && !matches!(
            name,
            "accept"
                | "connection"
                | "content-length"
                | "content-type"
                | "host"
                | "last-event-id"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
        )
}

/// Questions of the server, and what it tells.
impl Connect {
    /// Lets `person` answer questions (`elicitation/create`): forms, and addresses to
    /// visit. Without this the server is told that nobody can be asked.
    pub fn on_elicitation<F, A>(mut self, person: F) -> Self
    where
        F: Fn(ElicitRequestParams) -> A + Send + Sync + 'static,
        A: Future<Output = ElicitResult> + Send + 'static,
    {
        self.asked.person = Some(Arc::new(move |question| Box::pin(person(question))));
        self
    }

    /// Lets `model` complete what the server asks of a language model
    /// (`sampling/createMessage`); an error says that it will not.
    pub fn on_sampling<F, A>(mut self, model: F) -> Self
    where
        F: Fn(CreateMessageRequestParams) -> A + Send + Sync + 'static,
        A: Future<Output = Result<CreateMessageResult, ErrorData>> + Send + 'static,
    {
        self.asked.model = Some(Arc::new(move |request| Box::pin(model(request))));
        self
    }

    /// Tells the server that it may work in `roots`.
    pub fn roots(mut self, roots: Vec<Root>) -> Self {
        self.asked.roots = Some(ListRootsResult::new(roots));
        self
    }

    /// Calls `hear` when the server says how far a call is.
    pub fn on_progress(
        mut self,
        hear: impl Fn(ProgressNotificationParam) + Send + Sync + 'static,
    ) -> Self {
        self.asked.progress = Some(Arc::new(hear));
        self
    }

    /// Calls `hear` with the log messages of the server, from `info` upwards unless
    /// [`log_level`](Self::log_level) says otherwise.
    pub fn on_log(
        mut self,
        hear: impl Fn(LoggingMessageNotificationParam) + Send + Sync + 'static,
    ) -> Self {
        self.asked.log = Some(Arc::new(hear));
        self
    }

    /// Asks the server for log messages from `least` upwards.
    ///
    /// From 2026-07-28 on every request says so; a legacy server that announces log
    /// messages is told once in each session. [`Client::set_log_level`] changes it.
    pub const fn log_level(mut self, least: LoggingLevel) -> Self {
        self.log_level = Some(least);
        self
    }

    /// Calls `hear` when a list of the server changes, and when a resource does to which
    /// [`Client::subscribe`] subscribed.
    pub fn on_change(mut self, hear: impl Fn(Change) + Send + Sync + 'static) -> Self {
        self.changes = Changes::told_to(hear);
        self
    }

    /// Waits `timeout` for a sign of life: an answer, or progress. A minute, unless this
    /// says otherwise.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.patience.timeout = timeout;
        self
    }

    /// Waits `timeout` for a sign of life while the connection is made; as long as for a
    /// call, unless this says otherwise. The time of a login does not count.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.patience.connect_timeout = Some(timeout);
        self
    }

    /// Ends every call after `cap`, however much progress it makes, and with all its
    /// rounds and pages. Ten minutes, unless this says otherwise.
    pub const fn overall_cap(mut self, cap: Duration) -> Self {
        self.patience.overall_cap = cap;
        self
    }

    /// Begins with the handshake of 2025-11-25 at once, for a server that takes the
    /// question for the newer era badly, such as by never answering it.
    pub const fn legacy(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// Says to the server who calls: the name and the version of a program.
    pub fn client_info(mut self, name: &str, version: &str) -> Self {
        self.implementation = Implementation::new(name, version);
        self
    }
}

impl Connect {
    /// The address, as it is asked; none for a command.
    pub fn url(&self) -> Option<&str> {
        match &self.destination {
            Ok(Destination::Http(url) | Destination::HttpSse(url)) => Some(url.as_str()),
            _ => None,
        }
    }

    /// The log messages that are asked for: none if nobody hears them.
    pub(super) fn least_level(&self) -> Option<LoggingLevel> {
        let heard = self.asked.log.is_some().then_some(LoggingLevel::Info);
        self.log_level.or(heard)
    }

    /// Whoever sends requests to `url`.
    pub(super) fn sender(
        &self,
        url: &Url,
        credentials: GettingCredentials,
    ) -> Result<Arc<Sender>, ClientError> {
        let authorizer = self.authorizer.clone();
        Ok(Arc::new(Sender {
            wire: self.wire(url)?,
            authorizer: authorizer.unwrap_or_else(|| Arc::new(Nobody)),
            headers: self.headers.clone(),
            getting_credentials: credentials,
        }))
    }

    pub(super) fn wire(&self, url: &Url) -> Result<Arc<dyn Wire>, ClientError> {
        if let Ok(Destination::InProcess(app, _)) = &self.destination {
            return Ok(Arc::new(InProcess(app.clone())));
        }
        let local = is_loopback_host(url);
        if url.scheme() == "http" && !local && !self.plain_http {
            return Err(ClientError::PlainHttp(url.to_string()));
        }
        Ok(Arc::new(Socket::new(local)?))
    }

    /// Refuses what a process could not be told.
    pub(super) fn check_process(&self) -> Result<(), ClientError> {
        if self.authorizer.is_some() || !self.headers.is_empty() {
            return Err(ClientError::StdioCredentials);
        }
        Ok(())
    }
}

impl IntoFuture for Connect {
    type Output = Result<Client, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(super::opening::open(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_no_web_address_is_refused() {
        for url in [
            "",
            "localhost:8000",
            "ftp://a.test",
            "http://",
            "https://a.test/#x",
        ] {
            for connect in [Client::connect(url), Client::sse(url)] {
                assert!(matches!(connect.await, Err(ClientError::Url(_))), "{url}");
            }
        }
    }

    #[tokio::test]
    async fn h8_a_password_in_the_address_is_refused_and_not_repeated() {
        let connect = Client::connect("https://user:canary@a.test/mcp");
        assert!(!format!("{connect:?}").contains("canary"));
        let refused = connect.await.unwrap_err();
        assert!(!refused.to_string().contains("canary"));
    }

    #[tokio::test]
    async fn plain_http_to_another_machine_is_refused_unless_it_is_allowed() {
        let connect = Client::connect("http://a.test/mcp");
        assert!(matches!(
            connect.clone().await,
            Err(ClientError::PlainHttp(_))
        ));
        let url = Url::parse("http://a.test/mcp").unwrap();
        assert!(connect.danger_plain_http().wire(&url).is_ok());
        for url in [
            "http://localhost:1/mcp",
            "http://[::1]:1/mcp",
            "http://127.0.0.1:1/mcp",
        ] {
            let connect = Client::connect(url);
            assert!(connect.wire(&Url::parse(url).unwrap()).is_ok());
        }
    }

    #[test]
    fn h1_debug_does_not_show_credentials() {
        let connect = Client::connect("https://a.test/mcp")
            .bearer("canary".to_owned())
            .header("x-api-key", "canary".to_owned());
        assert!(!format!("{connect:?}").contains("canary"));
    }

    #[tokio::test]
    async fn a_header_field_that_is_none_or_belongs_to_the_transport_is_refused() {
        for (name, value) in [
            ("a b", "x"),
            ("x", "a\r\nb"),
            ("Mcp-Session-Id", "x"),
            ("MCP-Protocol-Version", "x"),
            ("host", "x"),
            ("Content-Length", "1"),
        ] {
            let connect = Client::connect("https://a.test/mcp").header(name, value.to_owned());
            assert!(
                matches!(connect.await, Err(ClientError::Header(_))),
                "{name}"
            );
        }
    }
}

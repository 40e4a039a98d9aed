//! `countersign serve`.

mod embedded;
mod limits;
mod login;
mod options;
mod paste;
mod verifying;

use std::net::SocketAddr;

use anyhow::Context;
use countersign::metrics::Metrics;
#[cfg(feature = "otel")]
use countersign::telemetry::Telemetry;
use countersign::{Configuration, ConfiguredTokens, Http, RunningServer, Server, Sessions};

use embedded::Embedded;
use options::Place;
pub(crate) use options::Serve;
use verifying::Verifying;

use crate::{ISSUER, SCOPE, demo, output};

/// Whose tokens are accepted.
enum Accepted {
    /// Nobody's: there is no authentication.
    Nothing,
    /// Those of the authorization server in this process.
    Ours(Embedded),
    /// Those of another issuer.
    Others(Verifying),
    /// Those of another issuer, as settings say that are no options.
    Configured,
}

/// Where everything is.
struct Started {
    url: String,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
}

impl Serve {
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let settings = self.settings.read()?;
        let settings = match self.dpop {
            Some(dpop) => settings.option("--dpop", "dpop.bound_tokens", dpop.name())?,
            None => settings,
        };
        if !self.is_stdio() {
            self.take(&settings)?;
        }
        let tokens = match self.says_who() {
            true => ConfiguredTokens::Unsaid,
            false => settings.tokens()?,
        };
        self.fits(tokens)?;
        if tokens == ConfiguredTokens::Off {
            self.no_auth = true;
        }
        match self.place()? {
            Place::Stdio => {
                // Standard output belongs to the protocol.
                output::note("Serving on standard input and output, without authentication.");
                output::note(&available(false));
                let server = self.limited(demo::server());
                Ok(self.audited(server)?.serve_stdio().await?)
            }
            Place::Http(http) => self.serve(*http, &settings, tokens).await,
        }
    }

    /// `server`, with the limits of the options, if there are any.
    fn limited(&self, server: Server) -> Server {
        match self.limits.limits() {
            Some(limits) => server.limits(limits),
            None => server,
        }
    }

    async fn serve(
        &self,
        http: Http,
        settings: &Configuration,
        tokens: ConfiguredTokens,
    ) -> anyhow::Result<()> {
        let accepted = match (self.no_auth, Verifying::from_options(self)?) {
            (true, _) => Accepted::Nothing,
            (false, Some(verifying)) => Accepted::Others(verifying),
            (false, None) if tokens == ConfiguredTokens::Others => Accepted::Configured,
            (false, None) => Accepted::Ours(Embedded::new(self, settings)?),
        };
        let server = match &accepted {
            Accepted::Nothing if self.danger_open_to_everybody => {
                demo::server().danger_without_authentication()
            }
            Accepted::Nothing => demo::server(),
            Accepted::Ours(embedded) => {
                let server = demo::server().tool(demo::admin_report);
                let server = server.required_scopes(self.required_scopes());
                embedded.add_to(server, self, settings)?
            }
            Accepted::Others(verifying) => self.authenticated(verifying)?,
            Accepted::Configured => demo::server()
                .tool(demo::admin_report)
                .required_scopes(self.required_scopes()),
        };
        let server = self.audited(server.configuration(settings))?;
        let server = match &self.policy {
            Some(file) => server.rules_file(file),
            None => server,
        };
        let sessions = match self.sessions {
            true => Sessions::Always,
            false => Sessions::WhereNeeded,
        };
        let server = self.limited(server.sessions(sessions));
        // Dropped at the end of this function, with the server itself.
        let (server, metrics) = match &self.metrics {
            Some(address) => {
                let metrics = Metrics::new();
                let running = metrics.start(address.clone()).await?;
                (server.metrics(&metrics), Some(running))
            }
            None => (server, None),
        };
        #[cfg(feature = "otel")]
        let (server, telemetry) = self.telling(server)?;
        let running = server.start(http).await?;
        let started = Started {
            url: running.url().to_owned(),
            address: running.address(),
            metrics: metrics.as_ref().map(RunningServer::address),
        };
        // The signal is listened for before anybody is told how to send it.
        let ((), printed) = tokio::join!(
            biased;
            running.serve_until_stopped(),
            async { self.announce(&started, &accepted, settings) },
        );
        #[cfg(feature = "otel")]
        if let Some(telemetry) = telemetry {
            // What was not sent is in the log.
            telemetry.shutdown().await;
        }
        printed
    }

    /// `server`, which tells a collector of its requests if there is to be one.
    #[cfg(feature = "otel")]
    fn telling(&self, server: Server) -> anyhow::Result<(Server, Option<Telemetry>)> {
        let Some(collector) = &self.otlp else {
            return Ok((server, None));
        };
        let telemetry = Telemetry::otlp(collector).build()?;
        Ok((server.telemetry(&telemetry), Some(telemetry)))
    }

    /// Says where the server is, and what to do next.
    fn announce(
        &self,
        started: &Started,
        accepted: &Accepted,
        settings: &Configuration,
    ) -> anyhow::Result<()> {
        let url = &started.url;
        if matches!(accepted, Accepted::Nothing) {
            let who = match self.danger_open_to_everybody {
                true => "everybody who reaches it",
                false => "every program on this machine",
            };
            output::note(&format!(
                "WARNING: no authentication: {who} may call everything, without a token."
            ));
        }
        output::line(&format!("Serving at {url}"))?;
        if self.public_url.is_some() {
            output::line(&format!("Listening on {}", started.address))?;
        }
        if let Some(address) = started.metrics {
            output::line(&format!("Metrics at http://{address}/metrics"))?;
        }
        output::line(&available(!matches!(accepted, Accepted::Nothing)))?;
        if let Some(file) = &self.policy {
            output::line(&format!(
                "The rules in {} decide who may call what; SIGHUP reads them again",
                file.display()
            ))?;
        }
        let more = match accepted {
            Accepted::Nothing => Vec::new(),
            Accepted::Ours(embedded) => embedded.explained(url, self),
            Accepted::Others(verifying) => vec![verifying.explained(self)],
            Accepted::Configured => settings.check()?,
        };
        let bound = settings.requires_bound_tokens();
        for line in more
            .into_iter()
            .chain(paste::lines(url, self, accepted, bound))
        {
            output::line(&line)?;
        }
        Ok(output::line("\nStop with Ctrl-C.")?)
    }

    fn authenticated(&self, verifying: &Verifying) -> anyhow::Result<Server> {
        let verifier = verifying.verifier(self).build();
        let verifier = verifier.with_context(|| verifying.option())?;
        let scopes = self.required_scopes();
        let ask = scopes.is_empty() && verifying.issuer.as_deref() == Some(ISSUER);
        Ok(demo::server()
            .tool(demo::admin_report)
            .auth(verifier)
            .required_scopes(scopes)
            .challenge_scopes(ask.then_some(SCOPE)))
    }
}

fn available(authenticated: bool) -> String {
    let tools: Vec<_> = demo::TOOLS
        .into_iter()
        .filter(|name| authenticated || *name != "admin_report")
        .collect();
    format!("Available tools: {}", tools.join(", "))
}

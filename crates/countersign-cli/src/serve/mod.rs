//! `countersign serve`.

mod options;
mod paste;
mod verifying;

use std::net::SocketAddr;

use anyhow::Context;
use countersign::{Http, Server, Sessions};

use options::Place;
pub(crate) use options::Serve;
use verifying::Verifying;

use crate::{ISSUER, SCOPE, demo, output};

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.place()? {
            Place::Stdio => {
                // Standard output belongs to the protocol.
                output::note("Serving on standard input and output, without authentication.");
                output::note(&available(false));
                Ok(demo::server().serve_stdio().await?)
            }
            Place::Http(http) => self.serve(*http).await,
        }
    }

    async fn serve(&self, http: Http) -> anyhow::Result<()> {
        let verifying = match self.no_auth {
            true => None,
            false => Some(Verifying::from_options(self)?),
        };
        let server = match &verifying {
            None if self.danger_open_to_everybody => demo::server().danger_without_authentication(),
            None => demo::server(),
            Some(verifying) => self.authenticated(verifying)?,
        };
        let sessions = match self.sessions {
            true => Sessions::Always,
            false => Sessions::WhereNeeded,
        };
        let running = server.sessions(sessions).start(http).await?;
        let (url, address) = (running.url().to_owned(), running.address());
        // The signal is listened for before anybody is told how to send it.
        let ((), printed) = tokio::join!(
            biased;
            running.serve_until_stopped(),
            async { self.announce(&url, address, verifying.as_ref()) },
        );
        printed
    }

    /// Says where the server is, and how to call it.
    fn announce(
        &self,
        url: &str,
        address: SocketAddr,
        verifying: Option<&Verifying>,
    ) -> anyhow::Result<()> {
        if verifying.is_none() {
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
            output::line(&format!("Listening on {address}"))?;
        }
        output::line(&available(verifying.is_some()))?;
        for line in verifying
            .map(|verifying| verifying.explained(self))
            .into_iter()
            .flatten()
        {
            output::line(&line)?;
        }
        for line in paste::lines(url, self, verifying) {
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

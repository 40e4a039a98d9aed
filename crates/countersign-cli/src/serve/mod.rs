//! `countersign serve`.

mod options;
mod paste;
mod verifying;

use anyhow::Context;
use countersign::{Http, Server};

use options::Place;
pub(crate) use options::Serve;
use verifying::Verifying;

use crate::{demo, output};

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
            None => demo::server(),
            Some(verifying) => self.authenticated(verifying)?,
        };
        let running = server.start(http).await?;
        let url = running.url().to_owned();
        // The signal is listened for before anybody is told how to send it.
        let ((), printed) = tokio::join!(
            biased;
            running.serve_until_stopped(),
            async { self.announce(&url, verifying.as_ref()) },
        );
        printed
    }

    /// Says where the server is, and how to call it.
    fn announce(&self, url: &str, verifying: Option<&Verifying>) -> anyhow::Result<()> {
        output::line(&format!("Serving at {url}"))?;
        output::line(&available(verifying.is_some()))?;
        match verifying {
            None => output::note(
                "Warning: there is no authentication; everybody on this machine may call everything.",
            ),
            Some(verifying) => {
                for line in verifying.explained() {
                    output::line(&line)?;
                }
            }
        }
        output::line("\nCall a tool from another terminal:\n")?;
        for line in paste::lines(url, self, verifying) {
            output::line(&line)?;
        }
        Ok(output::line("\nStop with Ctrl-C.")?)
    }

    fn authenticated(&self, verifying: &Verifying) -> anyhow::Result<Server> {
        let verifier = verifying.verifier(self).build().context("authentication")?;
        Ok(demo::server()
            .tool(demo::admin_report)
            .auth(verifier)
            .required_scopes(self.required_scopes()))
    }
}

fn available(authenticated: bool) -> String {
    let tools: Vec<_> = demo::TOOLS
        .into_iter()
        .filter(|name| authenticated || *name != "admin_report")
        .collect();
    format!("Available tools: {}", tools.join(", "))
}

//! The measured servers. All of them run on the same runtime settings.

mod authorization;
mod commits;
mod floor;
mod ours;
mod sdk;

use std::future::Future;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use axum::serve::{Listener, ListenerExt};
use clap::{Args, ValueEnum};
use countersign::verifier::{JwtVerifier, JwtVerifierBuilder};

pub(crate) use authorization::AuthorizationSettings;
pub(crate) use commits::CommitSettings;

use crate::access::{Audit, Limited};
use crate::signature::Signatures;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// axum: parses the body, answers with a constant.
    Floor,
    /// The same, after the signature of the token of each request is verified.
    FloorSigned,
    /// The SDK, stateless, JSON answers, no authentication.
    Sdk,
    /// The same behind a check of the JWT of each request.
    SdkJwt,
    /// The SDK with legacy sessions, no authentication.
    SdkSessions,
    /// countersign with a verifier.
    Countersign,
    /// The same with legacy sessions.
    CountersignSessions,
    /// countersign without authentication.
    CountersignOpen,
}

impl Kind {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What a server is told.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    #[arg(long)]
    kind: Kind,
    /// Worker threads of the runtime.
    #[arg(long)]
    workers: usize,
    /// The key that tokens are signed with, PEM text.
    #[arg(long)]
    public_key: String,
    /// Who issues the tokens.
    #[arg(long)]
    issuer: String,
    /// Whom they are for.
    #[arg(long)]
    audience: String,
    /// What is limited.
    #[arg(long, default_value = "unsaid")]
    limits: Limited,
    /// How many rules there are, if any are read.
    #[arg(long)]
    rules: Option<u16>,
    /// Where decisions are noted.
    #[arg(long, default_value = "nowhere")]
    audit: Audit,
    /// Where the folder of the files is made; among temporary files otherwise.
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Settings {
    fn verifier(&self) -> JwtVerifierBuilder {
        JwtVerifier::public_key(&self.public_key)
            .issuer(&self.issuer)
            .audience(&self.audience)
    }
}

/// Serves until standard input ends.
pub(crate) fn serve(settings: Settings) -> Result<()> {
    let runtime = runtime(settings.workers)?;
    match settings.kind {
        Kind::Floor => runtime.block_on(until_told(floor::serve(None))),
        Kind::FloorSigned => {
            let signatures = Signatures::by(&settings.public_key)?;
            runtime.block_on(until_told(floor::serve(Some(signatures))))
        }
        Kind::Sdk => runtime.block_on(until_told(sdk::serve(None, sdk::Sessions::Without))),
        Kind::SdkSessions => runtime.block_on(until_told(sdk::serve(None, sdk::Sessions::With))),
        Kind::SdkJwt => {
            let verifier = settings.verifier().build()?;
            runtime.block_on(until_told(sdk::serve(
                Some(verifier),
                sdk::Sessions::Without,
            )))
        }
        Kind::Countersign | Kind::CountersignSessions | Kind::CountersignOpen => {
            runtime.block_on(until_told(ours::serve(&settings)))
        }
    }
}

/// Issues tokens until standard input ends.
pub(crate) fn authorize(settings: &AuthorizationSettings) -> Result<()> {
    runtime(settings.workers)?.block_on(until_told(authorization::serve(settings)))
}

/// Commits until standard input ends.
pub(crate) fn commit(settings: &CommitSettings) -> Result<()> {
    runtime(settings.workers)?.block_on(until_told(commits::serve(settings)))
}

fn runtime(workers: usize) -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(workers).enable_all().build()?)
}

/// A listener of which the parent was told.
async fn listen() -> Result<impl Listener<Addr = SocketAddr>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?)?;
    Ok(listener.tap_io(|stream| {
        // Left as it is if the option cannot be set: only latency suffers.
        let _ = stream.set_nodelay(true);
    }))
}

/// Runs `server` until standard input ends.
async fn until_told(server: impl Future<Output = Result<()>>) -> Result<()> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut nothing = Vec::new();
        // An error ends the server as the end does.
        let _ = std::io::stdin().read_to_end(&mut nothing);
        let _ = tell.send(());
    });
    tokio::select! {
        outcome = server => outcome,
        _ = told => Ok(()),
    }
}

/// Tells the parent where the server listens.
fn announce(address: SocketAddr) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{address}")?;
    output.flush().context("nobody reads the address")
}

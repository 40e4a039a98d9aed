//! The `countersign` command: an authenticated MCP server with its authorization
//! server, what manages it, key pairs, test tokens, and calls.
//!
//! Answers go to standard output, everything else to standard error. Each failure
//! is one sentence and an exit code of [`exit`].

mod api_keys;
mod argument;
mod audit;
mod call;
mod cimd;
mod clients;
mod completions;
mod configuration;
mod credentials;
mod data;
mod demo;
mod exit;
mod file;
mod grants;
mod install;
mod keygen;
mod list;
mod log;
mod login;
mod logout;
mod management_log;
mod output;
mod password;
mod person;
mod policy;
mod providers;
mod serve;
mod settings;
mod shell;
mod signing_keys;
mod span;
mod table;
mod token;
mod token_option;
mod token_store;
mod tokens;
mod users;
mod when;
mod whoami;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// The issuer of tokens for the development server.
const ISSUER: &str = "http://localhost:8000";
/// The address of the development server.
const RESOURCE: &str = "http://localhost:8000/mcp";
/// What a server logs. That its login is not protected on plain http is not worth a
/// warning each time that it is tried out; elsewhere it is not served on plain http.
const SERVE_LOG: &str = "warn,countersign=info,countersign_authorization_server::people=error";
/// What is logged while a server is asked: only that kept tokens cannot be used.
const CALL_LOG: &str = "off,countersign_oauth_client::store=warn";
/// The audience of tokens for the development server.
const AUDIENCE: &str = "my-mcp-server";
/// What the development server tells clients to ask for. Nothing there needs it, but
/// many authorization servers issue no token for no scope.
const SCOPE: &str = "mcp";

/// Serve the Model Context Protocol with authentication, and try it out
#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = exit::HELP
)]
struct Command {
    #[command(subcommand)]
    subcommand: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Serve(Box<serve::Serve>),
    Keygen(keygen::Keygen),
    Token(token::Token),
    Call(call::Call),
    List(list::List),
    Login(login::Login),
    Logout(logout::Logout),
    Whoami(whoami::Whoami),
    Tokens(tokens::Tokens),
    Install(install::Install),
    Users(users::Users),
    Clients(clients::Clients),
    Grants(grants::Grants),
    ApiKeys(api_keys::ApiKeys),
    Keys(signing_keys::Keys),
    Audit(audit::Audit),
    Providers(providers::Providers),
    Policy(policy::Policy),
    #[command(name = "config")]
    Configuration(configuration::Settings),
    Cimd(cimd::Cimd),
    Completions(completions::Completions),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn run() -> anyhow::Result<()> {
    match Command::try_parse()?.subcommand {
        Action::Serve(serve) => {
            log::start(&serve.log, SERVE_LOG)?;
            log::runtime()?.block_on((*serve).run())
        }
        Action::Keygen(keygen) => keygen.run(),
        Action::Token(token) => token.run(),
        Action::Call(call) => {
            log::start_plain(&call.log, CALL_LOG)?;
            log::until_interrupted(
                "if the tool was asked already, it may have done its work",
                call.run(),
            )
        }
        Action::List(list) => {
            log::start_plain(&list.log, CALL_LOG)?;
            log::until_interrupted("nothing was changed", list.run())
        }
        Action::Login(login) => {
            log::start_plain(&login.log, CALL_LOG)?;
            log::until_interrupted("nobody was logged in", login.run())
        }
        Action::Logout(logout) => {
            log::start_plain(&logout.log, CALL_LOG)?;
            log::until_interrupted(
                "run it again, somebody may still be logged in",
                logout.run(),
            )
        }
        Action::Whoami(whoami) => {
            log::start_plain(&whoami.log, CALL_LOG)?;
            log::until_interrupted("nothing was changed", whoami.run())
        }
        Action::Tokens(tokens) => {
            log::start_plain(&tokens.log, CALL_LOG)?;
            log::until_interrupted("nothing was changed", tokens.run())
        }
        Action::Install(install) => install.run(),
        Action::Users(users) => {
            log::start(&users.options.log, "error")?;
            let noted = users.options.directory.log.clone();
            log::runtime()?.block_on(noted.around(users.run()))
        }
        Action::Clients(clients) => {
            log::start(&clients.options.log, "error")?;
            let noted = clients.options.directory.log.clone();
            log::runtime()?.block_on(noted.around(clients.run()))
        }
        Action::Grants(grants) => {
            log::start(&grants.options.log, "error")?;
            let noted = grants.options.directory.log.clone();
            log::runtime()?.block_on(noted.around(grants.run()))
        }
        Action::ApiKeys(keys) => {
            log::start(&keys.options.log, "error")?;
            let noted = keys.options.directory.log.clone();
            log::runtime()?.block_on(noted.around(keys.run()))
        }
        Action::Keys(keys) => {
            log::start(&keys.options.log, "error")?;
            let noted = keys.options.directory.log.clone();
            log::runtime()?.block_on(noted.around(keys.run()))
        }
        Action::Audit(audit) => {
            log::start(&audit.log, "error")?;
            log::runtime()?.block_on(audit.run())
        }
        Action::Providers(providers) => providers.run(),
        Action::Policy(policy) => policy.run(),
        Action::Configuration(settings) => settings.run(),
        Action::Cimd(cimd) => {
            log::start_plain(&cimd.log, "off")?;
            log::until_interrupted("nothing was changed", cimd.run())
        }
        Action::Completions(completions) => completions.run(Command::command()),
    }
}

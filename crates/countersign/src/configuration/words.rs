//! What a configuration means and exposes, in words.

use std::net::IpAddr;

use super::Configuration;
use super::authentication::{DEFAULT_DATABASE, Mode};
use super::setting::{
    ALGORITHMS, AUDIENCE, AUDIT, BIND, CERTIFICATE, DATABASE, DEFAULT_SCOPES, ENABLED, ISSUER,
    ISSUER_URL, JWKS_URL, LIMIT_OF_ADDRESS, LIMIT_OF_USER, LOGIN_PROVIDER, LOGIN_PROVIDER_FILE,
    PUBLIC_KEY, PUBLIC_URL, REGISTRATION, REVOCATION, SECRET_EXPIRY, SECRET_KEY, VALID_SCOPES,
};
use countersign_audit::OnFull;
use countersign_resource_server::ConfigurationError;
use countersign_resource_server::policy::rules::RuleSet;

impl Configuration {
    /// Says in sentences who gets in and what others can reach, and checks everything
    /// that can be checked without a network. Files and commands that secrets are in
    /// are read.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`], as a start would answer it.
    pub fn check(&self) -> Result<Vec<String>, ConfigurationError> {
        self.tls()?;
        let mut said = vec![self.reach()];
        match self.mode()? {
            Mode::Unsaid => said.push(
                "Nothing here says whose tokens are accepted: that is left to the program. \
                 `countersign serve` issues them itself then."
                    .into(),
            ),
            Mode::Off => said.push(format!(
                "Callers need no token ({} is false): whoever reaches the server may call \
                 everything. It starts on addresses of this machine only.",
                self.origin(ENABLED)
            )),
            Mode::Others(keys) => {
                self.verifier(keys, |_, _, _| ())?;
                self.say_others(keys, &mut said);
            }
            Mode::Ours => {
                self.check_ours()?;
                self.say_ours(&mut said);
            }
        }
        self.say_beside(&mut said)?;
        let required = self.required_scopes()?;
        let names: Vec<_> = required
            .iter()
            .map(|scope| scope.as_str().to_owned())
            .collect();
        match &*names {
            [] => {}
            [one] => said.push(format!("Every token needs the scope {one}.")),
            all => said.push(format!("Every token needs the scopes {}.", and(all))),
        }
        if !names.is_empty() && self.mode()? == Mode::Ours && self.list(VALID_SCOPES).is_empty() {
            said.push("Clients may ask for what every token needs and what the tools need.".into());
        }
        self.say_control(&mut said)?;
        Ok(said)
    }

    fn say_control(&self, said: &mut Vec<String>) -> Result<(), ConfigurationError> {
        if let Some(file) = self.policy_file() {
            RuleSet::parse(&std::fs::read_to_string(file).map_err(|error| {
                ConfigurationError::new(format!("{} cannot be read: {error}", file.display()))
            })?)
            .map_err(|error| ConfigurationError::new(format!("{}: {error}", file.display())))?;
            said.push(format!(
                "The rules in {0} decide who may do what; `countersign policy check {0}` says \
                 what they mean.",
                file.display()
            ));
        }
        self.limits()?;
        if let Some(quota) = self.quota(LIMIT_OF_USER)? {
            said.push(format!("Each user may make {quota}."));
        }
        if let Some(quota) = self.quota(LIMIT_OF_ADDRESS)? {
            said.push(format!(
                "Each address may make {quota}, whoever calls from there."
            ));
        }
        let on_full = self.on_full()?;
        if let Some(address) = self.metrics_address()? {
            said.push(format!(
                "What is decided is counted for Prometheus at http://{address}/metrics, which \
                 every program on this machine can read."
            ));
        }
        let database = "the database of the authorization server";
        let place = match (self.text(AUDIT), self.audit_store()) {
            (Some(file), true) => format!("{file} and in {database}"),
            (Some(file), false) => file.to_owned(),
            (None, true) => database.to_owned(),
            (None, false) => {
                said.push("Decisions are in the log of the server alone.".into());
                return Ok(());
            }
        };
        let otherwise = match on_full {
            OnFull::Spool => "the server goes on and notes how much was lost",
            _ => "requests are refused",
        };
        said.push(format!(
            "Every decision is noted in {place}. When that cannot be, {otherwise}."
        ));
        Ok(())
    }

    #[cfg(feature = "authorization-server")]
    fn check_ours(&self) -> Result<(), ConfigurationError> {
        self.auth_settings().map(|_| ())
    }

    #[cfg(not(feature = "authorization-server"))]
    fn check_ours(&self) -> Result<(), ConfigurationError> {
        Ok(())
    }

    /// What makes sense where tokens are issued.
    fn say_beside(&self, said: &mut Vec<String>) -> Result<(), ConfigurationError> {
        self.say_dpop(said)?;
        #[cfg(feature = "authorization-server")]
        {
            self.say_login(said)?;
            self.say_machines(said)?;
        }
        if let Some(header) = self.api_keys_header()? {
            let make = match self.api_keys_for_people() {
                [] => "an administrator makes with `countersign api-keys`".to_owned(),
                scopes => format!(
                    "administrators make with `countersign api-keys`, and people for themselves \
                     on their account page, for {}",
                    scopes.join(", ")
                ),
            };
            said.push(format!(
                "Programs may send an API key in the header {header} instead of a token; those \
                 are keys that {make}."
            ));
        }
        Ok(())
    }

    fn reach(&self) -> String {
        let place = match (self.text(BIND), self.text(PUBLIC_URL)) {
            (None, None) => "Nothing here says where it listens: that is left to the program. \
                             `countersign serve` takes 127.0.0.1:8000, for this machine alone."
                .to_owned(),
            (Some(bind), None) => format!("It listens at {bind}."),
            (None, Some(url)) => format!("Clients reach it at {url}."),
            (Some(bind), Some(url)) => format!("It listens at {bind}; clients reach it at {url}."),
        };
        match self.text(CERTIFICATE) {
            Some(file) => format!("{place} It serves TLS with the certificate in {file}."),
            None if self.text(BIND).is_some_and(is_for_others) => format!(
                "{place} Whoever is on that network reaches it, and what is sent can be read on \
                 the way unless a proxy in front adds TLS."
            ),
            None => place,
        }
    }

    fn say_others(&self, keys: &str, said: &mut Vec<String>) {
        let how = match keys {
            JWKS_URL => format!(
                "the keys that are published at {}",
                self.text(JWKS_URL).unwrap_or_default()
            ),
            PUBLIC_KEY => format!("the key in {}", self.text(PUBLIC_KEY).unwrap_or_default()),
            _ => "a shared secret".to_owned(),
        };
        said.push(format!(
            "Tokens are issued by somebody else and verified with {how}."
        ));
        if keys == SECRET_KEY {
            said.push(
                "Whoever knows that secret can issue tokens for everybody, this server included."
                    .into(),
            );
        }
        match self.list(ISSUER) {
            [] => said.push(format!(
                "The issuer is not compared: any token that these keys signed is accepted, \
                 whoever it says it is from. Set {} to narrow it.",
                self.to_set(ISSUER, keys)
            )),
            issuers => said.push(format!("They must name the issuer {}.", or(issuers))),
        }
        match self.list(AUDIENCE) {
            [] => said.push(format!(
                "The audience is not compared: a token that was issued for another service of \
                 the same issuer is accepted here too. Set {} to narrow it.",
                self.to_set(AUDIENCE, keys)
            )),
            audiences => said.push(format!("They must be for the audience {}.", or(audiences))),
        }
        if let algorithms @ [_, ..] = self.list(ALGORITHMS) {
            said.push(format!("They must be signed with {}.", or(algorithms)));
        }
    }

    fn say_ours(&self, said: &mut Vec<String>) {
        let elsewhere = self.given(LOGIN_PROVIDER).is_some();
        let elsewhere = elsewhere || self.given(LOGIN_PROVIDER_FILE).is_some();
        let people = match elsewhere {
            true => "",
            false => ", and people log in with accounts that they have here",
        };
        said.push(format!(
            "This server issues its tokens itself, as {}{people}. What it has to remember is in \
             {}.",
            self.text(ISSUER_URL).unwrap_or_default(),
            self.text(DATABASE).unwrap_or(DEFAULT_DATABASE)
        ));
        match self.switch(REGISTRATION) {
            Some(true) => {
                let mut line = "Anybody may register a client, within limits".to_owned();
                if let Some(seconds) = self.seconds(SECRET_EXPIRY) {
                    line.push_str(&format!("; its secret is valid for {}", span(seconds)));
                }
                said.push(format!("{line}."));
            }
            _ => said.push(
                "Clients cannot register themselves: they describe themselves by a document, or \
                 an administrator adds them."
                    .into(),
            ),
        }
        if let scopes @ [_, ..] = self.list(VALID_SCOPES) {
            said.push(format!("They may ask for {}.", and(scopes)));
        }
        if let scopes @ [_, ..] = self.list(DEFAULT_SCOPES) {
            said.push(format!("Who asks for nothing gets {}.", and(scopes)));
        }
        said.push(
            match self.switch(REVOCATION) {
                Some(true) => "Clients can revoke their tokens.",
                _ => "Clients cannot revoke their tokens; people and administrators can.",
            }
            .into(),
        );
    }
}

/// Whether others than this machine can reach what listens at `bind`.
fn is_for_others(bind: &str) -> bool {
    let host = bind.rsplit_once(':').map_or(bind, |(host, _)| host);
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !(is_here || host.eq_ignore_ascii_case("localhost"))
}

/// A number of seconds in the largest unit that measures it.
fn span(seconds: u64) -> String {
    let units = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let measures = |(size, _): &&(u64, &str)| seconds.is_multiple_of(*size) && seconds > 0;
    match units.iter().find(measures) {
        Some((size, name)) if seconds == *size => format!("1 {name}"),
        Some((size, name)) => format!("{} {name}s", seconds / size),
        None => format!("{seconds} seconds"),
    }
}

pub(super) fn and(texts: &[String]) -> String {
    or(texts).replacen(" or ", " and ", 1)
}

pub(super) fn or(texts: &[String]) -> String {
    match texts.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
    }
}

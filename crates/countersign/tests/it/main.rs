//! The crate as its users see it.

/// An example in this place as a module.
#[cfg(test)]
macro_rules! example {
    ($name:ident, $file:literal) => {
        #[path = $file]
        #[expect(dead_code, reason = "its main is for running it")]
        pub(crate) mod $name;
    };
}

#[cfg(test)]
mod api_keys;
#[cfg(test)]
mod attributes;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bearer;
#[cfg(test)]
mod calling;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod elicitation;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod foreign_rules;
#[cfg(test)]
mod from_environment;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod hierarchies;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod http_sse;
#[cfg(test)]
mod issuing_examples;
#[cfg(test)]
mod killed_clients;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod limit_evasion;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod live;
#[cfg(test)]
mod machine_examples;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod market;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod middleware;
#[cfg(test)]
mod mixing;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod people_and_machines;
#[cfg(test)]
mod personal_data;
#[cfg(test)]
mod places;
#[cfg(test)]
mod posted_login;
#[cfg(test)]
mod posted_people;
#[cfg(test)]
mod provider_examples;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod request_state;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod scopes_in_calls;
#[cfg(test)]
mod session_limits;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shipped_middleware;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod smuggling;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod suspicion;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod visitor;
#[cfg(test)]
mod walks;

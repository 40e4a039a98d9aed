//! The lane of the official SDK: sessions of legacy clients, streams of the
//! 2026-07-28 wire, stdio, and handlers written for the SDK.
//!
//! What it does not do: authenticate. Callers come verified, and the session
//! table only asks whose session it is (TR-23 to TR-27).

mod body;
pub(crate) mod denial;
mod event_log;
mod foreign_access;
mod foreign_handler;
mod foreign_lists;
mod foreign_request;
mod from_rmcp;
mod granted;
mod handlers;
mod http_sse;
mod incoming;
mod lane;
mod limits;
mod notifier;
mod outbound;
mod registry_handler;
mod reply;
mod session;
mod subscriptions;
mod table;
mod task_owners;
mod transport;

pub(crate) use foreign_access::ForeignAccess;
pub(crate) use foreign_request::completed;
pub(crate) use from_rmcp::{Foreign, Served};
pub(crate) use granted::Granted;
pub(crate) use http_sse::OverSse;
pub(crate) use lane::{SessionLane, SessionMode, remaining};
pub use limits::SessionLimits;
pub use notifier::Notifier;
pub(crate) use registry_handler::{RegistryHandler, is_known};

#[cfg(test)]
mod tests;

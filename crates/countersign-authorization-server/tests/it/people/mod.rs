//! Login, consent and account pages as a browser meets them: rows X, H and BP.

mod account;
mod accounts;
mod api_keys;
mod audit;
mod binding;
pub(crate) mod browser;
mod chromium;
mod consent;
mod documents;
mod hand_over;
mod links;
mod listing;
mod logged;
mod login;
mod pages;
mod refusals;
mod setup;
mod sockets;
mod stored;
mod texts;
mod upstream;
mod withdrawn;

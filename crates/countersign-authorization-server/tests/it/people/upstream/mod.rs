//! Logging in at an upstream provider: rows X9 to X30 of the proxy, BP-01 to BP-11.

mod accounts;
mod advisories;
mod again;
mod audit;
mod binding;
mod callback;
mod choice;
mod configuration;
mod consent;
mod failures;
mod fixture;
mod login;
mod restart;
mod windows;

//! Login, consent and account pages as a browser meets them: rows X, H and BP.

mod account;
mod accounts;
mod binding;
mod browser;
mod chromium;
mod consent;
mod documents;
mod links;
mod login;
mod pages;
mod setup;
mod webdriver;
mod withdrawn;

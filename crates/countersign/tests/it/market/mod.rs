//! Clients of the market, played as they behave: from the first refusal over discovery,
//! registration and login to a call of a tool, and on to a refresh.
//!
//! Where a client looks, in which order, what it sends and what it gives up about is
//! written down in its own file; what all of them do is in `player.rs`.

mod chatgpt;
mod claude;
mod claude_web;
mod cursor;
mod others;
mod player;
mod vscode;
mod world;

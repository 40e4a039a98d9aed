//! The command as its users have it: the built binary, over loopback.

mod command;
mod first_call;
mod key_files;
mod refusals;
mod sentences;
mod stdio_and_tls;
mod strange_servers;

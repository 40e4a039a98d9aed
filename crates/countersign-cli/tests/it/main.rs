//! The command as its users have it: the built binary, over loopback.

#[cfg(test)]
mod api_keys;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cimd;
#[cfg(test)]
mod cimd_published;
#[cfg(test)]
mod client_login;
#[cfg(test)]
mod command;
#[cfg(test)]
mod connected;
#[cfg(test)]
mod data_directory;
#[cfg(test)]
mod device;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod first_call;
#[cfg(test)]
mod install;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod key_files;
#[cfg(test)]
mod login;
#[cfg(test)]
mod management;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod odd_places;
#[cfg(test)]
mod person;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sentences;
#[cfg(test)]
mod serve_options;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod stdio_and_tls;
#[cfg(test)]
mod strange_servers;

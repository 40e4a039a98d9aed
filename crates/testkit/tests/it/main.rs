//! testkit against itself and against what it says it makes.

#[cfg(test)]
mod fake_server;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod provider;

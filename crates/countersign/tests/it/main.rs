//! The crate as its users see it.

#[cfg(test)]
mod attributes;
#[cfg(test)]
mod bearer;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod transport;

//! Tests of the store.
#[cfg(test)]
mod contract;
#[cfg(test)]
mod sealing;

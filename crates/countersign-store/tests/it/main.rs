//! Tests of the store.
#[cfg(test)]
mod sealing;

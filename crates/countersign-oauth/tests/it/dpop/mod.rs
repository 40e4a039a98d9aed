//! Proofs of possession: RFC 9449.

mod checks;
mod made;

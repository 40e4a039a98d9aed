//! Who may do what, as data and as code: scopes that include others, roles, and rules that
//! allow or deny.
//!
//! A [`RuleSet`] is read from a file with [`RuleSet::parse`], whose fields are in
//! `docs/policy.md`, or built in code with [`RuleSet::builder`]. [`Rules`] are such a set
//! that can be replaced while it is in force.
//!
//! - A deny wins over every allow.
//! - As soon as one rule allows something about a kind of component, what no rule allows is
//!   denied; and what happens to the other kinds is always said ([`Unmentioned`]).
//! - What allows is compared byte for byte, in one reading. What denies counts for every
//!   spelling that a lax handler may take for the same name.
//! - A subject, a client and a claim are always those of one [`Authority`].
//! - A denial names every scope that the operation needs if scopes are all that is missing,
//!   and tells nothing else.
//!
//! [`RuleSet::explain`] says in words how a decision was made, by the evaluation that makes
//! it.

mod authority;
mod claim;
mod condition;
mod explain;
mod file;
mod index;
mod judge;
mod name;
mod pattern;
mod reload;
mod roles;
mod set;
mod summary;
mod what;
mod who;
mod words;

pub use authority::Authority;
pub use claim::ClaimPath;
pub use explain::Explanation;
pub use reload::{Rules, RulesWatch};
pub use roles::Role;
pub use set::{Effect, Rule, RuleSet, RuleSetBuilder, Unmentioned};
pub use summary::Summary;
pub use what::What;
pub use who::Who;

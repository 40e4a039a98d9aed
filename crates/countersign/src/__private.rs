//! What the code that the attributes generate needs by a fixed path. Not public API.

use countersign_resource_server::oauth::ScopeSet;
pub use {schemars, serde};

use crate::component::Access;
pub use crate::component::text::{Texts, from_text, variable};

/// Callers with all of `scopes`, whose grammar the attribute has checked.
///
/// # Panics
///
/// For a scope outside the grammar; to serve the component without it would be worse.
#[expect(
    clippy::panic,
    reason = "an attribute with such a scope does not compile"
)]
pub fn access(scopes: &[&str]) -> Access {
    match ScopeSet::from_names(scopes) {
        Ok(scopes) => Access::scopes(scopes),
        Err(error) => panic!("{error}"),
    }
}

//! What [`Server::auth`] takes.

use countersign_resource_server::IntoVerifier;

use crate::Server;

/// A way to let callers in: every [`Verifier`](crate::Verifier) and its builders, and
/// with the feature `authorization-server` an `EmbeddedAuth`, which issues the tokens
/// as well.
///
/// Implement it for what is more than a verifier, such as one that brings a policy or
/// a route along: do to the server what its user would otherwise have to write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot let callers in",
    note = "give `.auth(…)` a verifier such as `JwtVerifier`, or an `EmbeddedAuth`"
)]
pub trait Authentication {
    /// Adds it to `server`.
    fn add_to(self, server: Server) -> Server;
}

impl<V: IntoVerifier> Authentication for V {
    fn add_to(self, mut server: Server) -> Server {
        match self.into_verifier() {
            Ok(verifier) => server.admission.verifier(verifier),
            Err(error) => server.note(Err(error)),
        }
        server
    }
}

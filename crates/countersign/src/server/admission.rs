//! What lets callers in, in the order in which it was said.

use std::fmt;

use countersign_resource_server::oauth::ResourceUri;
use countersign_resource_server::{ConfigurationError, Gate, GateBuilder, Verifier};

/// Adds a verifier to the gate of a resource.
type Step =
    Box<dyn FnOnce(GateBuilder, &ResourceUri) -> Result<GateBuilder, ConfigurationError> + Send>;

/// Verifiers. Some of them have to know where the server is, so that all wait for it:
/// the order in which they are asked is the one in which they were added.
#[derive(Default)]
pub(crate) struct Admission(Vec<Step>);

impl Admission {
    /// Asks `verifier` after those that were added before.
    pub(crate) fn verifier(&mut self, verifier: impl Verifier) {
        self.0.push(Box::new(|gate, _| gate.verifier(verifier)));
    }

    /// Asks what `make` makes for the address of the server, after those that were added
    /// before.
    pub(crate) fn verifier_of<V: Verifier>(
        &mut self,
        make: impl FnOnce(&ResourceUri) -> Result<V, ConfigurationError> + Send + 'static,
    ) {
        self.0.push(Box::new(|gate, resource| {
            let verifier = make(resource)?;
            gate.verifier(verifier)
        }));
    }

    /// Whether there is nobody to ask.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same, after everything about them was checked that does not need a network.
    pub(crate) fn settled(self, resource: &ResourceUri) -> Result<Self, ConfigurationError> {
        if self.is_empty() {
            return Ok(self);
        }
        let gate = self.gate(resource)?;
        Ok(Self(vec![Box::new(|_, _| Ok(gate))]))
    }

    /// All of them, for a server at `resource`.
    pub(crate) fn gate(self, resource: &ResourceUri) -> Result<GateBuilder, ConfigurationError> {
        let mut steps = self.0.into_iter();
        steps.try_fold(Gate::builder(), |gate, step| step(gate, resource))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("verifiers", &self.0.len())
            .finish()
    }
}

//! What lets callers in, in the order in which it was said.

use std::fmt;

use countersign_resource_server::oauth::ResourceUri;
use countersign_resource_server::{ConfigurationError, Gate, GateBuilder, SourceName, Verifier};

/// Adds a verifier to the gate of a resource, under a name if it is given one.
type Step = Box<
    dyn FnOnce(
            GateBuilder,
            Option<SourceName>,
            &ResourceUri,
        ) -> Result<GateBuilder, ConfigurationError>
        + Send,
>;

/// Verifiers. Some of them have to know where the server is, so that all wait for it:
/// the order in which they are asked is the one in which they were added.
#[derive(Default)]
pub(crate) struct Admission(Vec<(Option<SourceName>, Step)>);

impl Admission {
    /// Asks `verifier` after those that were added before.
    pub(crate) fn verifier(&mut self, verifier: impl Verifier) {
        self.push(Box::new(|gate, name, _| added(gate, name, verifier)));
    }

    /// Asks what `make` makes for the address of the server, after those that were added
    /// before.
    pub(crate) fn verifier_of<V: Verifier>(
        &mut self,
        make: impl FnOnce(&ResourceUri) -> Result<V, ConfigurationError> + Send + 'static,
    ) {
        self.push(Box::new(|gate, name, resource| {
            let verifier = make(resource)?;
            added(gate, name, verifier)
        }));
    }

    /// Keeps the place of a source whose verifier is added at the end.
    #[cfg(feature = "authorization-server")]
    pub(crate) fn declare(&mut self) {
        self.push(Box::new(|gate, name, _| {
            Ok(gate.declare(name.unwrap_or(SourceName::OAUTH)))
        }));
    }

    fn push(&mut self, step: Step) {
        self.0.push((None, step));
    }

    /// How many steps there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Names the source of everything that was added after the first `known` steps,
    /// unless it was named before.
    pub(crate) fn name_since(&mut self, known: usize, source: &SourceName) {
        for (name, _) in self.0.iter_mut().skip(known) {
            name.get_or_insert_with(|| source.clone());
        }
    }

    /// Whether there is nobody to ask.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same, after everything about them was checked that does not need a network, and
    /// whether any of them takes access tokens.
    pub(crate) fn settled(
        self,
        resource: &ResourceUri,
    ) -> Result<(Self, bool), ConfigurationError> {
        if self.is_empty() {
            return Ok((self, false));
        }
        let gate = self.gate(resource)?;
        let takes_tokens = gate.takes_access_tokens();
        Ok((
            Self(vec![(None, Box::new(|_, _, _| Ok(gate)))]),
            takes_tokens,
        ))
    }

    /// All of them, for a server at `resource`.
    pub(crate) fn gate(self, resource: &ResourceUri) -> Result<GateBuilder, ConfigurationError> {
        let mut steps = self.0.into_iter();
        steps.try_fold(Gate::builder(), |gate, (name, step)| {
            step(gate, name, resource)
        })
    }
}

fn added(
    gate: GateBuilder,
    name: Option<SourceName>,
    verifier: impl Verifier,
) -> Result<GateBuilder, ConfigurationError> {
    match name {
        Some(name) => gate.source(name, verifier),
        None => gate.verifier(verifier),
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("verifiers", &self.0.len())
            .finish()
    }
}

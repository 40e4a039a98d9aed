//! Parameters that the server supplies, and what has to be there for it at start.

use std::any::{TypeId, type_name};

use countersign_resource_server::{AccessToken, Caller};

use crate::{Context, State, ToolError};

/// A type of parameter that the server supplies.
///
/// The attributes `#[tool]`, `#[resource]` and `#[prompt]` know these types by
/// name: [`Context`], [`Caller`], [`AccessToken`], `Option<AccessToken>` and
/// [`State<T>`]. Every other parameter is an argument of the call.
#[diagnostic::on_unimplemented(
    message = "the server does not supply values of `{Self}`",
    note = "it supplies countersign's `Context`, `Caller`, `AccessToken`, `Option<AccessToken>` and `State<T>`; an argument needs a type of another name"
)]
pub trait Injected: sealed::Sealed + Send + Sized + 'static {
    /// Fetches the value for the call of `context`.
    ///
    /// # Errors
    ///
    /// [`ToolError`] if the call has no such value: an [`AccessToken`] for an
    /// anonymous caller.
    fn inject(context: &Context) -> Result<Self, ToolError>;

    /// Notes what the server has to have before it starts.
    fn require(_requirements: &mut Requirements) {}
}

/// What a component needs before the server starts.
#[derive(Clone, Debug, Default)]
pub struct Requirements(Vec<(TypeId, &'static str)>);

impl Requirements {
    /// Nothing.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Notes that the server needs a value of type `T` ([`crate::Server::state`]).
    pub fn state<T: Send + Sync + 'static>(&mut self) {
        self.0.push((TypeId::of::<T>(), type_name::<T>()));
    }

    /// The types of state, with their names.
    pub(crate) fn states(&self) -> impl Iterator<Item = (TypeId, &'static str)> + '_ {
        self.0.iter().copied()
    }
}

impl Injected for Context {
    fn inject(context: &Context) -> Result<Self, ToolError> {
        Ok(context.clone())
    }
}

impl Injected for Caller {
    fn inject(context: &Context) -> Result<Self, ToolError> {
        Ok(context.caller().clone())
    }
}

impl Injected for AccessToken {
    fn inject(context: &Context) -> Result<Self, ToolError> {
        context
            .access_token()
            .cloned()
            .ok_or_else(|| ToolError::new("Authentication required"))
    }
}

impl Injected for Option<AccessToken> {
    fn inject(context: &Context) -> Result<Self, ToolError> {
        Ok(context.access_token().cloned())
    }
}

impl<T: Send + Sync + 'static> Injected for State<T> {
    fn inject(context: &Context) -> Result<Self, ToolError> {
        let missing = || ToolError::internal(format!("no state of type {}", type_name::<T>()));
        context.state().map(Self).ok_or_else(missing)
    }

    fn require(requirements: &mut Requirements) {
        requirements.state::<T>();
    }
}

mod sealed {
    use super::{AccessToken, Caller, Context, State};

    pub trait Sealed {}

    impl Sealed for Context {}
    impl Sealed for Caller {}
    impl Sealed for AccessToken {}
    impl Sealed for Option<AccessToken> {}
    impl<T> Sealed for State<T> {}
}

//! The call that is running, for code that was handed no context.

use std::future::Future;

use countersign_resource_server::AccessToken;

use super::Context;

tokio::task_local! {
    static CURRENT: Context;
}

/// Runs `call` as the call of `context`.
pub(crate) fn within<F: Future>(context: Context, call: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(context, call)
}

/// The context of the call that this code runs in; `None` outside of a call and in
/// tasks that the call spawned.
pub fn current_context() -> Option<Context> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The verified token of the caller, anywhere inside a call.
///
/// `None` for anonymous callers, outside of a call, and in tasks that the call spawned.
pub fn get_access_token() -> Option<AccessToken> {
    CURRENT
        .try_with(|context| context.access_token().cloned())
        .ok()
        .flatten()
}

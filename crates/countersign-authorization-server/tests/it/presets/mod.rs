//! Contract tests: each built-in preset logs people in at a fake that behaves like the
//! real provider.

mod github;
mod oidc;
mod trial;

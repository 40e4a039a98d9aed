//! Contract tests: each built-in preset logs people in at a fake that behaves like the
//! real provider.

mod clerk;
mod descope;
mod github;
mod gitlab;
mod huggingface;
mod oci;
mod oidc;
mod own_file;
mod propelauth;
mod scalekit;
mod supabase;
mod trial;
mod workos;

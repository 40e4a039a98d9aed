//! Contract tests: each built-in preset logs people in at a fake that behaves like the
//! real provider.

mod auth0;
mod clerk;
mod cognito;
mod descope;
mod discord;
mod entra;
mod github;
mod gitlab;
mod google;
mod huggingface;
mod keycloak;
mod microsoft;
mod oci;
mod oidc;
mod okta;
mod own_file;
mod propelauth;
mod renewal;
mod scalekit;
mod slack;
mod supabase;
mod trial;
mod workos;

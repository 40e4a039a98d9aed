mod application;
mod github;
mod oidc;

//! The attributes `#[tool]`, `#[resource]` and `#[prompt]`, re-exported by
//! `countersign`, where they are documented.
//!
//! ```text
//! /// Greets the caller by name.
//! #[tool(scopes("read"))]
//! async fn greet(name: String, token: AccessToken) -> String { … }
//! ```
//!
//! Each one turns a free function into a component of the same name. The crate
//! only rewrites tokens: what a component does is in `countersign::component`.

mod attribute;
mod documentation;
mod function;
mod parameter;
mod prompt;
#[cfg(test)]
mod refusal_tests;
mod resource;
mod tool;

use proc_macro::TokenStream;

/// Makes a function a tool. Documented in `countersign`.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    finished(tool::expand(attribute.into(), item.into()))
}

/// Makes a function a resource. Documented in `countersign`.
#[proc_macro_attribute]
pub fn resource(attribute: TokenStream, item: TokenStream) -> TokenStream {
    finished(resource::expand(attribute.into(), item.into()))
}

/// Makes a function a prompt. Documented in `countersign`.
#[proc_macro_attribute]
pub fn prompt(attribute: TokenStream, item: TokenStream) -> TokenStream {
    finished(prompt::expand(attribute.into(), item.into()))
}

fn finished(expansion: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expansion
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

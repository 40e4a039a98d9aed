//! The function under an attribute, and what becomes of it.
//!
//! `async fn greet(…)` turns into a type `greet`, which carries the function as
//! `greet::call` and implements the handler trait, and into a function `greet()`,
//! which makes a value of it. The value is a function, and no constant, so that
//! other code may still have a variable named `greet`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{
    Attribute as RustAttribute, Block, Error, Ident, ItemFn, Result, ReturnType, Safety, Signature,
    Type, Visibility, parse_quote,
};

use crate::attribute::{Attribute, Kind};
use crate::documentation;
use crate::parameter::{Parameter, Source};

/// A function that can be a component.
pub(crate) struct Function {
    kind: Kind,
    visibility: Visibility,
    pub(crate) ident: Ident,
    signature: Signature,
    block: Box<Block>,
    documentation: Vec<RustAttribute>,
    conditions: Vec<RustAttribute>,
    others: Vec<RustAttribute>,
    pub(crate) parameters: Vec<Parameter>,
}

impl Function {
    /// Parses `item`.
    pub(crate) fn parse(kind: Kind, item: TokenStream) -> Result<Self> {
        let noun = kind.noun();
        let item: ItemFn = syn::parse2(item).map_err(|error| {
            Error::new(
                error.span(),
                format!("#[{noun}] stands on a function: {error}"),
            )
        })?;
        let ItemFn {
            attrs,
            vis,
            mut sig,
            block,
            ..
        } = item;
        check_signature(kind, &sig)?;
        let parameters = sig
            .inputs
            .iter_mut()
            .map(|input| Parameter::take(kind, input))
            .collect::<Result<Vec<_>>>()?;
        let (documentation, attrs) = split(attrs, &["doc"]);
        let (conditions, others) = split(attrs, &["cfg"]);
        Ok(Self {
            kind,
            visibility: vis,
            ident: sig.ident.clone(),
            signature: sig,
            block,
            documentation,
            conditions,
            others,
            parameters,
        })
    }

    /// The name of the component.
    pub(crate) fn name(&self, attribute: &Attribute) -> String {
        match &attribute.name {
            Some(name) => name.value(),
            None => self.ident.unraw().to_string(),
        }
    }

    /// The description: the argument of the attribute, or the documentation.
    pub(crate) fn description(&self, attribute: &Attribute) -> Option<String> {
        match &attribute.description {
            Some(description) => Some(description.value()),
            None => documentation::text(&self.documentation),
        }
    }

    /// The type of the result.
    pub(crate) fn output(&self) -> Type {
        match &self.signature.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        }
    }

    /// The expression that runs the function and waits for it.
    pub(crate) fn invocation(&self, arguments: &[TokenStream]) -> TokenStream {
        let wait = self.signature.asyncness.map(|_| quote!(.await));
        quote!(Self::call(#(#arguments),*)#wait)
    }

    /// The parameters that are arguments of the call, with their positions.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (usize, &Parameter)> {
        self.parameters
            .iter()
            .enumerate()
            .filter(|(_, parameter)| parameter.source == Source::Argument)
    }

    /// The items that replace the function; `handler` holds the implementation of
    /// the trait and what only it needs.
    pub(crate) fn items(self, attribute: &Attribute, handler: &TokenStream) -> TokenStream {
        let description = self.description(attribute);
        let Self {
            kind,
            visibility,
            ident,
            mut signature,
            block,
            documentation,
            conditions,
            others,
            ..
        } = self;
        let noun = kind.noun();
        let documentation = match (documentation.is_empty(), description) {
            (true, Some(text)) => quote!(#[doc = #text]),
            _ => quote!(#(#documentation)*),
        };
        let about = format!("The type of the {noun} [`{ident}`](fn@{ident}).");
        let about_call = format!("The function behind the {noun} `{ident}`.");
        signature.ident = Ident::new("call", ident.span());
        quote! {
            #(#conditions)*
            #[doc = #about]
            #[allow(non_camel_case_types, reason = "the type and the function share their name")]
            #[derive(Clone, Copy, Debug)]
            #[non_exhaustive]
            #visibility struct #ident {}

            #(#conditions)*
            #documentation
            #[allow(non_snake_case, reason = "the name is the one that was written")]
            #visibility const fn #ident() -> #ident {
                #ident {}
            }

            #(#conditions)*
            impl #ident {
                #[doc = #about_call]
                #(#others)*
                #visibility #signature #block
            }

            #(#conditions)*
            const _: () = { #handler };
        }
    }
}

fn split(
    attributes: Vec<RustAttribute>,
    names: &[&str],
) -> (Vec<RustAttribute>, Vec<RustAttribute>) {
    attributes
        .into_iter()
        .partition(|attribute| names.iter().any(|name| attribute.path().is_ident(name)))
}

fn check_signature(kind: Kind, signature: &Signature) -> Result<()> {
    let noun = kind.noun();
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return Err(Error::new_spanned(
            &signature.generics,
            format!("a {noun} cannot be generic: its types are known when the server starts"),
        ));
    }
    if signature.constness.is_some()
        || signature.abi.is_some()
        || signature.variadic.is_some()
        || !matches!(signature.safety, Safety::Default)
    {
        return Err(Error::new_spanned(
            signature.fn_token,
            format!("a {noun} is a plain `fn` or `async fn`"),
        ));
    }
    match &signature.output {
        ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)) => Err(Error::new_spanned(
            ty,
            format!("a {noun} names the type of its result"),
        )),
        ReturnType::Type(_, ty) if matches!(&**ty, Type::Reference(reference) if !is_static(reference)) => {
            Err(Error::new_spanned(
                ty,
                format!("a {noun} owns its result: write `String` or `&'static str`"),
            ))
        }
        _ => Ok(()),
    }
}

fn is_static(reference: &syn::TypeReference) -> bool {
    reference
        .lifetime
        .as_ref()
        .is_some_and(|lifetime| lifetime.ident == "static")
}

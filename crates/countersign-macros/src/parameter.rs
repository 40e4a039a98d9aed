//! The parameters of a component: arguments of the call, and what is injected.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, Pat, PathArguments, PathSegment, Result, Type,
};

use crate::attribute::Kind;

/// One parameter of the function.
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The attributes that describe the argument: documentation, serde, schemars.
    pub(crate) described: Vec<Attribute>,
    pub(crate) source: Source,
}

/// Where the value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The call.
    Argument,
    /// The server: the context, the token, shared state.
    Injected,
}

impl Parameter {
    /// Takes `input` apart. The attributes that describe it are removed from it.
    pub(crate) fn take(kind: Kind, input: &mut FnArg) -> Result<Self> {
        let noun = kind.noun();
        let typed = match input {
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(
                    receiver,
                    format!(
                        "a {noun} is a free function: share values with `State<T>` instead of `self`"
                    ),
                ));
            }
            FnArg::Typed(typed) => typed,
        };
        let ident = match &*typed.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                pattern.ident.clone()
            }
            other => {
                return Err(Error::new_spanned(
                    other,
                    format!("a parameter of a {noun} is a name, which is the name of the argument"),
                ));
            }
        };
        check_type(kind, &typed.ty)?;
        let ty = (*typed.ty).clone();
        let (described, kept) = typed.attrs.drain(..).partition(|attribute| {
            ["doc", "serde", "schemars"]
                .iter()
                .any(|name| attribute.path().is_ident(name))
        });
        typed.attrs = kept;
        if let Some(attribute) = typed
            .attrs
            .iter()
            .find(|attribute| attribute.path().is_ident("cfg"))
        {
            return Err(Error::new_spanned(
                attribute,
                format!("a parameter of a {noun} cannot be conditional: make two functions"),
            ));
        }
        let source = if is_injected(&ty) {
            Source::Injected
        } else {
            Source::Argument
        };
        let parameter = Self {
            ident,
            ty,
            described,
            source,
        };
        parameter.check_attributes(kind)?;
        Ok(parameter)
    }

    /// serde and schemars say how an argument of a tool is read and described;
    /// nothing else is read with them.
    fn check_attributes(&self, kind: Kind) -> Result<()> {
        let mut formats = self
            .described
            .iter()
            .filter(|attribute| !attribute.path().is_ident("doc"));
        match formats.next() {
            Some(attribute) if self.source == Source::Injected => Err(Error::new_spanned(
                attribute,
                "this parameter is injected and no argument, so it has no schema",
            )),
            Some(attribute) if kind != Kind::Tool => Err(Error::new_spanned(
                attribute,
                format!(
                    "the arguments of a {} are texts that are read with `FromStr`: this attribute has no effect",
                    kind.noun()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The name of the argument.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

fn check_type(kind: Kind, ty: &Type) -> Result<()> {
    let noun = kind.noun();
    match ty {
        Type::Reference(_) => Err(Error::new_spanned(
            ty,
            format!(
                "a {noun} owns its parameters: write `String` instead of `&str`, `T` instead of `&T`"
            ),
        )),
        Type::ImplTrait(_) => Err(Error::new_spanned(
            ty,
            format!("a {noun} cannot be generic: name the type of this parameter"),
        )),
        _ => Ok(()),
    }
}

/// Whether the server supplies values of this type. Only the name can be seen here.
fn is_injected(ty: &Type) -> bool {
    let Some(segment) = last_segment(ty) else {
        return false;
    };
    match segment.ident.to_string().as_str() {
        "Context" | "AccessToken" | "Caller" => segment.arguments.is_none(),
        "State" => matches!(segment.arguments, PathArguments::AngleBracketed(_)),
        "Option" => optional(ty)
            .and_then(last_segment)
            .is_some_and(|inner| inner.ident == "AccessToken"),
        _ => false,
    }
}

/// The `T` of an `Option<T>`.
pub(crate) fn optional(ty: &Type) -> Option<&Type> {
    let segment = last_segment(ty)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match (segment.ident == "Option", arguments.args.first()) {
        (true, Some(GenericArgument::Type(inner))) => Some(inner),
        _ => None,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The statements that fetch the injected values.
pub(crate) fn injections(parameters: &[Parameter]) -> TokenStream {
    let statements = parameters
        .iter()
        .enumerate()
        .filter(|(_, parameter)| parameter.source == Source::Injected)
        .map(|(position, parameter)| {
            let (variable, ty) = (variable(position), &parameter.ty);
            quote!(let #variable = <#ty as ::countersign::component::Injected>::inject(&__context)?;)
        });
    quote!(#(#statements)*)
}

/// The name of the variable that holds the parameter at `position`.
pub(crate) fn variable(position: usize) -> Ident {
    quote::format_ident!("__parameter_{position}")
}

/// The calls on a definition that name what has to be there at start.
pub(crate) fn requirements(parameters: &[Parameter]) -> impl ToTokens {
    let types = parameters
        .iter()
        .filter(|parameter| parameter.source == Source::Injected)
        .map(|parameter| &parameter.ty);
    quote!(#(.requires::<#types>())*)
}

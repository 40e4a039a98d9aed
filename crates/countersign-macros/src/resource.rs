//! `#[resource]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Error, LitStr, Result};

use crate::attribute::{Attribute, Kind};
use crate::function::Function;
use crate::parameter::{self, Source};

/// The function as a resource or a resource template.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let attribute = Attribute::parse(Kind::Resource, attribute)?;
    let function = Function::parse(Kind::Resource, item)?;
    let Some(uri) = attribute.uri.clone() else {
        return Err(Error::new_spanned(&function.ident, "a resource has a URI"));
    };
    let variables = variables(&uri)?;
    check_variables(&function, &uri, &variables)?;
    let injections = parameter::injections(&function.parameters);
    let parsed = function.arguments().map(|(position, argument)| {
        let (variable, name, ty) = (parameter::variable(position), argument.name(), &argument.ty);
        if variables.contains(&name) {
            quote!(let #variable: #ty = ::countersign::__private::variable(&__variables, #name)?;)
        } else {
            quote!(let #variable: #ty = ::countersign::__private::from_text(#name, __uri)?;)
        }
    });
    let parsed: Vec<TokenStream> = parsed.collect();
    let values: Vec<TokenStream> = (0..function.parameters.len())
        .map(|position| {
            let variable = parameter::variable(position);
            quote!(#variable)
        })
        .collect();
    let mime_type = match &attribute.mime_type {
        Some(mime_type) => quote!(::std::option::Option::Some(#mime_type)),
        None => quote!(::std::option::Option::None),
    };
    let definition = definition(&attribute, &function, &uri, variables.is_empty());
    let (ident, output) = (&function.ident, function.output());
    let invocation = function.invocation(&values);
    let running = quote_spanned! {ident.span()=>
        ::std::boxed::Box::pin(async move {
            <#output as ::countersign::component::IntoResourceResult>::into_resource_result(
                #invocation,
                &__address,
                #mime_type,
            )
        })
    };
    let handler = quote! {
        #[automatically_derived]
        impl ::countersign::component::ResourceHandler for #ident {
            fn definition(&self) -> ::countersign::component::ResourceDefinition {
                #definition
            }

            fn read(
                &self,
                __context: ::countersign::Context,
                __uri: &str,
                __variables: ::countersign::component::Variables,
            ) -> ::std::result::Result<
                ::countersign::component::Running<::countersign::protocol::ReadResourceResult>,
                ::countersign::ToolError,
            > {
                #(#parsed)*
                #injections
                let __address = ::std::string::String::from(__uri);
                ::std::result::Result::Ok(#running)
            }
        }
    };
    Ok(function.items(&attribute, &handler))
}

fn definition(
    attribute: &Attribute,
    function: &Function,
    uri: &LitStr,
    is_fixed: bool,
) -> TokenStream {
    let name = function.name(attribute);
    let address = if is_fixed {
        quote!(Uri)
    } else {
        quote!(Template)
    };
    let description = function
        .description(attribute)
        .map(|description| quote!(.description(#description)));
    let mime_type = attribute
        .mime_type
        .as_ref()
        .map(|mime_type| quote!(.mime_type(#mime_type)));
    let settings = attribute.settings();
    let requirements = parameter::requirements(&function.parameters);
    quote! {
        ::countersign::component::ResourceDefinition::new(
            ::countersign::component::ResourceAddress::#address(::std::string::String::from(#uri)),
            #name,
        )
        #description
        #mime_type
        #settings
        #requirements
    }
}

/// The names of the variables of a URI template: `{name}`, `{+name}`, `{name*}`.
fn variables(uri: &LitStr) -> Result<Vec<String>> {
    let text = uri.value();
    let refuse = |why: &str| Err(Error::new(uri.span(), why));
    let scheme = text.split(':').next().unwrap_or_default();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.len() == text.len() || scheme.is_empty() || !scheme.bytes().all(legal) {
        return refuse("a URI begins with a scheme: `config://app`");
    }
    let mut names: Vec<String> = Vec::new();
    let mut is_open = false;
    let mut pieces = text.split('{');
    if pieces.next().is_some_and(|first| first.contains('}')) {
        return refuse("this URI template has a `}` without `{`");
    }
    for piece in pieces {
        let Some((expression, literal)) = piece.split_once('}') else {
            return refuse("this URI template has a `{` without `}`");
        };
        if literal.contains('}') {
            return refuse("this URI template has a `}` without `{`");
        }
        if is_open {
            return refuse("this URI template has two variables without a literal between them");
        }
        is_open = literal.is_empty();
        let name = expression
            .strip_prefix('+')
            .or_else(|| expression.strip_suffix('*'))
            .unwrap_or(expression);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(legal) {
            return refuse("a variable of a URI template is `{name}`, `{+name}` or `{name*}`");
        }
        if names.iter().any(|other| other == name) {
            return refuse("this URI template names a variable twice");
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Every variable has a parameter, and every parameter a variable.
fn check_variables(function: &Function, uri: &LitStr, variables: &[String]) -> Result<()> {
    for (_, argument) in function.arguments() {
        let name = argument.name();
        if !variables.contains(&name) && name != "uri" {
            return Err(Error::new_spanned(
                &argument.ident,
                format!("the URI has no variable `{{{name}}}` for this parameter"),
            ));
        }
    }
    for variable in variables {
        let is_taken = function
            .parameters
            .iter()
            .any(|parameter| parameter.source == Source::Argument && parameter.name() == *variable);
        if !is_taken {
            return Err(Error::new(
                uri.span(),
                format!("the variable `{{{variable}}}` has no parameter of its name"),
            ));
        }
    }
    Ok(())
}

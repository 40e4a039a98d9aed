//! `#[tool]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Result;

use crate::attribute::{Attribute, Kind};
use crate::function::Function;
use crate::parameter::{self, Source};

/// The function as a tool.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let attribute = Attribute::parse(Kind::Tool, attribute)?;
    let function = Function::parse(Kind::Tool, item)?;
    let fields = function.arguments().map(|(_, argument)| {
        let (described, ident, ty) = (&argument.described, &argument.ident, &argument.ty);
        quote!(#(#described)* #ident: #ty)
    });
    let injections = parameter::injections(&function.parameters);
    let values: Vec<TokenStream> = function
        .parameters
        .iter()
        .enumerate()
        .map(|(position, parameter)| match parameter.source {
            Source::Argument => {
                let ident = &parameter.ident;
                quote!(__arguments.#ident)
            }
            Source::Injected => {
                let variable = parameter::variable(position);
                quote!(#variable)
            }
        })
        .collect();
    let definition = definition(&attribute, &function);
    let (ident, output) = (&function.ident, function.output());
    let invocation = function.invocation(&values);
    let running = quote_spanned! {ident.span()=>
        ::std::boxed::Box::pin(async move {
            <#output as ::countersign::component::IntoToolResult>::into_tool_result(#invocation)
        })
    };
    let unused = values
        .is_empty()
        .then(|| quote!(let __Arguments {} = __arguments;));
    let handler = quote! {
        #[derive(
            ::countersign::__private::serde::Deserialize,
            ::countersign::__private::schemars::JsonSchema,
        )]
        #[serde(crate = "::countersign::__private::serde")]
        #[schemars(crate = "::countersign::__private::schemars")]
        struct __Arguments { #(#fields),* }

        #[automatically_derived]
        impl ::countersign::component::ToolHandler for #ident {
            fn definition(&self) -> ::countersign::component::ToolDefinition {
                #definition
            }

            fn call(
                &self,
                __context: ::countersign::Context,
                __arguments: ::countersign::component::Arguments<'_>,
            ) -> ::std::result::Result<
                ::countersign::component::Running<::countersign::protocol::CallToolResult>,
                ::countersign::ToolError,
            > {
                let __arguments: __Arguments = __arguments.parse()?;
                #unused
                #injections
                ::std::result::Result::Ok(#running)
            }
        }
    };
    Ok(function.items(&attribute, &handler))
}

fn definition(attribute: &Attribute, function: &Function) -> TokenStream {
    let name = function.name(attribute);
    let description = function.description(attribute).unwrap_or_default();
    let settings = attribute.settings();
    let requirements = parameter::requirements(&function.parameters);
    let output = function.output();
    let annotations = annotations(attribute);
    quote! {
        ::countersign::component::ToolDefinition::new(
            #name,
            #description,
            ::countersign::component::input_schema::<__Arguments>(),
        )
        .output_schema(<#output as ::countersign::component::IntoToolResult>::output_schema())
        #settings
        #requirements
        #annotations
    }
}

fn annotations(attribute: &Attribute) -> Option<TokenStream> {
    let hints = [
        (attribute.read_only, quote!(read_only)),
        (attribute.destructive, quote!(destructive)),
        (attribute.idempotent, quote!(idempotent)),
        (attribute.open_world, quote!(open_world)),
    ];
    let hints: Vec<TokenStream> = hints
        .into_iter()
        .filter_map(|(hint, word)| hint.map(|hint| quote!(.#word(#hint))))
        .collect();
    (!hints.is_empty())
        .then(|| quote!(.annotations(::countersign::protocol::ToolAnnotations::new()#(#hints)*)))
}

//! `#[prompt]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Result;

use crate::attribute::{Attribute, Kind};
use crate::documentation;
use crate::function::Function;
use crate::parameter;

/// The function as a prompt.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let attribute = Attribute::parse(Kind::Prompt, attribute)?;
    let function = Function::parse(Kind::Prompt, item)?;
    let injections = parameter::injections(&function.parameters);
    let parsed: Vec<TokenStream> = function
        .arguments()
        .map(|(position, argument)| {
            let (variable, name, ty) =
                (parameter::variable(position), argument.name(), &argument.ty);
            match parameter::optional(ty) {
                Some(inner) => {
                    quote!(let #variable: #ty = __arguments.optional::<#inner>(#name)?;)
                }
                None => quote!(let #variable: #ty = __arguments.required::<#ty>(#name)?;),
            }
        })
        .collect();
    let values: Vec<TokenStream> = (0..function.parameters.len())
        .map(|position| {
            let variable = parameter::variable(position);
            quote!(#variable)
        })
        .collect();
    let description = match function.description(&attribute) {
        Some(description) => quote!(::std::option::Option::Some(#description)),
        None => quote!(::std::option::Option::None),
    };
    let definition = definition(&attribute, &function);
    let (ident, output) = (&function.ident, function.output());
    let invocation = function.invocation(&values);
    let running = quote_spanned! {ident.span()=>
        ::std::boxed::Box::pin(async move {
            <#output as ::countersign::component::IntoPromptResult>::into_prompt_result(
                #invocation,
                #description,
            )
        })
    };
    let handler = quote! {
        #[automatically_derived]
        impl ::countersign::component::PromptHandler for #ident {
            fn definition(&self) -> ::countersign::component::PromptDefinition {
                #definition
            }

            fn render(
                &self,
                __context: ::countersign::Context,
                __arguments: ::countersign::component::Arguments<'_>,
            ) -> ::std::result::Result<
                ::countersign::component::Running<::countersign::protocol::GetPromptResult>,
                ::countersign::ToolError,
            > {
                let __arguments: ::countersign::__private::Texts = __arguments.parse()?;
                #(#parsed)*
                #injections
                ::std::result::Result::Ok(#running)
            }
        }
    };
    Ok(function.items(&attribute, &handler))
}

fn definition(attribute: &Attribute, function: &Function) -> TokenStream {
    let name = function.name(attribute);
    let description = function
        .description(attribute)
        .map(|description| quote!(.description(#description)));
    let arguments = function.arguments().map(|(_, argument)| {
        let name = argument.name();
        let required = parameter::optional(&argument.ty).is_none();
        let description = documentation::text(&argument.described)
            .map(|description| quote!(.with_description(#description)));
        quote! {
            .argument(
                ::countersign::protocol::PromptArgument::new(#name)
                    .with_required(#required)
                    #description
            )
        }
    });
    let settings = attribute.settings();
    let requirements = parameter::requirements(&function.parameters);
    quote! {
        ::countersign::component::PromptDefinition::new(::countersign::protocol::Prompt::new(
            #name,
            ::std::option::Option::<::std::string::String>::None,
            ::std::option::Option::None,
        ))
            #description
            #(#arguments)*
            #settings
            #requirements
    }
}

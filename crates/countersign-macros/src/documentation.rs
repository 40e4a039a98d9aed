//! Documentation comments, as descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of the documentation among `attributes`: its lines as they were
/// written, without the blank around them. `None` if there is none.
pub(crate) fn text(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    let lines: Vec<&str> = lines.iter().flat_map(|text| text.split('\n')).collect();
    let indent = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or_default();
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.get(indent..).unwrap_or_default().trim_end())
        .collect();
    let text = lines.join("\n").trim_matches('\n').to_owned();
    (!text.is_empty()).then_some(text)
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if pair.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn lines_and_paragraphs_are_kept_and_the_margin_is_not() {
        let function: syn::ItemFn = parse_quote! {
            /// First line,
            /// second line.
            ///
            /// - a list
            ///   goes on
            ///
            fn f() {}
        };
        assert_eq!(
            text(&function.attrs).unwrap(),
            "First line,\nsecond line.\n\n- a list\n  goes on"
        );
    }

    #[test]
    fn blank_documentation_is_none() {
        let function: syn::ItemFn = parse_quote! {
            ///
            ///
            #[inline]
            fn f() {}
        };
        assert_eq!(text(&function.attrs), None);
    }
}

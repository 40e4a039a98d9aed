//! What stands in the parentheses of an attribute: `scopes("read"), hidden`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Result, Token, parenthesized, token};

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    /// The word for messages.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    const fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Tool => &[
                "name",
                "title",
                "description",
                "auth",
                "scopes",
                "hidden",
                "tags",
                "icons",
                "interactive",
                "read_only",
                "destructive",
                "idempotent",
                "open_world",
            ],
            Self::Resource => &[
                "name",
                "title",
                "description",
                "mime_type",
                "auth",
                "scopes",
                "hidden",
                "tags",
                "icons",
                "interactive",
            ],
            Self::Prompt => &[
                "name",
                "title",
                "description",
                "auth",
                "scopes",
                "hidden",
                "tags",
                "icons",
                "interactive",
            ],
        }
    }
}

/// The arguments of an attribute, checked.
#[derive(Default)]
pub(crate) struct Attribute {
    pub(crate) uri: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) mime_type: Option<LitStr>,
    pub(crate) auth: Option<Sources>,
    pub(crate) scopes: Vec<LitStr>,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) icons: Vec<LitStr>,
    pub(crate) hidden: bool,
    pub(crate) interactive: bool,
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
}

/// From which sources callers are accepted: `any("oauth", "api_key")`.
pub(crate) struct Sources {
    how: Ident,
    names: Vec<LitStr>,
}

/// One argument: `word`, `word = "text"`, `word = true`, `word("text", "text")` or
/// `word = function("text", "text")`.
struct Argument {
    word: Ident,
    value: Value,
}

enum Value {
    Nothing,
    Text(LitStr),
    Flag(LitBool),
    Texts(Vec<LitStr>),
    Call(Ident, Vec<LitStr>),
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let word = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.peek(LitBool) {
                Value::Flag(input.parse()?)
            } else if input.peek(LitStr) {
                Value::Text(input.parse()?)
            } else if input.peek(Ident) && input.peek2(token::Paren) {
                Value::Call(input.parse()?, texts_in_parentheses(input)?)
            } else {
                return Err(input.error(format!("`{word}` takes a literal: a text or a bool")));
            }
        } else if input.peek(token::Paren) {
            Value::Texts(texts_in_parentheses(input)?)
        } else {
            Value::Nothing
        };
        Ok(Self { word, value })
    }
}

fn texts_in_parentheses(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let content;
    parenthesized!(content in input);
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(texts.into_iter().collect())
}

impl Argument {
    /// `"oauth"`, `any(…)`, `all(…)` or `optional(…)`.
    fn sources(self) -> Result<Sources> {
        let form =
            "= \"oauth\"`, `= any(\"…\", \"…\")`, `= all(\"…\", \"…\")` or `= optional(\"…\")";
        let sources = match self.value {
            Value::Text(name) => Sources {
                how: Ident::new("any", name.span()),
                names: vec![name],
            },
            Value::Call(how, names)
                if ["any", "all", "optional"].contains(&&*how.to_string()) && !names.is_empty() =>
            {
                Sources { how, names }
            }
            _ => return Err(self.misused(form)),
        };
        sources.checked()
    }

    fn text(self) -> Result<LitStr> {
        match self.value {
            Value::Text(text) if text.value().trim().is_empty() => {
                Err(Error::new(text.span(), "this text is empty"))
            }
            Value::Text(text) => Ok(text),
            _ => Err(self.misused("= \"…\"")),
        }
    }

    fn texts(self) -> Result<Vec<LitStr>> {
        match self.value {
            Value::Texts(texts) if !texts.is_empty() => Ok(texts),
            _ => Err(self.misused("(\"…\", \"…\")")),
        }
    }

    fn flag(self) -> Result<bool> {
        match self.value {
            Value::Nothing => Ok(true),
            Value::Flag(flag) => Ok(flag.value),
            _ => Err(self.misused("or `= false`")),
        }
    }

    fn misused(&self, form: &str) -> Error {
        let word = &self.word;
        let message = if form.starts_with("or") {
            format!("write `{word}` {form}")
        } else {
            format!(
                "write `{word}{}{form}`",
                if form.starts_with('=') { " " } else { "" }
            )
        };
        Error::new(word.span(), message)
    }
}

impl Sources {
    /// 1 to 64 characters of `a-z 0-9 _ -`, each name once.
    fn checked(self) -> Result<Self> {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let mut seen: Vec<String> = Vec::new();
        for name in &self.names {
            let text = name.value();
            if text.is_empty() || text.len() > 64 || !text.bytes().all(legal) {
                let message = "the name of a source is 1 to 64 characters of a-z 0-9 _ -";
                return Err(Error::new(name.span(), message));
            }
            if seen.contains(&text) {
                let message = format!("the source `{text}` is named twice");
                return Err(Error::new(name.span(), message));
            }
            seen.push(text);
        }
        Ok(self)
    }

    fn rule(&self) -> TokenStream {
        let (how, names) = (&self.how, &self.names);
        quote!(.auth(::countersign::SourceRule::#how([#(#names),*])))
    }
}

impl Attribute {
    /// Parses and checks the tokens between the parentheses.
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let parse = |input: ParseStream<'_>| {
            let uri = match kind {
                Kind::Resource => Some(leading_uri(input)?),
                Kind::Tool | Kind::Prompt => None,
            };
            let arguments = Punctuated::<Argument, Token![,]>::parse_terminated(input)?;
            Ok((uri, arguments))
        };
        let (uri, arguments) = parse.parse2(tokens)?;
        let mut attribute = Self {
            uri,
            ..Self::default()
        };
        let mut seen: Vec<String> = Vec::new();
        for argument in arguments {
            let word = argument.word.to_string();
            if seen.contains(&word) {
                let message = format!("`{word}` is given twice");
                return Err(Error::new(argument.word.span(), message));
            }
            attribute.take(kind, &word, argument)?;
            seen.push(word);
        }
        if attribute.hidden && attribute.scopes.is_empty() && attribute.auth.is_none() {
            return Err(Error::new(
                Span::call_site(),
                "`hidden` conceals a component from callers without its scopes or of another source: name them with `scopes(\"…\")` or `auth = \"…\"`",
            ));
        }
        Ok(attribute)
    }

    fn take(&mut self, kind: Kind, word: &str, argument: Argument) -> Result<()> {
        if !kind.allowed().contains(&word) {
            return Err(Error::new(
                argument.word.span(),
                format!(
                    "`{word}` is no argument of #[{}]: use {}",
                    kind.noun(),
                    kind.allowed().join(", ")
                ),
            ));
        }
        match word {
            "name" => self.name = Some(checked_name(kind, argument.text()?)?),
            "title" => self.title = Some(argument.text()?),
            "description" => self.description = Some(argument.text()?),
            "mime_type" => self.mime_type = Some(argument.text()?),
            "auth" => self.auth = Some(argument.sources()?),
            "scopes" => self.scopes = checked_scopes(argument.texts()?)?,
            "tags" => self.tags = argument.texts()?,
            "icons" => self.icons = argument.texts()?,
            "hidden" => self.hidden = argument.flag()?,
            "interactive" => self.interactive = argument.flag()?,
            "read_only" => self.read_only = Some(argument.flag()?),
            "destructive" => self.destructive = Some(argument.flag()?),
            "idempotent" => self.idempotent = Some(argument.flag()?),
            _ => self.open_world = Some(argument.flag()?),
        }
        Ok(())
    }

    /// The calls on a definition that every kind of component has.
    pub(crate) fn settings(&self) -> TokenStream {
        let title = self.title.as_ref().map(|title| quote!(.title(#title)));
        let auth = self.auth.as_ref().map(Sources::rule);
        let guarded = !self.scopes.is_empty() || self.hidden;
        let access = guarded.then(|| {
            let (scopes, hidden) = (&self.scopes, self.hidden.then(|| quote!(.hidden())));
            quote!(.access(::countersign::__private::access(&[#(#scopes),*])#hidden))
        });
        let (tags, icons) = (&self.tags, &self.icons);
        let interactive = self.interactive.then(|| quote!(.interactive()));
        quote!(#title #access #auth #(.tag(#tags))* #(.icon(#icons))* #interactive)
    }
}

fn leading_uri(input: ParseStream<'_>) -> Result<LitStr> {
    if !input.peek(LitStr) {
        return Err(input.error("write the URI first: `#[resource(\"config://app\")]`"));
    }
    let uri = input.parse()?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(uri)
}

fn checked_name(kind: Kind, name: LitStr) -> Result<LitStr> {
    let text = name.value();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    if kind == Kind::Tool && (text.len() > 128 || !text.bytes().all(legal)) {
        return Err(Error::new(
            name.span(),
            "the name of a tool is 1 to 128 characters of A-Z a-z 0-9 _ - . /",
        ));
    }
    Ok(name)
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
fn checked_scopes(scopes: Vec<LitStr>) -> Result<Vec<LitStr>> {
    let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    for scope in &scopes {
        let text = scope.value();
        if text.is_empty() || !text.bytes().all(legal) {
            return Err(Error::new(
                scope.span(),
                "a scope is one or more visible ASCII characters without blank, quote and backslash (RFC 6749 §3.3)",
            ));
        }
    }
    Ok(scopes)
}

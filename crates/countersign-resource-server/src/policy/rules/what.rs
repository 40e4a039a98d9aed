//! What a rule is about: components by name, URI and tag, and methods.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde::Deserialize;

use super::name::check_name;
use super::pattern::{Alphabet, Pattern};
use crate::Caller;
use crate::policy::spelling;
use crate::policy::{Action, Component, ComponentKind};
use crate::where_in_file::Fault;

/// What a rule is about. Kinds stand beside each other: a rule with `tools` and
/// `resources` is about both. `tags` and `methods` narrow it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct What {
    pub(super) tools: Option<Vec<String>>,
    pub(super) resources: Option<Vec<String>>,
    pub(super) prompts: Option<Vec<String>>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) methods: Vec<String>,
}

impl What {
    /// Tools by name; `*` is any run of characters.
    pub fn tools<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::default().and_tools(names)
    }

    /// Resources by URI; `*` is any run of characters up to the next `/`, `?` or `#`,
    /// `**` is any run of characters, `{subject}` is the subject of the caller.
    pub fn resources<I>(uris: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::default().and_resources(uris)
    }

    /// Prompts by name; `*` is any run of characters.
    pub fn prompts<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::default().and_prompts(names)
    }

    /// Every component that has one of these tags.
    pub fn tagged<I>(tags: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::default().tags(tags)
    }

    /// Methods of the protocol; `*` is any run of characters.
    pub fn of_methods<I>(methods: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::default().methods(methods)
    }

    /// And these tools.
    #[must_use]
    pub fn and_tools<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let tools = self.tools.get_or_insert_default();
        tools.extend(names.into_iter().map(Into::into));
        self
    }

    /// And these resources.
    #[must_use]
    pub fn and_resources<I>(mut self, uris: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let resources = self.resources.get_or_insert_default();
        resources.extend(uris.into_iter().map(Into::into));
        self
    }

    /// And these prompts.
    #[must_use]
    pub fn and_prompts<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let prompts = self.prompts.get_or_insert_default();
        prompts.extend(names.into_iter().map(Into::into));
        self
    }

    /// Only those that have one of these tags.
    #[must_use]
    pub fn tags<I>(mut self, tags: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Only when one of these methods is used on them.
    #[must_use]
    pub fn methods<I>(mut self, methods: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.methods.extend(methods.into_iter().map(Into::into));
        self
    }

    pub(super) fn compile(&self) -> Result<Target, Fault> {
        let lists = [&self.tools, &self.resources, &self.prompts];
        let fields = ["tools", "resources", "prompts"];
        for (list, field) in lists.iter().zip(fields) {
            if list.as_ref().is_some_and(Vec::is_empty) {
                return Err(Fault::new(
                    field,
                    "an empty list matches nothing: name some, or leave it out",
                ));
            }
        }
        let nothing = lists.iter().all(|list| list.is_none());
        if nothing && self.tags.is_empty() && self.methods.is_empty() {
            return Err(Fault::new(
                "",
                "say what the rule is about: tools, resources, prompts, tags or methods",
            ));
        }
        for (position, tag) in self.tags.iter().enumerate() {
            check_name(&format!("tags.{position}"), tag)?;
        }
        let some = |list: &Option<Vec<String>>, field, alphabet| match list {
            Some(texts) => patterns(texts, field, alphabet).map(Some),
            None => Ok(None),
        };
        Ok(Target {
            tools: some(&self.tools, "tools", Alphabet::Names)?,
            resources: some(&self.resources, "resources", Alphabet::Uris)?,
            prompts: some(&self.prompts, "prompts", Alphabet::Names)?,
            tags: self.tags.clone(),
            methods: patterns(&self.methods, "methods", Alphabet::Names)?,
        })
    }
}

fn patterns(texts: &[String], field: &str, alphabet: Alphabet) -> Result<Vec<Pattern>, Fault> {
    let parsed = texts.iter().enumerate().map(|(position, text)| {
        let wrong = |advice| Fault::new(format!("{field}.{position}"), advice);
        Pattern::parse(text, alphabet).map_err(wrong)
    });
    parsed.collect()
}

/// Kinds of components as far as rules tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Tool, Self::Resource, Self::Prompt];

    pub(super) const fn of(kind: ComponentKind) -> Self {
        match kind {
            ComponentKind::Tool => Self::Tool,
            ComponentKind::Resource | ComponentKind::ResourceTemplate => Self::Resource,
            ComponentKind::Prompt => Self::Prompt,
        }
    }

    /// The methods by which such a component is used.
    const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Tool => &["tools/call"],
            Self::Resource => &["resources/read", "resources/subscribe"],
            Self::Prompt => &["prompts/get"],
        }
    }
}

/// A [`What`] that is compiled.
#[derive(Clone, Debug)]
pub(super) struct Target {
    tools: Option<Vec<Pattern>>,
    resources: Option<Vec<Pattern>>,
    prompts: Option<Vec<Pattern>>,
    tags: Vec<String>,
    methods: Vec<Pattern>,
}

impl Target {
    const fn of_kind(&self, kind: Kind) -> Option<&Vec<Pattern>> {
        match kind {
            Kind::Tool => self.tools.as_ref(),
            Kind::Resource => self.resources.as_ref(),
            Kind::Prompt => self.prompts.as_ref(),
        }
    }

    const fn names_components(&self) -> bool {
        self.tools.is_some() || self.resources.is_some() || self.prompts.is_some()
    }

    /// Whether a pattern speaks of the subject.
    pub(super) fn names_subject(&self) -> bool {
        let mut patterns = self.resources.iter().flatten();
        patterns.any(Pattern::names_subject)
    }

    /// Whether a rule about this says who may use components of `kind`.
    pub(super) fn is_about(&self, kind: Kind) -> bool {
        if self.names_components() {
            return self.of_kind(kind).is_some();
        }
        self.methods.is_empty() || kind.methods().iter().any(|method| self.has_method(method))
    }

    /// Whether a rule about this says who may use methods without a component.
    pub(super) const fn is_about_methods(&self) -> bool {
        !self.names_components() && self.tags.is_empty()
    }

    /// All components of `kind` that a rule about this can allow, if they are names.
    pub(super) fn names_allowed(&self, kind: Kind) -> Option<Vec<&str>> {
        let patterns = self.of_kind(kind)?.iter();
        patterns.map(Pattern::allows_only).collect()
    }

    /// All spellings of components of `kind` that a rule about this can catch, if they are
    /// names.
    pub(super) fn names_caught(&self, kind: Kind) -> Option<Vec<&str>> {
        let patterns = self.of_kind(kind)?.iter();
        patterns.map(Pattern::catches_only).collect()
    }

    /// All methods that it is about, if they are names.
    pub(super) fn methods_alone(&self) -> Option<Vec<&str>> {
        self.methods.iter().map(Pattern::allows_only).collect()
    }

    /// Its tags, if it names components by them alone.
    pub(super) fn tags_alone(&self) -> Option<&[String]> {
        let alone = !self.tags.is_empty() && !self.names_components();
        alone.then_some(&self.tags)
    }

    fn has_method(&self, method: &str) -> bool {
        let mut methods = self.methods.iter();
        methods.any(|pattern| pattern.allows(method, || true, None))
    }

    /// Whether it is about `asked`, for a rule that allows: in one reading only.
    pub(super) fn allows(&self, asked: &Asked<'_>) -> bool {
        self.narrows(asked, |pattern, component| match asked.template {
            Some(template) => pattern.could_allow(template, asked.subject()),
            None => pattern.allows(component, || asked.is_plain(), asked.subject()),
        })
    }

    /// Whether it is about `asked`, for a rule that denies: in whatever reading.
    pub(super) fn catches(&self, asked: &Asked<'_>) -> bool {
        self.narrows(asked, |pattern, _| {
            let subject = asked.folded_subject();
            let mut spellings = asked.spellings().iter();
            spellings.any(|spelling| pattern.catches(spelling, subject))
        })
    }

    fn narrows(&self, asked: &Asked<'_>, matches: impl Fn(&Pattern, &str) -> bool) -> bool {
        if !self.methods.is_empty() && !self.has_method(asked.action.method) {
            return false;
        }
        let Some(component) = asked.action.component else {
            return self.is_about_methods();
        };
        let tagged = |tag: &String| component.tags.contains(tag);
        if !self.tags.is_empty() && !self.tags.iter().any(tagged) {
            return false;
        }
        if !self.names_components() {
            return true;
        }
        let patterns = self.of_kind(Kind::of(component.kind));
        patterns.is_some_and(|patterns| patterns.iter().any(|pattern| matches(pattern, asked.name)))
    }
}

/// An action and its caller, with what is found out about them at most once.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) action: &'a Action<'a>,
    pub(super) caller: &'a Caller,
    /// The name or URI that was asked for; empty if there is none.
    pub(super) name: &'a str,
    /// The template, if nobody asked for one of its URIs.
    template: Option<&'a str>,
    plain: OnceCell<bool>,
    spellings: OnceCell<Spellings<'a>>,
    folded_subject: OnceCell<Cow<'a, str>>,
}

#[derive(Debug)]
enum Spellings<'a> {
    One([Cow<'a, str>; 1]),
    Several(Vec<Cow<'a, str>>),
}

impl<'a> Asked<'a> {
    pub(super) fn new(caller: &'a Caller, action: &'a Action<'a>) -> Self {
        let component = action.component.as_ref();
        let requested = component.and_then(|component| component.requested);
        let template = component
            .filter(|component| component.kind == ComponentKind::ResourceTemplate)
            .filter(|_| requested.is_none())
            .map(|component| component.name);
        Self {
            action,
            caller,
            name: requested
                .or(component.map(|component| component.name))
                .unwrap_or_default(),
            template,
            plain: OnceCell::new(),
            spellings: OnceCell::new(),
            folded_subject: OnceCell::new(),
        }
    }

    pub(super) fn component(&self) -> Option<Component<'a>> {
        self.action.component
    }

    /// Whether it is about whatever a template stands for.
    pub(super) const fn is_open(&self) -> bool {
        self.template.is_some()
    }

    /// What rules that allow name it by: the method, if there is no component.
    pub(super) fn key(&self) -> &'a str {
        match self.action.component {
            Some(_) => self.name,
            None => self.action.method,
        }
    }

    /// What rules that deny name it by.
    pub(super) fn keys_of_denies(&self) -> impl Iterator<Item = &str> {
        let spellings = self.component().map(|_| self.spellings().iter());
        let method = self.component().is_none().then_some(self.action.method);
        let spellings = spellings.into_iter().flatten().map(AsRef::as_ref);
        spellings.chain(method)
    }

    pub(super) fn tags(&self) -> &'a [String] {
        self.action
            .component
            .map_or(&[], |component| component.tags)
    }

    pub(super) const fn is_too_long(&self) -> bool {
        self.name.len() > spelling::LONGEST
    }

    pub(super) fn subject(&self) -> Option<&'a str> {
        self.caller.access_token().map(|token| token.sub())
    }

    fn is_plain(&self) -> bool {
        let is_uri = self
            .component()
            .is_some_and(|component| Kind::of(component.kind) == Kind::Resource);
        *self
            .plain
            .get_or_init(|| !is_uri || spelling::is_plain(self.name))
    }

    fn folded_subject(&self) -> Option<&str> {
        let subject = self.subject()?;
        Some(
            self.folded_subject
                .get_or_init(|| spelling::folded(subject)),
        )
    }

    /// What a lax handler may take the name for.
    fn spellings(&self) -> &[Cow<'a, str>] {
        let spellings = self.spellings.get_or_init(|| {
            let kind = self.component().map(|component| Kind::of(component.kind));
            if kind != Some(Kind::Resource) {
                return Spellings::One([spelling::folded(self.name)]);
            }
            let several = spelling::spellings(self.name).into_iter();
            Spellings::Several(several.map(Cow::Owned).collect())
        });
        match spellings {
            Spellings::One(one) => one,
            Spellings::Several(several) => several,
        }
    }
}

//! What a setting is: its names, and what a value of it looks like.

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its place in the file, such as `auth.jwks_url`.
    pub(crate) path: &'static str,
    /// Its variable of the family `FASTMCP_AUTH_`, if it has one there.
    pub(crate) single: Option<&'static str>,
    /// Its variable of the family `FASTMCP_AUTH__`, if it has one there.
    pub(crate) double: Option<&'static str>,
    /// What a value looks like.
    pub(crate) kind: Kind,
    /// What it says, for people.
    pub(crate) about: &'static str,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// The path of a file.
    File,
    /// Separated by commas in a variable.
    List,
    Switch,
    /// A whole number of seconds.
    Seconds,
    /// A text that is not shown; in the file it says where the text is.
    Secret,
}

impl Kind {
    /// What is expected, for a sentence that ends with it.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::File => "the path of a file",
            Self::List => "a list of texts",
            Self::Switch => "true or false",
            Self::Seconds => "a whole number of seconds",
            Self::Secret => {
                "a table that says where the secret is: { file = \"…\" }, { variable = \"…\" } or { command = [\"…\"] }"
            }
        }
    }
}

impl Setting {
    /// Its variable of the family `COUNTERSIGN_`.
    pub(crate) fn own_variable(&self) -> String {
        variable_at(self.path)
    }

    /// The variable that guides name, or our own.
    pub(crate) fn best_variable(&self) -> String {
        self.single
            .or(self.double)
            .map_or_else(|| self.own_variable(), str::to_owned)
    }
}

/// What stands before variables of one family.
pub(crate) const OWN: &str = "COUNTERSIGN_";
pub(crate) const SINGLE: &str = "FASTMCP_AUTH_";
pub(crate) const DOUBLE: &str = "FASTMCP_AUTH__";

/// What stands for the name of one of a family in the place of a setting.
const NAME: &str = ".*.";

/// One setting, or one of each of a family, such as `workloads.*.issuer`.
pub(super) const fn setting(path: &'static str, kind: Kind, about: &'static str) -> Setting {
    Setting {
        path,
        single: None,
        double: None,
        kind,
        about,
    }
}

impl Setting {
    pub(super) const fn single(mut self, variable: &'static str) -> Self {
        self.single = Some(variable);
        self
    }

    pub(super) const fn double(mut self, variable: &'static str) -> Self {
        self.double = Some(variable);
        self
    }
}

/// Families: settings that there may be once for each name.
impl Setting {
    /// The section that the names are in, and the field of each.
    pub(super) fn family(&self) -> Option<(&'static str, &'static str)> {
        self.path.split_once(NAME)
    }

    /// Whether `path` is a place of it in the file.
    pub(super) fn is_at(&self, path: &str) -> bool {
        match self.family() {
            None => self.path == path,
            Some((section, field)) => between(path, section, '.', field).is_some_and(is_name),
        }
    }

    /// The place of the one of the family that `variable` sets.
    pub(super) fn set_by(&self, variable: &str) -> Option<String> {
        let (section, field) = self.family()?;
        let (begins, ends) = (variable_at(section), field.to_ascii_uppercase());
        let name = between(variable, &begins, '_', &ends)?;
        let name = name.chars().map(|it| match it {
            '_' => Some('-'),
            it if it.is_ascii_uppercase() || it.is_ascii_digit() => Some(it.to_ascii_lowercase()),
            _ => None,
        });
        let name = name.collect::<Option<String>>()?;
        is_name(&name).then(|| of(self.path, &name))
    }
}

/// What is between `begins` and `ends` in `text`, behind and before a `mark`.
fn between<'a>(text: &'a str, begins: &str, mark: char, ends: &str) -> Option<&'a str> {
    let behind = text.strip_prefix(begins)?.strip_prefix(mark)?;
    behind.strip_suffix(ends)?.strip_suffix(mark)
}

/// The place of the setting at `path`, one of a family, for the one called `name`.
pub(super) fn of(path: &str, name: &str) -> String {
    path.replacen(NAME, &format!(".{name}."), 1)
}

/// The variable of the family `COUNTERSIGN_` for what is at `path`.
pub(super) fn variable_at(path: &str) -> String {
    let path = path.replace(NAME, ".NAME.").replace(['.', '-'], "_");
    format!("{OWN}{}", path.to_ascii_uppercase())
}

/// Whether one of a family may be called so.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}

/// What [`is_name`] says, for a sentence that ends with it.
pub(super) const NAMES: &str = "1 to 32 small letters, digits and hyphens";

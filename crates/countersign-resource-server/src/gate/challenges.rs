//! Which challenges a refusal is answered with: RFC 9110 §11.6.1, one line for each.

use countersign_oauth::{Challenge, ChallengeErrorCode, ScopeSet};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};

use super::builder::is_oauth;
use crate::verifier::VerifierChain;
use crate::{Presentation, Source, SourceName};

/// What the sources of a gate ask for.
#[derive(Debug)]
pub(crate) struct Challenges {
    lines: Vec<Line>,
    resource_metadata: String,
}

/// What the credentials of one source are asked for with.
#[derive(Debug)]
struct Line {
    source: Source,
    /// `None` for tokens that an authorization server issues.
    realm: Option<String>,
}

/// What an operation needs, as it is called here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) scopes: &'a ScopeSet,
    /// Knows how clients ask an authorization server for it.
    pub(crate) chain: Option<&'a VerifierChain>,
}

impl Asked<'_> {
    /// As clients write it for the tokens of `source`.
    fn of(self, source: &SourceName) -> ScopeSet {
        let chain = self.chain;
        chain.map_or_else(
            || self.scopes.clone(),
            |chain| chain.asked_as(Some(source), self.scopes),
        )
    }
}

/// Whose challenges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'a> {
    Everybodys,
    /// Those of a place in the request, and of one source if it is known.
    Of(&'a Presentation, Option<&'a SourceName>),
    /// Those of a source.
    Named(&'a SourceName),
    /// Those of sources of which a credential would help.
    Lacking(&'a crate::WrongSource),
}

impl Challenges {
    /// Those of `sources`. The ones that name the metadata come first, because many
    /// clients look at the first challenge only.
    pub(super) fn new(sources: Vec<Source>, name: &str, resource_metadata: String) -> Self {
        let sources = match sources.is_empty() {
            true => vec![Source::default()],
            false => sources,
        };
        let line = |source: Source| Line {
            realm: (!is_oauth(&source)).then(|| source.realm_text().unwrap_or(name).to_owned()),
            source,
        };
        let (oauth, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(is_oauth);
        Self {
            lines: oauth.into_iter().chain(others).map(line).collect(),
            resource_metadata,
        }
    }

    /// Writes the challenges of `whose` into `headers`: with `error` if a credential
    /// failed, and with what an operation needs.
    pub(crate) fn write(
        &self,
        headers: &mut HeaderMap,
        whose: Whose<'_>,
        error: Option<ChallengeErrorCode>,
        asked: Asked<'_>,
    ) {
        let mut written: Vec<String> = Vec::new();
        for line in self.lines.iter().filter(|line| line.is_of(whose)) {
            let text = self.text(line, error, asked);
            if let Ok(value) = HeaderValue::from_str(&text)
                && !written.contains(&text)
            {
                headers.append(WWW_AUTHENTICATE, value);
                written.push(text);
            }
        }
        if written.is_empty() && !matches!(whose, Whose::Everybodys) {
            self.write(headers, Whose::Everybodys, error, asked);
        }
    }

    fn text(&self, line: &Line, error: Option<ChallengeErrorCode>, asked: Asked<'_>) -> String {
        let spelled = asked.of(line.source.name());
        let mut challenge = match error {
            Some(code) => Challenge::failed(code),
            None => Challenge::unauthenticated(),
        };
        if let Presentation::Header(header) = line.source.presentation() {
            challenge = challenge.in_header(header.as_str());
        }
        challenge = match &line.realm {
            None => challenge
                .scope(&spelled)
                .resource_metadata(&self.resource_metadata),
            Some(realm) if error == Some(ChallengeErrorCode::InsufficientScope) => {
                challenge.realm(realm).scope(asked.scopes)
            }
            // Nobody can ask for a key with certain scopes.
            Some(realm) => challenge.realm(realm),
        };
        challenge.to_string()
    }
}

impl Line {
    fn is_of(&self, whose: Whose<'_>) -> bool {
        let name = self.source.name();
        match whose {
            Whose::Everybodys => true,
            Whose::Of(at, source) => {
                self.source.presentation() == at && source.is_none_or(|source| source == name)
            }
            Whose::Named(source) => source == name,
            Whose::Lacking(wrong) => wrong.is_missing(name),
        }
    }
}

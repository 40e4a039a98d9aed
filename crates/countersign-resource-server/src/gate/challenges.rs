//! Which challenges a refusal is answered with: RFC 9110 §11.6.1, one line for each.

use countersign_oauth::{Challenge, ChallengeErrorCode, ScopeSet};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};

use super::builder::is_oauth;
use crate::dpop::{DpopPresence, ProofJudge};
use crate::verifier::VerifierChain;
use crate::{Presentation, Source, SourceName};

/// What the sources of a gate ask for.
#[derive(Debug)]
pub(crate) struct Challenges {
    lines: Vec<Line>,
    resource_metadata: String,
    /// What proofs may be signed with, where they are accepted.
    algs: Option<String>,
    /// Whether tokens have to come with a proof.
    proof_required: bool,
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
    pub(super) fn new(
        sources: Vec<Source>,
        name: &str,
        resource_metadata: String,
        proofs: Option<&ProofJudge>,
    ) -> Self {
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
            algs: proofs.map(|proofs| proofs.algs().to_owned()),
            proof_required: proofs
                .is_some_and(|proofs| proofs.presence() == DpopPresence::Required),
        }
    }

    /// Whether the credentials of `source` are tokens that an authorization server issues.
    pub(super) fn asks_for_tokens(&self, source: &SourceName) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.realm.is_none() && line.source.name() == source)
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
        let lines = self.lines.iter().filter(|line| line.is_of(whose));
        let texts = lines.flat_map(|line| self.texts(line, whose, error, asked));
        for text in texts {
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

    /// One challenge, or two for tokens that may come in either scheme. What is wrong is
    /// said in the scheme that was used (RFC 9449 §7.1).
    fn texts(
        &self,
        line: &Line,
        whose: Whose<'_>,
        error: Option<ChallengeErrorCode>,
        asked: Asked<'_>,
    ) -> Vec<String> {
        let algs = self.algs.as_deref().filter(|_| line.realm.is_none());
        let Some(algs) = algs else {
            return vec![self.text(line, error, asked, None)];
        };
        let came_with_proof = matches!(whose, Whose::Of(Presentation::Dpop, _));
        let in_bearer = error.filter(|_| !came_with_proof);
        let in_dpop = error.filter(|_| came_with_proof || self.proof_required);
        let mut texts = Vec::with_capacity(2);
        if !self.proof_required {
            texts.push(self.text(line, in_bearer, asked, None));
        }
        texts.push(self.text(line, in_dpop, asked, Some(algs)));
        if came_with_proof {
            texts.reverse();
        }
        texts
    }

    fn text(
        &self,
        line: &Line,
        error: Option<ChallengeErrorCode>,
        asked: Asked<'_>,
        algs: Option<&str>,
    ) -> String {
        let spelled = asked.of(line.source.name());
        let mut challenge = match error {
            Some(code) => Challenge::failed(code),
            None => Challenge::unauthenticated(),
        };
        if let Some(header) = line.source.header_text() {
            challenge = challenge.in_header(header);
        }
        if let Some(algs) = algs {
            challenge = challenge.with_proof(algs);
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
                let is_here = match at {
                    Presentation::Dpop => self.realm.is_none(),
                    at => self.source.presentation() == at,
                };
                is_here && source.is_none_or(|source| source == name)
            }
            Whose::Named(source) => source == name,
            Whose::Lacking(wrong) => wrong.is_missing(name),
        }
    }
}

//! Tokens that are bound to a key (RFC 9449), as it is said outside of code.

use countersign_resource_server::oauth::Lifetime;
use countersign_resource_server::{ConfigurationError, Dpop, Gate};

use super::Configuration;
use super::given::Value;
use super::setting::{
    DPOP, DPOP_ALGORITHMS, ENABLED, ISSUER_URL, JWKS_URL, NONCE_LIFETIME, NONCE_SECRET,
    WITHOUT_NONCES,
};

/// What is said about proofs, besides who needs them.
const ABOUT_PROOFS: [&str; 4] = [
    DPOP_ALGORITHMS,
    NONCE_LIFETIME,
    NONCE_SECRET,
    WITHOUT_NONCES,
];

impl Configuration {
    /// What is asked of proofs of possession (RFC 9449), if tokens that are bound to a key
    /// are taken; the file that a secret is in is read.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names what is missing, or what cannot hold together.
    pub fn dpop(&self) -> Result<Option<Dpop>, ConfigurationError> {
        let Some(said) = self.text(DPOP) else {
            return self.without_dpop().map(|()| None);
        };
        let mut dpop = match said {
            "accepted" => Dpop::accepted(),
            "required" => Dpop::required(),
            _ => {
                return Err(ConfigurationError::new(format!(
                    "{} is neither accepted nor required: set it to one of them",
                    self.origin(DPOP)
                )));
            }
        };
        if self.switch(ENABLED) == Some(false) {
            return Err(ConfigurationError::new(format!(
                "{} is about access tokens, and {} says that callers need none: take one of them \
                 away",
                self.origin(DPOP),
                self.origin(ENABLED)
            )));
        }
        let algorithms = self.algorithms_at(DPOP_ALGORITHMS)?;
        if !algorithms.is_empty() {
            dpop = dpop.algorithms(algorithms);
            self.usable(DPOP_ALGORITHMS, &dpop)?;
        }
        if self.switch(WITHOUT_NONCES) == Some(true) {
            let about_nonces = [NONCE_LIFETIME, NONCE_SECRET];
            if let Some(about) = about_nonces.into_iter().find(|it| self.given(it).is_some()) {
                return Err(ConfigurationError::new(format!(
                    "{} is about nonces, and {} says that there are none: take one of them away",
                    self.origin(about),
                    self.origin(WITHOUT_NONCES)
                )));
            }
            return Ok(Some(dpop.danger_without_nonces()));
        }
        if let Some(seconds) = self.seconds(NONCE_LIFETIME) {
            dpop = dpop.nonce_lifetime(Lifetime::from_secs(seconds));
            self.usable(NONCE_LIFETIME, &dpop)?;
        }
        if let Some(Value::Secret(place)) = self.given(NONCE_SECRET).map(|given| &given.value) {
            let secret = place.read().map_err(|error| {
                ConfigurationError::new(format!("{}: {error}", self.origin(NONCE_SECRET)))
            })?;
            dpop = dpop.shared_nonces(secret);
            self.usable(NONCE_SECRET, &dpop)?;
        }
        Ok(Some(dpop))
    }

    /// Whether it is said that every access token has to be bound to a key.
    pub fn requires_bound_tokens(&self) -> bool {
        self.text(DPOP) == Some("required")
    }

    /// Whether a gate takes `dpop`, of which the setting at `path` was said last.
    fn usable(&self, path: &str, dpop: &Dpop) -> Result<(), ConfigurationError> {
        let taken = Gate::builder().dpop(dpop.clone()).map(|_| ());
        taken.map_err(|error| ConfigurationError::new(format!("{}: {error}", self.origin(path))))
    }

    fn without_dpop(&self) -> Result<(), ConfigurationError> {
        let mut about = ABOUT_PROOFS.into_iter();
        match about.find(|path| self.given(path).is_some()) {
            None => Ok(()),
            Some(about) => Err(ConfigurationError::new(format!(
                "{} is about proofs of possession, and nothing says that they are taken: set {} \
                 to accepted or required",
                self.origin(about),
                self.to_set(DPOP, about)
            ))),
        }
    }

    /// The refusal of proofs where nobody verifies the tokens that they come with.
    pub(crate) fn nothing_to_bind(&self) -> ConfigurationError {
        ConfigurationError::new(format!(
            "{} is about access tokens, and none are accepted here (API keys are none): set {}, \
             or {} for a server that issues them itself, or take it away",
            self.origin(DPOP),
            self.to_set(JWKS_URL, DPOP),
            self.to_set(ISSUER_URL, DPOP)
        ))
    }

    /// Which tokens have to be bound, in words.
    pub(super) fn say_dpop(&self, said: &mut Vec<String>) -> Result<(), ConfigurationError> {
        if self.dpop()?.is_none() {
            return Ok(());
        }
        let how = match self.text(DPOP) {
            Some("required") => {
                "Every access token has to be bound to a key of the client (DPoP): one that is \
                 stolen is worth nothing"
            }
            _ => {
                "Tokens that are bound to a key of the client (DPoP) need a proof of it; others \
                 are good for whoever has them"
            }
        };
        said.push(match self.switch(WITHOUT_NONCES) {
            Some(true) => format!(
                "{how}. Proofs need no nonce: they can be made in advance, and a proof of a clock \
                 that is ahead can be used again after a restart."
            ),
            _ => format!("{how}."),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SECRET, of, refusal};

    const KEYS: [(&str, &str); 2] = [
        ("FASTMCP_AUTH_JWKS_URL", "https://a.example/jwks.json"),
        ("FASTMCP_AUTH_ISSUER", "https://a.example"),
    ];

    #[test]
    fn whatever_is_missing_or_wrong_about_proofs_is_named() {
        for (variables, told) in [
            (
                &[("COUNTERSIGN_DPOP_ALGORITHMS", "ES256")][..],
                "COUNTERSIGN_DPOP_ALGORITHMS is about proofs of possession, and nothing says that \
                 they are taken: set COUNTERSIGN_DPOP_BOUND_TOKENS to accepted or required",
            ),
            (
                &[("COUNTERSIGN_DPOP_DANGER_WITHOUT_NONCES", "true")],
                "set COUNTERSIGN_DPOP_BOUND_TOKENS",
            ),
            (
                &[("COUNTERSIGN_DPOP_BOUND_TOKENS", "canary")],
                "COUNTERSIGN_DPOP_BOUND_TOKENS is neither accepted nor required",
            ),
            (
                &[
                    ("COUNTERSIGN_DPOP_BOUND_TOKENS", "required"),
                    ("FASTMCP_AUTH_ENABLED", "false"),
                ],
                "FASTMCP_AUTH_ENABLED says that callers need none: take one of them away",
            ),
            (
                &[
                    ("COUNTERSIGN_DPOP_BOUND_TOKENS", "required"),
                    ("COUNTERSIGN_DPOP_ALGORITHMS", "none"),
                ],
                "COUNTERSIGN_DPOP_ALGORITHMS: ",
            ),
            (
                &[
                    ("COUNTERSIGN_DPOP_BOUND_TOKENS", "required"),
                    ("COUNTERSIGN_DPOP_ALGORITHMS", "HS256"),
                ],
                "COUNTERSIGN_DPOP_ALGORITHMS: proofs of possession are signed with a private key",
            ),
            (
                &[
                    ("COUNTERSIGN_DPOP_BOUND_TOKENS", "accepted"),
                    ("COUNTERSIGN_DPOP_NONCE_LIFETIME_SECONDS", "0"),
                ],
                "COUNTERSIGN_DPOP_NONCE_LIFETIME_SECONDS: a nonce",
            ),
            (
                &[
                    ("COUNTERSIGN_DPOP_BOUND_TOKENS", "accepted"),
                    ("COUNTERSIGN_DPOP_NONCE_SECRET", "canary"),
                ],
                "COUNTERSIGN_DPOP_NONCE_SECRET: the secret that nodes share",
            ),
            (
                &[
                    ("COUNTERSIGN_DPOP_BOUND_TOKENS", "accepted"),
                    ("COUNTERSIGN_DPOP_NONCE_SECRET", SECRET),
                    ("COUNTERSIGN_DPOP_DANGER_WITHOUT_NONCES", "true"),
                ],
                "COUNTERSIGN_DPOP_DANGER_WITHOUT_NONCES says that there are none: take one",
            ),
            (
                &[("COUNTERSIGN_DPOP_REQUIRED", "true")],
                "COUNTERSIGN_DPOP_REQUIRED is not known",
            ),
        ] {
            let all = match variables
                .iter()
                .any(|(name, _)| *name == "FASTMCP_AUTH_ENABLED")
            {
                true => variables.to_vec(),
                false => [&KEYS[..], variables].concat(),
            };
            let said = refusal(&all).unwrap_or_else(|| panic!("{variables:?} is taken"));
            assert!(said.contains(told), "{variables:?}: {said}");
        }
    }

    #[test]
    fn which_tokens_have_to_be_bound_is_said_in_words() {
        for (value, sentence) in [
            ("required", "Every access token has to be bound to a key"),
            (
                "accepted",
                "Tokens that are bound to a key of the client (DPoP) need a proof",
            ),
        ] {
            let bound = ("COUNTERSIGN_DPOP_BOUND_TOKENS", value);
            let secret = ("COUNTERSIGN_DPOP_NONCE_SECRET", SECRET);
            let lifetime = ("COUNTERSIGN_DPOP_NONCE_LIFETIME_SECONDS", "60");
            let all = [&KEYS[..], &[bound, secret, lifetime]].concat();
            let configuration = of(&all).unwrap();
            let said = configuration.check().unwrap().join("\n");
            assert!(said.contains(sentence), "{said}");
            assert_eq!(configuration.requires_bound_tokens(), value == "required");
            let printed = configuration.print();
            assert!(printed.contains("nonce_secret = (redacted)"), "{printed}");
            assert!(!printed.contains("canary"), "{printed}");
        }
        let without = ("COUNTERSIGN_DPOP_DANGER_WITHOUT_NONCES", "true");
        let bound = ("COUNTERSIGN_DPOP_BOUND_TOKENS", "required");
        let configuration = of(&[&KEYS[..], &[bound, without]].concat()).unwrap();
        let said = configuration.check().unwrap().join("\n");
        assert!(said.contains("Proofs need no nonce"), "{said}");
    }
}

//! Access tokens of identity providers, accepted directly.

mod asked;
mod discovered;
mod fakes;
mod signed;
mod starts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use countersign_resource_server::oauth::ResourceUri;
use countersign_resource_server::provider::{Preset, Provider};
use countersign_resource_server::{ProviderVerifier, ProviderVerifierBuilder};
use http::{Request, Response};
use testkit::AUDIENCE;

/// Answers by address, and nothing anywhere else. Clones share everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Internet(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    answers: BTreeMap<String, Response<Bytes>>,
    requests: Vec<Request<Bytes>>,
}

impl Internet {
    pub(crate) fn with(self, address: &str, body: impl Into<Bytes>) -> Self {
        self.set(address, Response::new(body.into()));
        self
    }

    pub(crate) fn set(&self, address: &str, answer: Response<Bytes>) {
        let mut places = self.0.lock().unwrap();
        places.answers.insert(address.to_owned(), answer);
    }

    pub(crate) fn remove(&self, address: &str) {
        self.0.lock().unwrap().answers.remove(address);
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.0.lock().unwrap().requests.clone()
    }

    /// How often `address` was asked.
    pub(crate) fn count(&self, address: &str) -> usize {
        let requests = self.requests();
        let to = |request: &&Request<Bytes>| *request.uri() == address;
        requests.iter().filter(to).count()
    }
}

impl Fetch for Internet {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        let mut places = self.0.lock().unwrap();
        let answer = places.answers.get(&request.uri().to_string()).cloned();
        places.requests.push(request);
        Box::pin(async move { answer.ok_or(FetchError::Connection) })
    }
}

/// The preset `text` with `values`, and with the examples of what they leave open.
pub(crate) fn filled(text: &str, values: &[(&str, &str)]) -> Provider {
    let preset = Preset::parse(text).unwrap();
    let mut all = BTreeMap::from([("client_id".to_owned(), "app-1".to_owned())]);
    for (name, variable) in preset.variables() {
        if let (Some(example), false) = (&variable.example, variable.optional) {
            all.insert(name.to_owned(), example.clone());
        }
    }
    let values = values.iter().map(|(name, value)| (*name, *value));
    all.extend(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
    preset.fill(&all).unwrap()
}

pub(crate) fn built_in(name: &str, values: &[(&str, &str)]) -> Provider {
    filled(Preset::text(name).unwrap(), values)
}

/// A verifier for [`AUDIENCE`] over `internet`.
pub(crate) fn verifier(provider: Provider, internet: &Internet) -> ProviderVerifierBuilder {
    ProviderVerifier::of(provider)
        .resource(ResourceUri::parse(AUDIENCE).unwrap())
        .fetcher(internet.clone())
}

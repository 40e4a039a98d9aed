//! Answers by path, and what was asked.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_oauth::form::Form;
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{HeaderMap, Request, Response};
use serde_json::Value;

/// What one path answers.
#[derive(Clone, Debug)]
pub(super) struct Play(Result<Reply, FetchError>);

#[derive(Clone, Debug)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Play {
    pub(super) fn of(status: u16, body: String) -> Self {
        let headers = Vec::new();
        Self(Ok(Reply {
            status,
            headers,
            body,
        }))
    }

    pub(super) fn failing(error: FetchError) -> Self {
        Self(Err(error))
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(reply) = &mut self.0 {
            reply.headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request that was made.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) address: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    /// One value of the form in the body.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let form = Form::parse(self.body.as_bytes()).unwrap();
        form.one(name).unwrap().map(str::to_owned)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct State {
    plays: HashMap<String, Play>,
    asked: Vec<Asked>,
}

/// A fetcher that plays a provider. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<Mutex<State>>);

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn play(&self, path: &str, play: Play) {
        let mut state = self.0.lock().unwrap();
        state.plays.insert(path.to_owned(), play);
    }

    pub(super) fn text(&self, path: &str, body: &str) {
        self.play(path, Play::of(200, body.to_owned()));
    }

    pub(super) fn json(&self, path: &str, body: &Value) {
        self.text(path, &body.to_string());
    }

    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        let state = self.0.lock().unwrap();
        let of_path = |asked: &&Asked| {
            let address: http::Uri = asked.address.parse().unwrap();
            address.path() == path
        };
        state.asked.iter().filter(of_path).cloned().collect()
    }

    /// The only request to `path`.
    pub(super) fn one(&self, path: &str) -> Asked {
        let asked = self.asked(path);
        assert_eq!(asked.len(), 1, "requests to {path}");
        asked[0].clone()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

impl Fetch for Script {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        let path = request.uri().path().to_owned();
        let mut state = self.0.lock().unwrap();
        state.asked.push(Asked {
            method: request.method().to_string(),
            address: request.uri().to_string(),
            headers: request.headers().clone(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        });
        let play = state.plays.get(&path).cloned();
        let play = play.unwrap_or_else(|| Play::of(404, String::new()));
        Box::pin(async move {
            tokio::task::yield_now().await;
            let reply = play.0?;
            let mut answer = Response::builder().status(reply.status);
            for (name, value) in reply.headers {
                answer = answer.header(name, value);
            }
            Ok(answer.body(Bytes::from(reply.body)).unwrap())
        })
    }
}

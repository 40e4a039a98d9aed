//! An outside server without a socket, so that time can stand still.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_resource_server::fetch::{Fetch, FetchError, Fetching};
use http::{Request, Response};
use tokio::sync::watch;

/// Answers in order; the last answer stays. Clones share the script.
#[derive(Clone, Debug)]
pub(crate) struct Scripted(Arc<Script>);

#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Result<Response<Bytes>, FetchError>>>,
    requests: watch::Sender<Vec<Request<Bytes>>>,
    open: watch::Sender<bool>,
}

impl Scripted {
    pub(crate) fn failing(error: FetchError) -> Self {
        let script = Self::answering(Response::new(Bytes::new()));
        script.now_fails(error);
        script
    }

    pub(crate) fn answering(answer: Response<Bytes>) -> Self {
        Self(Arc::new(Script {
            answers: Mutex::new(VecDeque::from([Ok(answer)])),
            requests: watch::Sender::default(),
            open: watch::Sender::new(true),
        }))
    }

    pub(crate) fn with_json(body: impl Into<Bytes>) -> Self {
        Self::answering(Response::new(body.into()))
    }

    pub(crate) fn now_answers(&self, answer: Response<Bytes>) {
        *self.0.answers.lock().unwrap() = VecDeque::from([Ok(answer)]);
    }

    pub(crate) fn now_json(&self, body: impl Into<Bytes>) {
        self.now_answers(Response::new(body.into()));
    }

    pub(crate) fn now_fails(&self, error: FetchError) {
        *self.0.answers.lock().unwrap() = VecDeque::from([Err(error)]);
    }

    /// From now on answers are held back until [`Self::open`].
    pub(crate) fn close(&self) {
        self.0.open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.requests.borrow().len()
    }

    pub(crate) fn last(&self) -> Request<Bytes> {
        self.0.requests.borrow().last().unwrap().clone()
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn received(&self, number: usize) {
        let mut requests = self.0.requests.subscribe();
        requests.wait_for(|all| all.len() >= number).await.unwrap();
    }
}

impl Fetch for Scripted {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        self.0.requests.send_modify(|all| all.push(request));
        Box::pin(async {
            let mut open = self.0.open.subscribe();
            open.wait_for(|open| *open).await.unwrap();
            let mut answers = self.0.answers.lock().unwrap();
            match answers.len() {
                0 | 1 => answers.front().cloned().unwrap(),
                _ => answers.pop_front().unwrap(),
            }
        })
    }
}

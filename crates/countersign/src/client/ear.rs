//! Whether what a server says of its own accord is heard: a legacy session has a stream
//! for it, and both can get lost.

use std::time::Duration;

use tokio::sync::watch;

/// So long is waited at most until the server is listened to.
const LISTENING: Duration = Duration::from_secs(2);

/// How far a session has come towards hearing its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hearing {
    /// There is no session, so the server says nothing of its own accord.
    #[default]
    Unasked,
    /// There is a session, and its stream is not there yet.
    Soon,
    /// The stream was answered, however.
    Answered,
    /// The server does not know the session any more.
    Lost,
}

/// A session, as it is heard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Session {
    /// How many there have been.
    pub(super) number: u64,
    pub(super) hearing: Hearing,
}

/// What one connection hears. What a server asks before its stream is there is lost, and
/// whoever called a tool would wait for ever.
#[derive(Clone, Debug)]
pub(super) struct Ear(watch::Sender<Session>);

impl Default for Ear {
    fn default() -> Self {
        Self(watch::Sender::new(Session::default()))
    }
}

impl Ear {
    pub(super) fn has_session(&self) {
        self.0.send_modify(|session| {
            session.number += 1;
            session.hearing = Hearing::Soon;
        });
    }

    pub(super) fn is_answered(&self) {
        self.0.send_if_modified(|session| {
            let is_news = session.hearing == Hearing::Soon;
            if is_news {
                session.hearing = Hearing::Answered;
            }
            is_news
        });
    }

    pub(super) fn lost(&self) {
        self.0.send_if_modified(|session| {
            let is_news = matches!(session.hearing, Hearing::Answered | Hearing::Soon);
            if is_news {
                session.hearing = Hearing::Lost;
            }
            is_news
        });
    }

    /// Hears of what happens to the session.
    pub(super) fn follow(&self) -> watch::Receiver<Session> {
        self.0.subscribe()
    }

    /// Waits until the stream of a session is there or was refused, not long.
    pub(super) async fn opened(&self) {
        let mut session = self.0.subscribe();
        let answered = session.wait_for(|session| session.hearing != Hearing::Soon);
        if tokio::time::timeout(LISTENING, answered).await.is_err() {
            tracing::debug!("the stream of the session takes long");
        }
    }
}

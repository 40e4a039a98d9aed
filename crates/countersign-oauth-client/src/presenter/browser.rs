//! The browser of the person, and an answer on the loopback interface or typed in.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use countersign_oauth::Secret;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use url::Url;

use super::loopback::Loopback;
use super::opening::{open, openable};
use super::request::{Expected, only};
use super::{CallbackParameters, Presenter, PresenterError, Presenting, Waiting};

/// How long a person may take.
const MAX_WAIT: Duration = Duration::from_secs(300);

type Say = Arc<dyn Fn(&str) + Send + Sync>;
type ReadLine = Arc<dyn Fn() -> io::Result<String> + Send + Sync>;

/// Opens authorization requests in the system's browser, and receives the answer on the
/// loopback interface (RFC 8252 §7.3). It says the address too, for whoever would rather
/// open it elsewhere.
#[derive(Clone)]
pub struct Browser {
    is_opened: bool,
    max_wait: Duration,
    say: Say,
    typed: Option<ReadLine>,
}

impl Browser {
    /// The system's browser, what is to be said on standard error, and 300 seconds for
    /// the person.
    pub fn new() -> Self {
        Self {
            is_opened: true,
            max_wait: MAX_WAIT,
            say: Arc::new(|sentence| {
                // Nobody is left to tell if this fails.
                drop(writeln!(io::stderr().lock(), "{sentence}"));
            }),
            typed: None,
        }
    }

    /// Opens nothing and only says the address: at a remote terminal.
    #[must_use]
    pub fn unopened(mut self) -> Self {
        self.is_opened = false;
        self
    }

    /// Takes the address too at which the browser ends up, or what follows `?` in it,
    /// from the lines that `read_line` answers: where the browser is on another computer
    /// nothing can be received. It is called in a thread of its own, for one login after
    /// another, and may still be waiting for a line when a login is over. An empty text is
    /// the end of what can be typed, and the browser is waited for all the same; an error
    /// gives the login up.
    #[must_use]
    pub fn or_typed(
        mut self,
        read_line: impl Fn() -> io::Result<String> + Send + Sync + 'static,
    ) -> Self {
        self.typed = Some(Arc::new(read_line));
        self
    }

    /// Gives up after `longest`.
    #[must_use]
    pub fn max_wait(mut self, longest: Duration) -> Self {
        self.max_wait = longest;
        self
    }

    /// Hands every sentence for the person to `say`; it may have several lines.
    #[must_use]
    pub fn say(mut self, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.say = Arc::new(say);
        self
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("is_opened", &self.is_opened)
            .field("max_wait", &self.max_wait)
            .finish_non_exhaustive()
    }
}

impl Presenter for Browser {
    fn open(&self) -> Presenting<'_, Box<dyn Waiting>> {
        Box::pin(async {
            let loopback = Loopback::bind().await?;
            let waiting: Box<dyn Waiting> = Box::new(Login {
                redirect_uri: loopback.redirect_uri(),
                loopback,
                browser: self.clone(),
            });
            Ok(waiting)
        })
    }

    fn tell(&self, sentence: &str) {
        (self.say)(sentence);
    }

    fn max_wait(&self) -> Option<Duration> {
        Some(self.max_wait)
    }
}

struct Login {
    loopback: Loopback,
    redirect_uri: String,
    browser: Browser,
}

impl Waiting for Login {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn present<'a>(self: Box<Self>, url: &'a Url) -> Presenting<'a, CallbackParameters> {
        Box::pin(async move {
            let url = openable(url.as_str())?;
            let expected = Expected {
                authority: self.loopback.authority().to_owned(),
                state: state_of(&url)?,
            };
            self.browser.show(&url);
            let max_wait = self.browser.max_wait;
            let answer = timeout(max_wait, self.wait(expected)).await;
            answer.unwrap_or(Err(PresenterError::Timeout {
                seconds: max_wait.as_secs(),
            }))
        })
    }
}

impl Login {
    async fn wait(self, expected: Expected) -> Result<CallbackParameters, PresenterError> {
        let typed = self.browser.typed_answer(&self.redirect_uri, &expected);
        tokio::select! {
            answer = self.loopback.wait(expected.clone()) => answer,
            answer = typed => answer,
        }
    }
}

fn state_of(url: &Url) -> Result<Secret, PresenterError> {
    let state = only(url.query().unwrap_or_default(), "state");
    let state = state.filter(|state| !state.is_empty());
    state.map(Secret::new).ok_or(PresenterError::State)
}

impl Browser {
    fn show(&self, url: &Url) {
        let is_open = self.is_opened && open(url).is_ok();
        (self.say)(&if is_open {
            format!("The browser opens to log in. If it does not, open this address:\n\n  {url}\n")
        } else {
            format!("Open this address to log in:\n\n  {url}\n")
        });
        if self.typed.is_some() {
            (self.say)(
                "If the browser is on another computer, it ends up at an address that does not \
                 load: paste that address here and press Enter.",
            );
        }
    }

    /// The first typed answer that is expected; never, if nothing can be typed.
    async fn typed_answer(
        &self,
        redirect_uri: &str,
        expected: &Expected,
    ) -> Result<CallbackParameters, PresenterError> {
        let Some(mut lines) = self.typed.as_ref().and_then(lines_of) else {
            return std::future::pending().await;
        };
        while let Some(line) = lines.recv().await {
            let line = line.map_err(|_| PresenterError::GivenUp)?;
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if let Some(answer) = query_in(line, redirect_uri).and_then(|it| expected.judge(it)) {
                return Ok(answer);
            }
            (self.say)(&format!(
                "This is not the address of this login: it begins with {redirect_uri}?"
            ));
        }
        std::future::pending().await
    }
}

/// Lines as they are typed, read in a thread of its own that nobody waits for: a read
/// from a terminal cannot be given up.
fn lines_of(read_line: &ReadLine) -> Option<UnboundedReceiver<io::Result<String>>> {
    let (sender, lines) = unbounded_channel();
    let read_line = read_line.clone();
    let reading = thread::Builder::new().name("typed".to_owned());
    let started = reading.spawn(move || {
        loop {
            let line = read_line();
            // An empty text is the end, a line has at least its line feed.
            if line.as_ref().is_ok_and(String::is_empty) {
                break;
            }
            let is_over = line.is_err();
            if sender.send(line).is_err() || is_over {
                break;
            }
        }
    });
    started.is_ok().then_some(lines)
}

/// The query in the address that was typed, or what was typed if it is a query.
fn query_in<'a>(line: &'a str, redirect_uri: &str) -> Option<&'a str> {
    let line = line.split('#').next().unwrap_or_default();
    let is_visible = |byte: u8| (0x21..0x7F).contains(&byte);
    if !line.bytes().all(is_visible) {
        return None;
    }
    match line.strip_prefix(redirect_uri) {
        Some(rest) => rest.strip_prefix('?'),
        None if line.contains("://") => None,
        None => Some(line.strip_prefix('?').unwrap_or(line)),
    }
}

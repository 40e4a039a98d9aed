//! A browser driven through WebDriver (W3C WebDriver 2), and a socket for the server.

use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_authorization_server::AuthorizationServer;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How a browser presents pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) name: &'static str,
    pub(crate) size: (u32, u32),
    pub(crate) is_phone: bool,
    pub(crate) is_dark: bool,
}

/// Chromedriver, which ends with this.
pub(crate) struct Driver {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    _child: Child,
}

/// One window of a fresh browser.
pub(crate) struct Window<'a> {
    driver: &'a Driver,
    session: String,
    _profile: tempfile::TempDir,
}

impl Driver {
    /// Starts chromedriver; nothing if it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        // It takes the same port for both families of addresses, or ends if another
        // program was quicker.
        for _ in 0..10 {
            if let Some(driver) = Self::try_to_start().await? {
                return Some(driver);
            }
        }
        panic!("chromedriver finds no port");
    }

    /// Nothing inside if it found no port.
    async fn try_to_start() -> Option<Option<Self>> {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let Some(line) = lines.next_line().await.unwrap() else {
                return Some(None);
            };
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                break rest.trim_end_matches('.').to_owned();
            }
        };
        // Whoever stops reading stops chromedriver.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Some(Self {
            base: format!("http://127.0.0.1:{port}"),
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            _child: child,
        }))
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == Method::GET {
            Full::default()
        } else {
            Full::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        let answer = self.client.request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        let value = answer["value"].take();
        if status.is_success() {
            Ok(value)
        } else {
            Err(format!("{path}: {} {}", value["error"], value["message"]))
        }
    }

    pub(crate) async fn open(&self, screen: Screen) -> Window<'_> {
        let profile = tempfile::tempdir().unwrap();
        let (width, height) = screen.size;
        let scheme = u8::from(!screen.is_dark);
        let mut options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--hide-scrollbars",
            format!("--window-size={width},{height}"),
            format!("--blink-settings=preferredColorScheme={scheme}"),
            format!("--user-data-dir={}", profile.path().display()),
        ]});
        if screen.is_phone {
            let metrics = json!({ "width": width, "height": height, "pixelRatio": 2 });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options } } });
        let answer = self.call(Method::POST, "/session", &wanted).await.unwrap();
        Window {
            driver: self,
            session: answer["sessionId"].as_str().unwrap().to_owned(),
            _profile: profile,
        }
    }
}

impl Window<'_> {
    async fn post(&self, command: &str, body: Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        self.driver.call(Method::POST, &path, &body).await.unwrap()
    }

    async fn read(&self, command: &str) -> String {
        let path = format!("/session/{}/{command}", self.session);
        let value = self.driver.call(Method::GET, &path, &Value::Null).await;
        value.unwrap().as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn go(&self, address: &str) {
        self.post("url", json!({ "url": address })).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.read("url").await
    }

    pub(crate) async fn title(&self) -> String {
        self.read("title").await
    }

    async fn find(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.post("element", body).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(crate) async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/click"), json!({}))
            .await;
    }

    /// Clicks on what leads to another page, and waits until that is there.
    pub(crate) async fn press(&self, selector: &str) {
        self.run("window.isBefore = true").await;
        self.click(selector).await;
        let path = format!("/session/{}/execute/sync", self.session);
        let script = "return !window.isBefore && document.readyState === 'complete'";
        let body = json!({ "script": script, "args": [] });
        for _ in 0..200 {
            // Between two pages there is none that could answer.
            let is_there = self.driver.call(Method::POST, &path, &body).await;
            if is_there == Ok(Value::Bool(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{selector} leads nowhere: {}", self.text().await);
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/clear"), json!({}))
            .await;
        let body = json!({ "text": text });
        self.post(&format!("element/{element}/value"), body).await;
    }

    /// Clicks twice, as fast as some people always do.
    pub(crate) async fn click_twice(&self, selector: &str) {
        let element = self.find(selector).await;
        let origin = json!({ ELEMENT: element });
        let mut actions = vec![json!({ "type": "pointerMove", "x": 0, "y": 0, "origin": origin })];
        for _ in 0..2 {
            actions.push(json!({ "type": "pointerDown", "button": 0 }));
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
            actions.push(json!({ "type": "pause", "duration": 100 }));
        }
        let mouse = json!({ "type": "pointer", "id": "mouse", "actions": actions });
        self.post("actions", json!({ "actions": [mouse] })).await;
    }

    /// Types on the keyboard, wherever the focus is; `\u{e004}` is Tab, `\u{e007}`
    /// Enter.
    pub(crate) async fn keys(&self, text: &str) {
        let presses = text.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|event| json!({ "type": event, "value": key.to_string() }))
        });
        let actions: Vec<_> = presses.collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("actions", json!({ "actions": [keyboard] })).await;
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.post("execute/sync", body).await
    }

    /// Waits for a page whose address has `part`.
    pub(crate) async fn arrives(&self, part: &str) -> String {
        for _ in 0..100 {
            let address = self.address().await;
            if address.contains(part) {
                return address;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "{} instead of {part}: {}",
            self.address().await,
            self.text().await
        );
    }

    /// Waits for a page whose title begins with `start`.
    pub(crate) async fn titled(&self, start: &str) {
        for _ in 0..100 {
            if self.title().await.starts_with(start) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "{} instead of {start}: {}",
            self.title().await,
            self.text().await
        );
    }

    /// Waits until `script` answers `expected`: a browser moves the focus when it has
    /// drawn the page.
    pub(crate) async fn answers(&self, script: &str, expected: &str) {
        for _ in 0..100 {
            if self.run(script).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.run(script).await, expected, "{script}");
    }

    /// Waits until the element with this id has the focus.
    pub(crate) async fn focused(&self, id: &str) {
        self.answers("return document.activeElement.id", id).await;
    }

    async fn delete(&self, command: &str) {
        let path = format!("/session/{}/{command}", self.session);
        let deleted = self.driver.call(Method::DELETE, &path, &json!({})).await;
        deleted.unwrap();
    }

    pub(crate) async fn forget_cookies(&self) {
        self.delete("cookie").await;
    }

    pub(crate) async fn forget_cookie(&self, name: &str) {
        self.delete(&format!("cookie/{name}")).await;
    }

    /// Goes into the first frame of the page.
    pub(crate) async fn enter_frame(&self) {
        self.post("frame", json!({ "id": 0 })).await;
    }

    /// A picture of the whole page.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let parameters = json!({ "captureBeyondViewport": true, "format": "png" });
        let command = json!({ "cmd": "Page.captureScreenshot", "params": parameters });
        let answer = self.post("goog/cdp/execute", command).await;
        STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    pub(crate) async fn close(self) {
        let path = format!("/session/{}", self.session);
        let closed = self.driver.call(Method::DELETE, &path, &json!({})).await;
        closed.unwrap();
    }
}

/// Serves `server` on `listener` for as long as the test runs.
pub(crate) fn serve(listener: TcpListener, server: AuthorizationServer) {
    serve_on(listener, server, Arc::default());
}

/// As [`serve`], over a line on which each answer is under way for `delay` milliseconds.
pub(crate) fn serve_on(listener: TcpListener, server: AuthorizationServer, delay: Arc<AtomicU64>) {
    answer(listener, move |address, mut request| {
        let (server, delay) = (server.clone(), delay.clone());
        async move {
            request.extensions_mut().insert::<IpAddr>(address.ip());
            let answer = server.respond(request).await;
            let delay = Duration::from_millis(delay.load(Ordering::Relaxed));
            tokio::time::sleep(delay).await;
            answer
        }
    });
}

/// A program on this computer that waits for its answer.
pub(crate) fn callback(listener: TcpListener) {
    answer(listener, |_, _| async {
        Response::new(Full::from("the application has its answer"))
    });
}

/// A program on this computer that sends the browser on to `location`.
pub(crate) fn forward(listener: TcpListener, location: String) {
    answer(listener, move |_, _| {
        let location = location.clone();
        async move {
            let answer = Response::builder().status(302).header("location", location);
            answer.body(Full::default()).unwrap()
        }
    });
}

fn answer<F, A>(listener: TcpListener, respond: F)
where
    F: Fn(SocketAddr, Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send,
{
    tokio::spawn(async move {
        while let Ok((stream, address)) = listener.accept().await {
            let respond = respond.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let answer = respond(address, request);
                    async { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A browser that goes away is no failure of the server.
                let _ = connection.await;
            });
        }
    });
}

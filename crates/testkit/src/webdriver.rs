//! A browser driven through WebDriver (W3C WebDriver 2): chromedriver and its Chromium.
//!
//! A browser takes its own time, so this alone waits: it asks again until a page is
//! there.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::http::Http;

/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long it waits before it asks the browser again.
const MOMENT: Duration = Duration::from_millis(50);

/// A large window of somebody who prefers light pages.
pub const DESKTOP: Screen = Screen {
    name: "desktop-light",
    size: (1280, 800),
    is_phone: false,
    is_dark: false,
};

/// How a browser presents pages.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests make screens of their own")]
pub struct Screen {
    /// What pictures of it are called.
    pub name: &'static str,
    /// Width and height in CSS pixels.
    pub size: (u32, u32),
    /// Whether it is touched.
    pub is_phone: bool,
    /// Whether its owner prefers dark pages.
    pub is_dark: bool,
}

/// Chromedriver, which ends with this.
pub struct Driver {
    http: Http,
    _child: Child,
}

/// One window of a fresh browser.
pub struct Window<'a> {
    driver: &'a Driver,
    session: String,
    _profile: TempDir,
}

impl Driver {
    /// Starts chromedriver. Where it is not installed there is none, and the test says
    /// that it proved nothing; where `CI` is `true` that fails it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test itself is told so by its environment"
    )]
    #[expect(
        clippy::print_stderr,
        reason = "a test that proved nothing has to say so"
    )]
    pub async fn installed() -> Option<Self> {
        let driver = Self::start().await;
        if driver.is_none() {
            let has_to = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!has_to, "no chromedriver");
            eprintln!("skipped: chromedriver is not installed");
        }
        driver
    }

    async fn start() -> Option<Self> {
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
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let port = loop {
            let Some(line) = lines.next_line().await.expect("lines of text") else {
                return Some(None);
            };
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                break rest.trim_end_matches('.').to_owned();
            }
        };
        // Whoever stops reading stops chromedriver.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Some(Self {
            http: Http::socket(&format!("127.0.0.1:{port}")),
            _child: child,
        }))
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let has_body = method != Method::GET;
        let mut request = self.http.request(method, path);
        if has_body {
            request = request.json(body);
        }
        let mut answer = request.send().await;
        let mut told = answer.json().await;
        let value = told.get_mut("value").map_or(Value::Null, Value::take);
        if answer.status() == 200 {
            return Ok(value);
        }
        let part = |name: &str| value.get(name).map_or_else(String::new, Value::to_string);
        Err(format!("{path}: {} {}", part("error"), part("message")))
    }

    /// Opens a window of a browser that knows nothing yet.
    pub async fn open(&self, screen: Screen) -> Window<'_> {
        let profile = tempfile::tempdir().expect("a folder");
        let (width, height) = screen.size;
        let scheme = u8::from(!screen.is_dark);
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            format!("--window-size={width},{height}"),
            format!("--blink-settings=preferredColorScheme={scheme}"),
            format!("--user-data-dir={}", profile.path().display()),
        ]);
        let options = if screen.is_phone {
            let metrics = json!({ "width": width, "height": height, "pixelRatio": 2 });
            json!({ "args": arguments, "mobileEmulation": { "deviceMetrics": metrics } })
        } else {
            json!({ "args": arguments })
        };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options } } });
        let answer = self.call(Method::POST, "/session", &wanted).await;
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        Window {
            driver: self,
            session: text_of(answer.get("sessionId")),
            _profile: profile,
        }
    }
}

impl Window<'_> {
    async fn ask(&self, method: Method, command: &str, body: &Value) -> Result<Value, String> {
        let path = format!("/session/{}{command}", self.session);
        self.driver.call(method, &path, body).await
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let answer = self.ask(Method::POST, &format!("/{command}"), &body).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn read(&self, command: &str) -> String {
        let command = format!("/{command}");
        let value = self.ask(Method::GET, &command, &Value::Null).await;
        text_of(Some(&value.unwrap_or_else(|error| panic!("{error}"))))
    }

    /// Goes to `address`, and waits for the page.
    pub async fn go(&self, address: &str) {
        self.post("url", json!({ "url": address })).await;
    }

    /// The address of the page.
    pub async fn address(&self) -> String {
        self.read("url").await
    }

    /// The title of the page.
    pub async fn title(&self) -> String {
        self.read("title").await
    }

    async fn find(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        text_of(self.post("element", body).await.get(ELEMENT))
    }

    /// What people can read on the page.
    pub async fn text(&self) -> String {
        text_of(Some(&self.run("return document.body.innerText").await))
    }

    /// Clicks on the element that the CSS selector finds.
    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/click"), json!({}))
            .await;
    }

    /// Clicks on what leads to another page, and waits until that is there.
    pub async fn press(&self, selector: &str) {
        self.run("window.isBefore = true").await;
        self.click(selector).await;
        let script = "return !window.isBefore && document.readyState === 'complete'";
        let body = json!({ "script": script, "args": [] });
        for _ in 0..200 {
            // Between two pages there is none that could answer.
            let is_there = self.ask(Method::POST, "/execute/sync", &body).await;
            if is_there == Ok(Value::Bool(true)) {
                return;
            }
            tokio::time::sleep(MOMENT).await;
        }
        panic!("{selector} leads nowhere: {}", self.text().await);
    }

    /// Types `text` into an input instead of what is there.
    pub async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("element/{element}/clear"), json!({}))
            .await;
        let body = json!({ "text": text });
        self.post(&format!("element/{element}/value"), body).await;
    }

    /// Clicks twice, as fast as some people always do.
    pub async fn click_twice(&self, selector: &str) {
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
    pub async fn keys(&self, text: &str) {
        let presses = text.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|event| json!({ "type": event, "value": key.to_string() }))
        });
        let actions: Vec<_> = presses.collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("actions", json!({ "actions": [keyboard] })).await;
    }

    /// What `script` returns on the page.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.post("execute/sync", body).await
    }

    /// Waits for a page whose address has `part`, and answers the address.
    pub async fn arrives(&self, part: &str) -> String {
        for _ in 0..100 {
            let address = self.address().await;
            if address.contains(part) {
                return address;
            }
            tokio::time::sleep(MOMENT).await;
        }
        panic!(
            "{} instead of {part}: {}",
            self.address().await,
            self.text().await
        );
    }

    /// Waits for a page whose title begins with `start`.
    pub async fn titled(&self, start: &str) {
        for _ in 0..100 {
            if self.title().await.starts_with(start) {
                return;
            }
            tokio::time::sleep(MOMENT).await;
        }
        panic!(
            "{} instead of {start}: {}",
            self.title().await,
            self.text().await
        );
    }

    /// Waits until `script` answers `expected`: a browser moves the focus when it has
    /// drawn the page.
    pub async fn answers(&self, script: &str, expected: &str) {
        for _ in 0..100 {
            if self.run(script).await == expected {
                return;
            }
            tokio::time::sleep(MOMENT).await;
        }
        assert_eq!(self.run(script).await, expected, "{script}");
    }

    /// Waits until the element with this id has the focus.
    pub async fn focused(&self, id: &str) {
        self.answers("return document.activeElement.id", id).await;
    }

    async fn delete(&self, command: &str) {
        let deleted = self.ask(Method::DELETE, command, &json!({})).await;
        deleted.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Forgets the cookies of the site.
    pub async fn forget_cookies(&self) {
        self.delete("/cookie").await;
    }

    /// Forgets one cookie of the site.
    pub async fn forget_cookie(&self, name: &str) {
        self.delete(&format!("/cookie/{name}")).await;
    }

    /// Goes into the first frame of the page.
    pub async fn enter_frame(&self) {
        self.post("frame", json!({ "id": 0 })).await;
    }

    /// A picture of the whole page, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let parameters = json!({ "captureBeyondViewport": true, "format": "png" });
        let command = json!({ "cmd": "Page.captureScreenshot", "params": parameters });
        let answer = self.post("goog/cdp/execute", command).await;
        let picture = STANDARD.decode(text_of(answer.get("data")));
        picture.expect("a picture in base64")
    }

    /// Ends the browser.
    pub async fn close(self) {
        self.delete("").await;
    }
}

fn text_of(value: Option<&Value>) -> String {
    let text = value.and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Driver({:?})", self.http)
    }
}

impl fmt::Debug for Window<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({})", self.session)
    }
}

//! A person with a browser: keeps cookies, fills in forms, follows nothing by itself.

use std::collections::BTreeMap;

use countersign::oauth::form::encode;
use testkit::client::http::RequestBuilder;
use testkit::{Answer, Http};

use crate::command::Server;

/// What the browser shows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Page {
    /// The value of the input `name`.
    fn input(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .body
            .split_once(&start)
            .unwrap_or_else(|| panic!("{self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The query of the address that it leads to, at `callback`.
    pub(crate) fn answer(&self, callback: &str) -> BTreeMap<String, String> {
        assert_eq!(self.status, 303, "{self:?}");
        let location = self.location.as_deref().unwrap();
        let (address, query) = location.split_once('?').unwrap();
        assert_eq!(address, callback);
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// A browser at one server.
pub(crate) struct Browser {
    http: Http,
    origin: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn at(server: &Server) -> Self {
        let origin = server.url.strip_suffix("/mcp").unwrap();
        Self::of(Http::socket(&server.authority()), origin.to_owned())
    }

    /// A browser that reaches the server of `origin` through `http`.
    pub(crate) const fn of(http: Http, origin: String) -> Self {
        Self {
            http,
            origin,
            cookies: BTreeMap::new(),
        }
    }

    /// Goes to `address`, with or without the origin.
    pub(crate) async fn open(&mut self, address: &str) -> Page {
        let target = address.strip_prefix(&self.origin).unwrap_or(address);
        let request = self.http.get(target);
        self.send(request).await
    }

    /// Fills in the form of `page` and sends it to `path`.
    pub(crate) async fn submit(&mut self, page: &Page, path: &str, typed: &[(&str, &str)]) -> Page {
        let mut fields = vec![("forgery_token", page.input("forgery_token"))];
        for hidden in ["transaction", "token", "provider"] {
            let input = format!("type=\"hidden\" name=\"{hidden}\" value=");
            if page.body.contains(&input) {
                fields.push((hidden, page.input(hidden)));
            }
        }
        let typed = typed
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        fields.extend(typed);
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = self
            .http
            .post(path)
            .header("origin", &self.origin)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        self.send(request).await
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let host = self.origin.split_once("://").unwrap().1;
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request.header("host", host);
        let mut answer: Answer = match cookies.is_empty() {
            true => request.send().await,
            false => request.header("cookie", cookies.join("; ")).send().await,
        };
        for set in answer.headers().get_all("set-cookie") {
            let (pair, _) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Page {
            status: answer.status(),
            location: answer.header("location").map(str::to_owned),
            body: answer.text().await,
        }
    }
}

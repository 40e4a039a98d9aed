//! A person with a browser that keeps cookies and sends the forms of pages.

use std::cell::RefCell;
use std::collections::BTreeMap;

use countersign::App;
use countersign::authorization_server::accounts::HashingCost;
use countersign::{EmbeddedAuth, oauth::form};
use countersign_oauth::pkce::CodeVerifier;
use testkit::Http;
use testkit::client::http::RequestBuilder;

use crate::embedded::client::Client;
use crate::fixture::Seen;

/// An authorization server in memory whose passwords cost nothing.
pub(crate) fn cheap_accounts() -> EmbeddedAuth {
    let mut cost = HashingCost::default();
    (cost.memory, cost.passes) = (32, 1);
    EmbeddedAuth::in_memory()
        .configure(move |server| server.accounts(move |accounts| accounts.hashing_cost(cost)))
}

pub(crate) struct Visitor {
    http: Http,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl Visitor {
    pub(crate) fn new(http: &Http) -> Self {
        Self {
            http: http.clone(),
            cookies: RefCell::default(),
        }
    }

    /// One who has just made the first account of `app`.
    pub(crate) async fn first_of(app: &App) -> Self {
        let visitor = Self::new(&Http::service(app.clone()));
        let people = app.authorization_server().unwrap().people().unwrap();
        let link = people.setup_link().await.unwrap().unwrap();
        let page = visitor.open(link.reveal()).await;
        let fields = [("name", "ada"), ("password", "correct horse battery")];
        let seen = visitor.send_form(&page, &fields).await;
        assert_eq!(seen.status, 303, "{}", seen.text());
        visitor
    }

    /// The same browser at another server.
    pub(crate) fn at(self, http: &Http) -> Self {
        Self {
            http: http.clone(),
            cookies: self.cookies,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Seen {
        let cookies: Vec<_> = self
            .cookies
            .borrow()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let seen = Seen::of(request.header("cookie", cookies.join("; ")).send().await).await;
        for line in seen.headers.get_all("set-cookie") {
            let (pair, _) = line.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.borrow_mut();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        seen
    }

    /// The page at `address`, of which only path and query count.
    pub(crate) async fn open(&self, address: &str) -> Seen {
        let url = url::Url::parse(address).unwrap();
        let target = &url[url::Position::BeforePath..];
        self.send(self.http.get(target)).await
    }

    /// Sends the form of `page` with `fields` filled in.
    pub(crate) async fn send_form(&self, page: &Seen, fields: &[(&str, &str)]) -> Seen {
        self.send_form_to(page, "", fields).await
    }

    /// The same, with the first form that goes to an address that begins with `target`.
    pub(crate) async fn send_form_to(
        &self,
        page: &Seen,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Seen {
        let text = page.text();
        let before = "<form method=\"post\" action=\"";
        let (_, form) = text
            .split_once(&format!("{before}{target}"))
            .unwrap_or_else(|| panic!("no form: {text}"));
        let (rest, form) = form.split_once('"').unwrap();
        let action = &format!("{target}{rest}");
        let (form, _) = form.split_once("</form>").unwrap();
        let hidden = form
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .map(|input| {
                let (name, rest) = input.split_once("\" value=\"").unwrap();
                (name, rest.split_once('"').unwrap().0)
            });
        let pairs: Vec<_> = hidden
            .chain(fields.iter().copied())
            .map(|(name, value)| format!("{name}={}", form::encode(value)))
            .collect();
        let request = self.http.post(action);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header("origin", "null");
        self.send(request.body(pairs.join("&"))).await
    }

    /// Posts `fields` to `target`, from a page of the origin `from` if one is named.
    pub(crate) async fn post(
        &self,
        target: &str,
        fields: &[(&str, &str)],
        from: Option<&str>,
    ) -> Seen {
        let pairs = fields.iter();
        let pairs = pairs.map(|(name, value)| format!("{name}={}", form::encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let mut request = self
            .http
            .post(target)
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = from {
            request = request
                .header("origin", origin)
                .header("sec-fetch-site", "same-origin");
        }
        self.send(request.body(body)).await
    }

    /// The consent page for what `client` asks.
    pub(crate) async fn asked_by(&self, client: &Client, verifier: &CodeVerifier) -> Seen {
        let endpoint = client.endpoint("authorization");
        let page = self
            .open(&format!("{endpoint}?{}", client.question(verifier)))
            .await;
        assert_eq!(page.status, 200, "{}", page.text());
        page
    }

    /// The access token of `client` after this person has agreed, also to `scopes`.
    pub(crate) async fn allow(&self, client: &Client, scopes: &[&str]) -> String {
        let verifier = CodeVerifier::from_random([3; 32]);
        let page = self.asked_by(client, &verifier).await;
        let mut fields = vec![("decision", "allow")];
        fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
        let seen = self.send_form(&page, &fields).await;
        let location = seen.header("location");
        let location = location.unwrap_or_else(|| panic!("{}", seen.text()));
        client.redeem(location, &verifier).await.0
    }
}

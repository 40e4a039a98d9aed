//! What a gate looks at.

use std::fmt;

use http::{HeaderMap, Method};

/// Everything of a request before its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    prefix: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
}

/// Nothing of the headers and the query, which carry credentials.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<'a> RequestHead<'a> {
    /// A request with `method` for `path`, which begins with `/`, without query.
    pub const fn new(method: &'a Method, path: &'a str, headers: &'a HeaderMap) -> Self {
        Self {
            method,
            prefix: "",
            path,
            query: None,
            headers,
        }
    }

    /// The head of `parts`.
    pub fn of(parts: &'a http::request::Parts) -> Self {
        let uri = &parts.uri;
        Self::new(&parts.method, uri.path(), &parts.headers).query(uri.query())
    }

    /// What is behind `?` in the target of the request.
    #[must_use]
    pub const fn query(mut self, query: Option<&'a str>) -> Self {
        self.query = query;
        self
    }

    /// Clients know this address by `path`, whatever it is here; empty for `/`.
    #[must_use]
    pub const fn at(mut self, path: &'a str) -> Self {
        self.path = path;
        self
    }

    /// Something in front removed `prefix`, such as `/api`, from the beginning of the path:
    /// clients know the address with it, and proofs are for that (RFC 9449 §4.3).
    #[must_use]
    pub const fn behind(mut self, prefix: &'a str) -> Self {
        self.prefix = prefix;
        self
    }

    pub(crate) const fn method(&self) -> &'a Method {
        self.method
    }

    pub(crate) const fn prefix(&self) -> &'a str {
        self.prefix
    }

    pub(crate) const fn path(&self) -> &'a str {
        self.path
    }

    pub(crate) const fn query_text(&self) -> Option<&'a str> {
        self.query
    }

    pub(crate) const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }
}

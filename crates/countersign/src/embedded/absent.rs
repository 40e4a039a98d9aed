//! The place of the embedded authorization server in builds without it: types of
//! which there is no value, so that the code around them is the same.

use std::net::IpAddr;

use bytes::Bytes;
use countersign_resource_server::{ConfigurationError, GateBuilder};
use http::Response;
use http::request::Parts;
use http_body::Body;

use crate::front::{Answer, BoxError};
use crate::server::Surroundings;

#[derive(Debug)]
pub(crate) enum EmbeddedAuth {}

impl EmbeddedAuth {
    pub(crate) async fn open(self, _around: &Surroundings<'_>) -> Result<Self, ConfigurationError> {
        match self {}
    }

    pub(crate) fn mount(
        self,
        _gate: GateBuilder,
        _around: &Surroundings<'_>,
    ) -> Result<(GateBuilder, Mounted), ConfigurationError> {
        match self {}
    }
}

#[derive(Debug)]
pub(crate) enum Mounted {}

impl Mounted {
    pub(crate) fn answers(&self, _path: &str) -> bool {
        match *self {}
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        match *self {}
        #[expect(unreachable_code, reason = "it has the type")]
        std::iter::empty()
    }

    pub(crate) async fn respond<B>(
        &self,
        _parts: Parts,
        _body: B,
        _peer: Option<IpAddr>,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match *self {}
    }

    pub(crate) fn keep_house(&self) -> impl Future<Output = ()> + Send + 'static {
        match *self {}
        #[expect(unreachable_code, reason = "it has the type")]
        std::future::ready(())
    }

    pub(crate) async fn close(&self) {
        match *self {}
    }

    pub(crate) async fn begin(&self) -> Result<(), ConfigurationError> {
        match *self {}
    }
}

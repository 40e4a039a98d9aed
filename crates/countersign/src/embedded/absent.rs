//! The place of the embedded authorization server in builds without it: types of
//! which there is no value, so that the code around them is the same.

use std::net::IpAddr;

use bytes::Bytes;
use countersign_resource_server::{ConfigurationError, GateBuilder, SourceName};
use http::Response;
use http::request::Parts;
use http_body::Body;

use crate::front::{Answer, BoxError, Place};
use crate::server::{Announced, Surroundings};

#[derive(Debug)]
pub(crate) enum EmbeddedAuth {}

impl EmbeddedAuth {
    pub(crate) fn judge(&mut self, _: &Surroundings<'_>) -> Result<Announced, ConfigurationError> {
        match *self {}
    }

    pub(crate) async fn open(self) -> Result<Self, ConfigurationError> {
        match self {}
    }

    pub(crate) fn check_open(&self) -> Result<(), ConfigurationError> {
        match *self {}
    }

    pub(crate) fn mount(
        self,
        _gate: GateBuilder,
        _source: SourceName,
        _place: &Place,
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

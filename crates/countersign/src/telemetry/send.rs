//! How spans and metrics get to a collector: OTLP over HTTP, in protobuf, through the
//! guarded fetcher.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use countersign_resource_server::fetch::Fetch;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;

use super::Sending;
use crate::ConfigurationError;

/// Providers that send to `collector` with `fetch`.
pub(super) fn providers(
    collector: &str,
    fetch: Arc<dyn Fetch>,
    resource: Resource,
) -> Result<Sending, ConfigurationError> {
    let runtime = Handle::try_current().map_err(|_| {
        ConfigurationError::new(
            "`Telemetry::otlp` sends on a tokio runtime: build it inside of one, as in \
             `#[tokio::main]`",
        )
    })?;
    let courier = Courier { fetch, runtime };
    let collector = collector.trim_end_matches('/');
    let unusable = |error: &dyn fmt::Display| {
        ConfigurationError::new(format!(
            "what is sent to the collector {collector:?} cannot be set up: {error}"
        ))
    };
    let spans = SpanExporter::builder()
        .with_http()
        .with_http_client(courier.clone())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{collector}/v1/traces"))
        .build()
        .map_err(|error| unusable(&error))?;
    let metrics = MetricExporter::builder()
        .with_http()
        .with_http_client(courier)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{collector}/v1/metrics"))
        .build()
        .map_err(|error| unusable(&error))?;
    Ok(Sending {
        tracers: SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_batch_exporter(spans)
            .build(),
        meters: SdkMeterProvider::builder()
            .with_resource(resource)
            .with_periodic_exporter(metrics)
            .build(),
    })
}

/// Takes requests from the threads of the providers to the runtime.
#[derive(Clone, Debug)]
struct Courier {
    fetch: Arc<dyn Fetch>,
    runtime: Handle,
}

impl HttpClient for Courier {
    fn send_bytes<'a, 'all>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'all>>
    where
        'a: 'all,
        Self: 'all,
    {
        let fetch = Arc::clone(&self.fetch);
        let sent = self
            .runtime
            .spawn(async move { fetch.fetch(request).await });
        Box::pin(async move { Ok(sent.await??) })
    }
}

//! What a collector of OpenTelemetry is sent, byte for byte, and what it is not.

use std::collections::BTreeMap;

use countersign::telemetry::{Telemetry, TelemetryBuilder};
use countersign::{Server, tool};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value as Number};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use serde_json::json;
use testkit::{FakeIssuerServer, NOW, ScriptedAnswer};

use crate::fixture::{CANARY, Fixture};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Says in which trace it runs.
#[tool]
async fn traced() -> String {
    let context = opentelemetry::Context::current();
    context.span().span_context().trace_id().to_string()
}

/// A server, and the collector that it tells.
struct Told {
    fixture: Fixture,
    telemetry: Telemetry,
    collector: FakeIssuerServer,
}

impl Told {
    async fn new(change: impl FnOnce(TelemetryBuilder) -> TelemetryBuilder) -> Self {
        let collector = FakeIssuerServer::start().await;
        for path in ["/v1/traces", "/v1/metrics"] {
            collector.answer(path, ScriptedAnswer::status(200));
        }
        let telemetry = change(Telemetry::otlp(collector.url("")).service("notes"));
        let telemetry = telemetry.build().unwrap();
        let fixture = Fixture::with(|server| server.tool(traced).telemetry(&telemetry));
        Self {
            fixture,
            telemetry,
            collector,
        }
    }

    /// The bodies that came to `path`, after everything was sent.
    async fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        assert!(self.telemetry.flush().await);
        let requests = self.collector.requests().into_iter();
        let requests = requests.filter(|request| request.path == path);
        requests
            .map(|request| {
                assert_eq!(request.headers["content-type"], "application/x-protobuf");
                request.body.to_vec()
            })
            .collect()
    }

    async fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for body in self.bodies("/v1/traces").await {
            let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
            for of_resource in request.resource_spans {
                let resource = of_resource.resource.unwrap();
                let resource = texts(&resource.attributes);
                assert_eq!(resource["service.name"], "notes");
                for of_scope in of_resource.scope_spans {
                    assert_eq!(of_scope.scope.unwrap().name, "countersign");
                    spans.extend(of_scope.spans);
                }
            }
        }
        spans
    }

    async fn span(&self) -> Span {
        let mut spans = self.spans().await;
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.remove(0)
    }

    /// Everything that was ever sent holds none of these.
    async fn never_said(&self, texts: &[&str]) {
        assert!(self.telemetry.flush().await);
        let requests = self.collector.requests();
        assert!(requests.iter().any(|request| request.path == "/v1/traces"));
        assert!(requests.iter().any(|request| request.path == "/v1/metrics"));
        for text in texts {
            for request in &requests {
                let body = String::from_utf8_lossy(&request.body);
                assert!(!body.contains(text), "{text} in {}", request.path);
                let headers = format!("{:?}", request.headers);
                assert!(!headers.contains(text), "{text} in {headers}");
            }
        }
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let attributes = attributes.iter();
    attributes
        .map(|attribute| {
            let value = attribute.value.clone().and_then(|value| value.value);
            let value = match value {
                Some(Any::StringValue(text)) => text,
                Some(Any::IntValue(number)) => number.to_string(),
                other => panic!("{other:?}"),
            };
            (attribute.key.as_str(), value)
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_collector_that_cannot_be_spoken_to_safely_stops_the_start() {
    for address in [
        "http://collector.example:4318",
        "ftp://127.0.0.1:4318",
        "https://user:password@collector.example",
        "collector.example:4318",
        "127.0.0.1:4318",
        "",
    ] {
        let told = Telemetry::otlp(address).build().unwrap_err().to_string();
        assert!(told.contains("http://127.0.0.1:4318"), "{address}: {told}");
    }
    for address in ["https://collector.example", "http://localhost:4318/"] {
        Telemetry::otlp(address).build().unwrap();
    }
}

#[test]
fn without_a_runtime_it_is_said_what_is_missing() {
    let told = Telemetry::otlp("http://127.0.0.1:4318").build();
    let told = told.unwrap_err().to_string();
    assert!(told.contains("tokio runtime"), "{told}");
}

#[tokio::test]
async fn two_servers_do_not_share_what_knows_their_components() {
    let telemetry = Telemetry::otlp("http://127.0.0.1:4318").build().unwrap();
    let server = |name: &str| Server::new(name).telemetry(&telemetry);
    let alone = countersign::Http::bind("127.0.0.1:8000");
    server("first").into_app(&alone).unwrap();
    let told = server("second").into_app(&alone).unwrap_err().to_string();
    assert!(told.contains("two servers"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_client_made_up_and_no_secret_is_sent() {
    let told = Told::new(|telemetry| telemetry).await;
    let fixture = &told.fixture;
    let token = fixture.token();
    let client = fixture.modern();
    client.call("greet", json!({ "name": CANARY })).await;
    client.call("fails", json!({})).await;
    client
        .send("tools/call", json!({ "name": "made_up", "arguments": {} }))
        .await;
    client
        .send("resources/read", json!({ "uri": "note://made_up" }))
        .await;
    client
        .send(
            "prompts/get",
            json!({ "name": "summary", "arguments": { "text": CANARY } }),
        )
        .await;
    client.send("made/up", json!({})).await;
    fixture.see(fixture.call_with("Bearer made_up")).await;
    let request = fixture.call().header("x-made-up", "made_up");
    fixture
        .see(request.header("mcp-session-id", "made_up"))
        .await;
    let signature = token.rsplit('.').next().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    told.never_said(&[
        CANARY, "made_up", "made/up", &token, signature, payload, "alice", "Bearer", "Hello",
    ])
    .await;
    assert_eq!(told.spans().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_span_under_the_names_of_the_conventions() {
    let told = Told::new(|telemetry| telemetry).await;
    let client = told.fixture.modern();
    client.call("greet", json!({ "name": "World" })).await;
    let span = told.span().await;
    assert_eq!(span.name, "tools/call greet");
    assert_eq!(span.kind, SpanKind::Server as i32);
    let attributes = texts(&span.attributes);
    for (key, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("gen_ai.tool.name", "greet"),
        ("gen_ai.operation.name", "execute_tool"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("http.response.status_code", "200"),
        ("countersign.outcome", "allowed"),
        ("countersign.source", "oauth"),
    ] {
        assert_eq!(
            attributes.get(key).map(String::as_str),
            Some(value),
            "{key}"
        );
    }
    let record = told.fixture.noted.taken().remove(0);
    let id = record.request.unwrap();
    assert_eq!(attributes["countersign.request.id"], id.as_str());
    assert!(!attributes["jsonrpc.request.id"].is_empty());
    for key in [
        "error.type",
        "enduser.id",
        "client.address",
        "mcp.session.id",
    ] {
        assert!(!attributes.contains_key(key), "{key}");
    }
    assert!(span.parent_span_id.is_empty());
    let began = NOW.as_secs() * 1_000_000_000;
    assert_eq!(span.start_time_unix_nano, began);
    assert!(span.end_time_unix_nano >= began);
    let failed = span
        .status
        .is_some_and(|status| status.code() == StatusCode::Error);
    assert!(!failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_says_why() {
    let told = Told::new(|telemetry| telemetry).await;
    let client = told.fixture.modern();
    client.call("fails", json!({})).await;
    let report = json!({ "name": "admin_report", "arguments": {} });
    client.send("tools/call", report).await;
    client.send("made/up", json!({})).await;
    let odd = json!({ "name": "greet", "arguments": { "name": 7 } });
    client.send("tools/call", odd).await;
    told.fixture.see(told.fixture.call()).await;
    let spans = told.spans().await;
    let seen: Vec<_> = spans
        .iter()
        .map(|span| {
            let attributes = texts(&span.attributes);
            let status = span.status.as_ref().unwrap();
            assert_eq!(status.code(), StatusCode::Error, "{span:#?}");
            let code = attributes.get("rpc.response.status_code").cloned();
            (
                span.name.as_str(),
                attributes["error.type"].clone(),
                attributes["http.response.status_code"].clone(),
                code.unwrap_or_default(),
            )
        })
        .collect();
    let expected = [
        ("tools/call fails", "tool_error", "200", ""),
        ("tools/call admin_report", "insufficient_scope", "403", ""),
        ("request", "-32601", "404", "-32601"),
        ("tools/call greet", "-32602", "400", "-32602"),
        ("request", "no_credential", "401", ""),
    ];
    let seen: Vec<_> = seen
        .iter()
        .map(|(name, error, status, code)| (*name, &**error, &**status, &**code))
        .collect();
    assert_eq!(seen, expected);
}

fn parent(trace: &str) -> String {
    format!("00-{trace}-b7ad6b7169203331-01")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_joins_the_trace_that_an_authenticated_client_names() {
    for (header, meta, joined, linked) in [
        (Some(parent(TRACE)), None, Some(TRACE), None),
        (None, Some(parent(TRACE)), Some(TRACE), None),
        (
            Some(parent(OTHER_TRACE)),
            Some(parent(TRACE)),
            Some(TRACE),
            Some(OTHER_TRACE),
        ),
        (
            Some("00-nonsense-01".to_owned()),
            Some("x".to_owned()),
            None,
            None,
        ),
        (None, None, None, None),
    ] {
        let told = Told::new(|telemetry| telemetry).await;
        let client = told.fixture.modern();
        let mut body = client.body("tools/call", json!({ "name": "traced", "arguments": {} }));
        if let Some(meta) = &meta {
            body["params"]["_meta"]["traceparent"] = json!(meta);
        }
        let mut request = client.with_body(&body);
        if let Some(header) = &header {
            request = request.header("traceparent", header);
        }
        let answer = told.fixture.see(request).await.json();
        let span = told.span().await;
        let trace = hex(&span.trace_id);
        // What the tool itself sends is in the same trace.
        assert_eq!(answer["result"]["content"][0]["text"], json!(trace));
        match joined {
            Some(joined) => {
                assert_eq!(trace, joined, "{header:?} {meta:?}");
                assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
            }
            None => assert!(span.parent_span_id.is_empty()),
        }
        let links: Vec<_> = span.links.iter().map(|link| hex(&link.trace_id)).collect();
        assert_eq!(links, Vec::from_iter(linked.map(str::to_owned)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_joins_no_trace() {
    let told = Told::new(|telemetry| telemetry).await;
    let request = told.fixture.call().header("traceparent", parent(TRACE));
    assert_eq!(told.fixture.see(request).await.status, 401);
    let span = told.span().await;
    assert_ne!(hex(&span.trace_id), TRACE);
    assert!(span.parent_span_id.is_empty() && span.links.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_ends_with_the_last_event_of_a_stream() {
    let told = Told::new(|telemetry| telemetry).await;
    let client = told.fixture.modern();
    let params = json!({
        "name": "chatty",
        "arguments": {},
        "_meta": { "progressToken": 1 },
    });
    let mut answer = client.send("tools/call", params).await;
    assert!(answer.is_event_stream());
    assert!(told.spans().await.is_empty());
    assert_eq!(answer.messages().await.len(), 2);
    drop(answer);
    assert_eq!(told.span().await.name, "tools/call chatty");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_named_if_that_was_asked_for() {
    let told = Told::new(TelemetryBuilder::naming_callers).await;
    let client = told.fixture.modern();
    client.call("greet", json!({ "name": "World" })).await;
    let span = told.span().await;
    let attributes = texts(&span.attributes);
    assert_eq!(attributes["enduser.id"], "alice");
    assert_eq!(attributes["countersign.issuer"], testkit::ISSUER);
    told.never_said(&[&told.fixture.token(), "World"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_nothing_is_decided_about_are_no_spans() {
    let told = Told::new(|telemetry| telemetry).await;
    for path in ["/healthz", "/.well-known/oauth-protected-resource/mcp"] {
        let answer = told.fixture.see(told.fixture.http().get(path)).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    assert!(told.spans().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_numbers_are_sent_under_the_same_names() {
    let told = Told::new(|telemetry| telemetry).await;
    let client = told.fixture.modern();
    for _ in 0..3 {
        client.call("greet", json!({ "name": "World" })).await;
    }
    told.fixture.see(told.fixture.call()).await;
    let body = told.bodies("/v1/metrics").await.pop().unwrap();
    let request = ExportMetricsServiceRequest::decode(&body[..]).unwrap();
    let scopes = request.resource_metrics.into_iter();
    let scopes = scopes.flat_map(|resource| resource.scope_metrics);
    let mut numbers = BTreeMap::new();
    for metric in scopes.flat_map(|scope| scope.metrics) {
        let points: Vec<_> = match metric.data.unwrap() {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic, "{}", metric.name);
                sum.data_points
            }
            Data::Gauge(gauge) => gauge.data_points,
            Data::Histogram(histogram) => {
                assert_eq!(
                    (metric.unit.as_str(), metric.name.as_str()),
                    ("s", DURATIONS)
                );
                for point in histogram.data_points {
                    assert_eq!(point.explicit_bounds.len(), 14);
                    let class = texts(&point.attributes)["class"].clone();
                    numbers.insert(format!("{DURATIONS} {class}"), point.count as i64);
                }
                continue;
            }
            other => panic!("{other:?}"),
        };
        for point in points {
            let labels = texts(&point.attributes);
            let labels: Vec<_> = labels.values().map(String::as_str).collect();
            let Some(Number::AsInt(value)) = point.value else {
                panic!("{:?}", point.value);
            };
            numbers.insert(format!("{} {}", metric.name, labels.join(" ")), value);
        }
    }
    for (name, value) in [
        ("countersign_decisions_total tools/call allowed none", 3),
        ("countersign_decisions_total none refused no_credential", 1),
        (
            "countersign_component_decisions_total greet tool allowed",
            3,
        ),
        ("countersign_http_requests_in_progress ", 0),
        ("countersign_sessions ", 0),
        ("countersign_streams ", 0),
        ("countersign_token_cache_entries ", 1),
        ("countersign_token_cache_capacity ", 10_000),
    ] {
        let found = numbers.get(name);
        let enough = found.is_some_and(|found| *found >= value);
        let exact = name.contains("capacity") || found == Some(&value);
        assert!(enough && exact, "{name}: {numbers:#?}");
    }
    assert_eq!(numbers[&format!("{DURATIONS} 2xx")], 3);
    assert_eq!(numbers[&format!("{DURATIONS} 4xx")], 1);
}

const DURATIONS: &str = "countersign_http_request_duration_seconds";

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_harms_no_call() {
    let told = Told::new(|telemetry| telemetry).await;
    let path = "/v1/traces";
    told.collector.answer(path, ScriptedAnswer::status(400));
    let client = told.fixture.modern();
    let answer = client.call("greet", json!({ "name": "World" })).await;
    assert_eq!(
        answer["content"][0]["text"],
        "Hello, World! Your userid is alice."
    );
    assert!(!told.telemetry.flush().await);
}

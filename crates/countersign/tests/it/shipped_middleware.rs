//! Caching, size limits, attempts and times: M-21, row E40, in both lanes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use countersign::middleware::{Middleware, ResponseCaching, ResponseLimit, Retry, Timeouts};
use countersign::policy::rules::{Rule, RuleSet, Rules, Unmentioned, What, Who};
use countersign::protocol::{CallToolResult, ContentBlock};
use countersign::{
    AccessToken, Context, Server, Sessions, State, ToolError, prompt, resource, tool,
};
use serde_json::{Value, json};
use testkit::{LegacyClient, ModernClient, NOW};

use crate::fixture::{Fixture, Runs};

/// A client of either lane.
enum Client {
    Direct(ModernClient),
    Session(LegacyClient),
}

impl Client {
    async fn result(&self, method: &str, params: Value) -> Value {
        match self {
            Self::Direct(client) => client.result(method, params).await,
            Self::Session(client) => client.result(method, params).await,
        }
    }

    async fn response(&self, method: &str, params: Value) -> Value {
        match self {
            Self::Direct(client) => client.send(method, params).await.response().await,
            Self::Session(client) => client.send(method, params).await.response().await,
        }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.result("tools/call", params).await
    }

    /// The text of the first block.
    async fn said(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    async fn tools(&self) -> Vec<String> {
        let listed = self.result("tools/list", json!({})).await;
        let tools = listed["tools"].as_array().unwrap();
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }
}

/// A server with `middleware`, and how its clients are served.
struct Lane(Fixture, Sessions);

/// Both lanes, each with a server of its own.
fn lanes<M: Middleware>(middleware: impl Fn() -> M) -> Vec<Lane> {
    lanes_with(|server| server.middleware(middleware()))
}

fn lanes_with(change: impl Fn(Server) -> Server) -> Vec<Lane> {
    let lane = |sessions| {
        let fixture = Fixture::with(|server| {
            let server = server.sessions(sessions).state(Tries::default());
            let server = server.tool(whoami).tool(marked).tool(flaky).tool(shaky);
            let server = server.tool(sorry).tool(long).tool(table).tool(slow);
            change(server.resource(page).prompt(poem))
        });
        Lane(fixture, sessions)
    };
    vec![lane(Sessions::Never), lane(Sessions::Always)]
}

impl Lane {
    async fn client(&self, subject: &str, scopes: &str) -> Client {
        let Self(fixture, sessions) = self;
        let token = fixture.issuer.token().sub(subject).scopes(scopes).sign();
        if matches!(sessions, Sessions::Never) {
            let client = ModernClient::new(fixture.http(), "/mcp").bearer(&token);
            return Client::Direct(client);
        }
        let mut client = LegacyClient::new(fixture.http(), "/mcp").bearer(&token);
        client.initialize().await;
        Client::Session(client)
    }

    fn runs(&self) -> usize {
        self.0.runs.count()
    }

    fn pass(&self, seconds: u64) {
        let now = NOW.as_secs() + seconds;
        let now = countersign::oauth::UnixTime::from_secs(now);
        self.0.clock.set(now);
    }
}

/// Who calls, and how often it ran.
#[tool]
async fn whoami(n: u64, token: AccessToken, runs: State<Runs>) -> String {
    runs.0.add();
    format!("{} {n}", token.sub())
}

/// Keeps itself out of caches.
#[tool]
async fn marked(context: Context, runs: State<Runs>) -> &'static str {
    runs.0.add();
    context.keep_private();
    "marked"
}

/// How often what was tried.
#[derive(Debug, Default)]
struct Tries(Mutex<HashMap<String, usize>>);

impl Tries {
    /// Fails inside until it was tried `needed` times.
    fn attempt(&self, tool: &str, needed: usize) -> Result<String, ToolError> {
        let mut tries = self.0.lock().unwrap();
        let tried = tries.entry(tool.to_owned()).or_default();
        *tried += 1;
        if *tried < needed {
            return Err(std::io::Error::other("the connection broke").into());
        }
        Ok(tried.to_string())
    }
}

/// Works now and then, and only reads.
#[tool(read_only)]
async fn flaky(needed: usize, tries: State<Tries>) -> Result<String, ToolError> {
    tries.0.attempt("flaky", needed)
}

/// Works now and then, and says nothing about itself.
#[tool]
async fn shaky(needed: usize, tries: State<Tries>) -> Result<String, ToolError> {
    tries.0.attempt("shaky", needed)
}

/// Says no, in words.
#[tool(read_only)]
async fn sorry(runs: State<Runs>) -> Result<String, ToolError> {
    runs.0.add();
    Err(ToolError::new("no"))
}

/// So many letters of three bytes each, after a text that is short.
#[tool]
async fn long(letters: usize) -> CallToolResult {
    CallToolResult::success(vec![
        ContentBlock::text("short"),
        ContentBlock::text("\u{20ac}\"\n".repeat(letters)),
        ContentBlock::text("after"),
    ])
}

/// A structured result.
#[tool]
async fn table(rows: usize) -> CallToolResult {
    CallToolResult::structured(json!({ "rows": vec!["row"; rows] }))
}

/// Takes a minute.
#[tool]
async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "at last"
}

/// A page.
#[resource("page://{id}")]
async fn page(id: String, runs: State<Runs>) -> Result<String, ToolError> {
    runs.0.add();
    match id.as_str() {
        "broken" => Err(ToolError::new("broken")),
        "large" => Ok("x".repeat(5_000)),
        _ => Ok(id),
    }
}

/// A poem.
#[prompt]
async fn poem(about: String, runs: State<Runs>) -> String {
    runs.0.add();
    about
}

#[tokio::test]
async fn e40_the_list_of_an_admin_is_not_shown_to_bob_with_caches_on() {
    for lane in lanes(ResponseCaching::new) {
        let (admin, bob) = (
            lane.client("root", "read admin secret").await,
            lane.client("bob", "read").await,
        );
        for _ in 0..2 {
            let (all, some) = (admin.tools().await, bob.tools().await);
            assert!(all.iter().any(|name| name == "secret_tool"), "{all:?}");
            for hidden in ["secret_tool", "admin_report"] {
                assert!(!some.iter().any(|name| name == hidden), "{some:?}");
            }
        }
        // The same user with fewer scopes, and a user of the same name elsewhere.
        let fewer = lane.client("root", "read").await;
        assert_eq!(fewer.tools().await, bob.tools().await);
    }
}

#[tokio::test]
async fn e40_what_was_kept_under_other_rules_is_answered_to_nobody() {
    let rules = |denied: &[&str]| {
        let mut builder = RuleSet::builder(Unmentioned::Scopes);
        for name in denied {
            let what = What::tools([*name]);
            builder = builder.rule(Rule::deny(format!("no {name}"), Who::anyone(), what));
        }
        builder.build().unwrap()
    };
    let minute = Duration::from_secs(60);
    let caching = || ResponseCaching::new().tool("whoami", minute);
    let in_force = Rules::new(rules(&[]));
    let added = |server: Server| server.middleware(caching()).rules(in_force.clone());
    for lane in lanes_with(added) {
        in_force.replace(rules(&[]));
        let bob = lane.client("bob", "read").await;
        assert!(bob.tools().await.contains(&"marked".to_owned()));
        assert_eq!(bob.said("whoami", json!({ "n": 1 })).await, "bob 1");
        in_force.replace(rules(&["marked"]));
        let shown = bob.tools().await;
        assert!(!shown.contains(&"marked".to_owned()), "{shown:?}");
        assert_eq!(bob.said("whoami", json!({ "n": 1 })).await, "bob 1");
        assert_eq!(lane.runs(), 2, "what was kept before was answered");
        assert_eq!(bob.said("whoami", json!({ "n": 1 })).await, "bob 1");
        assert_eq!(lane.runs(), 2, "nothing is kept any more");
        // Rules of before are not those that were in force when it was kept.
        in_force.replace(rules(&[]));
        assert!(bob.tools().await.contains(&"marked".to_owned()));
    }
}

#[tokio::test]
async fn e40_a_thousand_mixed_calls_with_caches_on_are_answered_each_to_its_caller() {
    let caching = || ResponseCaching::new().tool("whoami", Duration::from_secs(60));
    for lane in lanes(caching) {
        let mut clients = Vec::new();
        for number in 0..10 {
            let subject = format!("user-{number}");
            clients.push((lane.client(&subject, "read").await, subject));
        }
        let before = lane.runs();
        let calls = (0..1_000_u64).map(|call| {
            let place = usize::try_from(call % 10).unwrap();
            let (client, subject) = &clients[place];
            let n = call / 10 % 5;
            async move {
                let said = client.said("whoami", json!({ "n": n })).await;
                assert_eq!(said, format!("{subject} {n}"));
            }
        });
        futures_util::future::join_all(calls).await;
        let runs = lane.runs() - before;
        assert!((50..1_000).contains(&runs), "{runs}");
        for (client, subject) in &clients {
            let said = client.said("whoami", json!({ "n": 1 })).await;
            assert_eq!(said, format!("{subject} 1"));
        }
        assert_eq!(lane.runs() - before, runs, "all of it is kept");
    }
}

#[tokio::test]
async fn only_what_was_named_is_kept_and_for_its_lifetime() {
    let minute = Duration::from_secs(60);
    let caching = || {
        ResponseCaching::new()
            .tool("whoami", minute)
            .resource("page://{id}", minute)
            .prompt("poem", minute)
    };
    for lane in lanes(caching) {
        let alice = lane.client("alice", "read").await;
        let requests = [
            (
                "tools/call",
                json!({ "name": "whoami", "arguments": { "n": 1 } }),
            ),
            ("resources/read", json!({ "uri": "page://one" })),
            (
                "prompts/get",
                json!({ "name": "poem", "arguments": { "about": "it" } }),
            ),
        ];
        for (method, params) in &requests {
            lane.pass(0);
            let before = lane.runs();
            let first = alice.result(method, params.clone()).await;
            lane.pass(59);
            assert_eq!(alice.result(method, params.clone()).await, first);
            assert_eq!(lane.runs() - before, 1, "{method}");
            lane.pass(60);
            assert_eq!(alice.result(method, params.clone()).await, first);
            assert_eq!(lane.runs() - before, 2, "{method}");
        }
        // Not named.
        let before = lane.runs();
        for _ in 0..2 {
            alice.call("greet", json!({ "name": "World" })).await;
        }
        assert_eq!(lane.runs() - before, 2);
    }
}

#[tokio::test]
async fn errors_and_what_a_handler_keeps_private_are_never_kept() {
    let minute = Duration::from_secs(60);
    let caching = || {
        let caching = ResponseCaching::new().resource("page://{id}", minute);
        caching.tool("marked", minute).tool("sorry", minute)
    };
    for lane in lanes(caching) {
        let alice = lane.client("alice", "read").await;
        for (method, params) in [
            ("tools/call", json!({ "name": "marked", "arguments": {} })),
            ("tools/call", json!({ "name": "sorry", "arguments": {} })),
            ("resources/read", json!({ "uri": "page://broken" })),
        ] {
            let before = lane.runs();
            for _ in 0..3 {
                alice.response(method, params.clone()).await;
            }
            assert_eq!(lane.runs() - before, 3, "{params}");
        }
    }
}

#[tokio::test]
async fn whoever_lost_a_scope_does_not_get_at_what_is_kept() {
    let caching = || ResponseCaching::new().tool("admin_report", Duration::from_secs(60));
    for lane in lanes(caching) {
        let admin = lane.client("root", "read admin").await;
        let before = lane.runs();
        for _ in 0..2 {
            assert_eq!(admin.said("admin_report", json!({})).await, "All is well.");
        }
        assert_eq!(lane.runs() - before, 1);
        let fewer = lane.client("root", "read").await;
        let params = json!({ "name": "admin_report", "arguments": {} });
        let refused = fewer.response("tools/call", params).await;
        assert!(refused.get("result").is_none(), "{refused}");
    }
}

#[tokio::test]
async fn text_that_is_too_long_is_cut_between_two_characters_and_says_so() {
    let limit = || ResponseLimit::new().bytes(600).suffix("[cut]");
    for lane in lanes(limit) {
        let alice = lane.client("alice", "read").await;
        let whole = alice.call("long", json!({ "letters": 5 })).await;
        assert_eq!(whole["content"].as_array().unwrap().len(), 3);
        for letters in 80..120 {
            let cut = alice.call("long", json!({ "letters": letters })).await;
            let size = serde_json::to_vec(&cut).unwrap().len();
            assert!(size <= 600, "{size}");
            assert!(size > 500, "{size}");
            let blocks = cut["content"].as_array().unwrap();
            assert_eq!(blocks[0]["text"], "short");
            let text = blocks[1]["text"].as_str().unwrap();
            let kept = text.strip_suffix("[cut]").unwrap();
            assert!("\u{20ac}\"\n".repeat(letters).starts_with(kept), "{text}");
            assert_eq!(blocks.len(), 2);
        }
    }
}

#[tokio::test]
async fn structured_results_resources_and_prompts_that_are_too_large_are_errors() {
    for lane in lanes(|| ResponseLimit::new().bytes(600)) {
        let alice = lane.client("alice", "read").await;
        let fits = alice.call("table", json!({ "rows": 3 })).await;
        assert_eq!(
            fits["structuredContent"]["rows"].as_array().unwrap().len(),
            3
        );
        let refused = alice.call("table", json!({ "rows": 1_000 })).await;
        assert_eq!(refused["isError"], true);
        assert!(refused.get("structuredContent").is_none(), "{refused}");
        let text = refused["content"][0]["text"].as_str().unwrap();
        assert!(
            text.starts_with("The result is too large: it has "),
            "{text}"
        );
        assert!(text.ends_with(" bytes, and 600 are allowed"), "{text}");
        for (method, params) in [
            ("resources/read", json!({ "uri": "page://large" })),
            (
                "prompts/get",
                json!({ "name": "poem", "arguments": { "about": "x".repeat(900) } }),
            ),
        ] {
            let refused = alice.response(method, params).await;
            assert_eq!(refused["error"]["code"], -32603, "{refused}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_tried_again_only_if_that_does_no_harm() {
    for lane in lanes(Retry::new) {
        let alice = lane.client("alice", "read").await;
        let began = tokio::time::Instant::now();
        assert_eq!(alice.said("flaky", json!({ "needed": 3 })).await, "3");
        assert!(
            began.elapsed() >= Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
        // It is not said that it may be repeated: one attempt.
        let failed = alice.call("shaky", json!({ "needed": 2 })).await;
        assert_eq!(failed["isError"], true, "{failed}");
        assert_eq!(alice.said("shaky", json!({ "needed": 2 })).await, "2");
        // What is said in words is an answer.
        let before = lane.runs();
        assert_eq!(alice.said("sorry", json!({})).await, "no");
        assert_eq!(lane.runs() - before, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_end_and_a_tool_may_be_named_for_them() {
    let retry = || {
        let wait = Duration::from_secs(4);
        Retry::new().attempts(4).backoff(wait, wait).tool("shaky")
    };
    for lane in lanes(retry) {
        let alice = lane.client("alice", "read").await;
        let began = tokio::time::Instant::now();
        let failed = alice.call("shaky", json!({ "needed": 9 })).await;
        assert_eq!(failed["isError"], true, "{failed}");
        let took = began.elapsed();
        assert!((12..13).contains(&took.as_secs()), "{took:?}");
        // Four were spent.
        assert_eq!(alice.said("shaky", json!({ "needed": 5 })).await, "5");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_takes_too_long_is_ended_with_an_error_that_says_so() {
    let timeouts = || {
        let timeouts = Timeouts::new().all_tools(Duration::from_secs(1));
        timeouts.tool("slow", Duration::from_secs(10))
    };
    for lane in lanes(timeouts) {
        let alice = lane.client("alice", "read").await;
        let began = tokio::time::Instant::now();
        let ended = alice.call("slow", json!({})).await;
        assert_eq!(began.elapsed().as_secs(), 10);
        assert_eq!(ended["isError"], true, "{ended}");
        let text = "The tool was ended because it took longer than 10s";
        assert_eq!(ended["content"][0]["text"], text);
        assert_eq!(alice.said("whoami", json!({ "n": 1 })).await, "alice 1");
    }
    for lane in lanes(|| Timeouts::new().all_tools(Duration::from_secs(2))) {
        let alice = lane.client("alice", "read").await;
        let ended = alice.call("slow", json!({})).await;
        assert_eq!(ended["isError"], true, "{ended}");
    }
}

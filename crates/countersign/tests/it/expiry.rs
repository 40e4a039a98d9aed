//! Streams and the tokens that opened them: row E28 without a session.

use std::time::Duration;

use countersign::{Context, tool};
use countersign_oauth::Lifetime;
use serde_json::json;
use testkit::NOW;
use tokio::time::Instant;

use crate::fixture::Fixture;

/// Says something and goes on for ever.
#[tool]
async fn watch(context: Context) -> &'static str {
    context.report_progress(1.0, None, None).await;
    std::future::pending::<()>().await;
    "never"
}

#[tokio::test(start_paused = true)]
async fn e28_a_stream_without_a_session_ends_with_the_token_that_opened_it() {
    let fixture = Fixture::with(|server| server.tool(watch));
    for (life, bound) in [(120, 120), (86_400, 600)] {
        let token = fixture.issuer.token().scopes("read");
        let token = token
            .exp(NOW.saturating_add(Lifetime::from_secs(life)))
            .sign();
        let params = json!({
            "name": "watch", "arguments": {}, "_meta": { "progressToken": 1 },
        });
        let begun = Instant::now();
        let client = fixture.modern().bearer(&token);
        let mut answer = client.send("tools/call", params).await;
        assert!(answer.is_event_stream());
        let text = answer.text().await;
        assert!(text.contains("notifications/progress"), "{text}");
        assert!(text.contains("-32603"), "{text}");
        let lived = begun.elapsed();
        let bound = Duration::from_secs(bound);
        assert!(lived <= bound + Duration::from_secs(1), "{life}: {lived:?}");
        assert!(lived >= bound - Duration::from_secs(1), "{life}: {lived:?}");
    }
}

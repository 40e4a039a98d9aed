//! Several verifiers, and one of your own: rows M-08 and M-20.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_resource_server::oauth::{Lifetime, ResourceUri, ScopeSet, UnixTime};
use countersign_resource_server::{
    AccessToken, Assertion, Gate, GateBuilder, PresentedToken, Reason, Unavailable, Verification,
    Verifier,
};
use http::HeaderMap;
use testkit::{AUDIENCE, TestClock};

use crate::protected::{
    admitted, asks, assert_insufficient_scope, assert_refused, bearer, challenge, refused, send,
};

/// Judges tokens that begin with its own name.
struct Own {
    name: &'static str,
    asked: Arc<AtomicUsize>,
    needs: &'static str,
    remembers: bool,
}

impl Own {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            asked: Arc::default(),
            needs: "",
            remembers: false,
        }
    }
}

impl Verifier for Own {
    async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let Some(rest) = token.reveal().strip_prefix(self.name) else {
            return Ok(Verification::NotMine);
        };
        Ok(match rest {
            "-bad" => Verification::Rejected(Reason::Other("the application says no")),
            "-down" => {
                return Err(Unavailable::new("the database", Lifetime::from_secs(7)));
            }
            scope => {
                let mut verified = Assertion::new(self.name, "alice");
                if let Ok(scopes) = ScopeSet::parse(scope.trim_start_matches('-')) {
                    verified = verified.scopes(scopes);
                }
                if self.remembers {
                    verified = verified.cacheable_until(now.saturating_add(Lifetime::from_secs(5)));
                }
                Verification::Accepted(AccessToken::assertion(verified))
            }
        })
    }

    fn required_scopes(&self) -> ScopeSet {
        if self.needs.is_empty() {
            ScopeSet::new()
        } else {
            ScopeSet::parse(self.needs).unwrap()
        }
    }
}

fn built(builder: GateBuilder, clock: &TestClock) -> Gate {
    builder
        .clock(Arc::new(clock.clone()))
        .build(ResourceUri::parse(AUDIENCE).unwrap())
}

#[tokio::test]
async fn m_08_m_20_the_first_verifier_that_knows_the_kind_decides() {
    let (first, second) = (Own::named("one"), Own::named("two"));
    let asked = [Arc::clone(&first.asked), Arc::clone(&second.asked)];
    let builder = Gate::builder()
        .verifier(first)
        .unwrap()
        .verifier(second)
        .unwrap();
    let gate = built(builder, &TestClock::new());
    admitted(&gate, "one-read").await;
    admitted(&gate, "two-read").await;
    assert_refused(&gate, "one-bad", "rejected by the first").await;
    assert_refused(&gate, "two-bad", "rejected by the second").await;
    assert_refused(&gate, "three", "known to nobody").await;
    let asked = asked.map(|count| count.load(Ordering::SeqCst));
    assert_eq!(asked, [5, 3], "a decided token is shown to nobody else");
}

#[tokio::test]
async fn a_dependency_that_fails_is_503_and_never_401() {
    let builder = Gate::builder().verifier(Own::named("one")).unwrap();
    let gate = built(builder, &TestClock::new());
    let answer = send(&gate, &bearer("one-down")).await.unwrap_err();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(!answer.headers().contains_key("www-authenticate"));
    assert!(
        answer.body().is_empty(),
        "h2: nothing of the reason is told"
    );
}

#[tokio::test]
async fn each_token_needs_the_scopes_of_its_own_verifier_only() {
    let first = Own {
        needs: "read",
        remembers: true,
        ..Own::named("one")
    };
    let second = Own {
        needs: "write",
        remembers: true,
        ..Own::named("two")
    };
    let builder = Gate::builder()
        .verifier(first)
        .unwrap()
        .verifier(second)
        .unwrap();
    let gate = built(builder, &TestClock::new());
    admitted(&gate, "one-read").await;
    admitted(&gate, "two-write").await;
    for _ in 0..2 {
        // The second time it comes from the cache.
        let answer = refused(&gate, &bearer("one-write")).await;
        assert_insufficient_scope(&answer, "read", "scope of the other verifier");
    }
    let headers = bearer("one-write");
    let at_once = gate
        .admit_at_once(asks(&headers, None), gate.now())
        .said()
        .unwrap();
    assert_insufficient_scope(&gate.refuse(&at_once.unwrap_err()), "read", "at once");
    let nobody = refused(&gate, &HeaderMap::new()).await;
    assert!(challenge(&nobody).contains("scope=\"read write\""));
}

#[tokio::test]
async fn a_token_is_remembered_only_as_long_as_its_verifier_says() {
    let clock = TestClock::new();
    let own = Own {
        remembers: true,
        ..Own::named("one")
    };
    let asked = Arc::clone(&own.asked);
    let gate = built(Gate::builder().verifier(own).unwrap(), &clock);
    for _ in 0..3 {
        admitted(&gate, "one-read").await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    clock.advance(Lifetime::from_secs(5));
    admitted(&gate, "one-read").await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    let own = Own::named("one");
    let asked = Arc::clone(&own.asked);
    let gate = built(Gate::builder().verifier(own).unwrap(), &clock);
    for _ in 0..3 {
        admitted(&gate, "one-read").await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3, "never, unless it says so");
}

#[tokio::test]
async fn refused_tokens_are_not_remembered() {
    let own = Own {
        remembers: true,
        ..Own::named("one")
    };
    let asked = Arc::clone(&own.asked);
    let gate = built(Gate::builder().verifier(own).unwrap(), &TestClock::new());
    for _ in 0..3 {
        assert_refused(&gate, "one-bad", "rejected").await;
        assert!(
            gate.admit_at_once(asks(&bearer("one-bad"), None), gate.now())
                .said()
                .is_none()
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

//! Assertions that are bound to a key (`cnf`), by an identity provider or a platform:
//! RFC 9449 §6.1, draft-ietf-oauth-identity-assertion-authz-grant, Proof-of-Possession.

use countersign_authorization_server::{TrustedIdentityProvider, Workload, WorkloadIssuer};
use http::Request;
use http_body_util::Full;

use super::*;
use crate::dpop::{Prover, without_nonces};

/// Which kind of assertion, and who presents it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Person,
    Workload,
}

impl Sort {
    const fn client(self) -> &'static str {
        match self {
            Self::Person => "E",
            Self::Workload => "W",
        }
    }
}

struct Trust {
    idp: Issuer,
    platform: Issuer,
}

impl Trust {
    fn new() -> Self {
        Self {
            idp: Issuer::new(),
            platform: Issuer::new(),
        }
    }

    fn tell(&self, builder: AuthorizationServerBuilder) -> AuthorizationServerBuilder {
        let platform = WorkloadIssuer::new(PLATFORM).keys(self.platform.keys());
        let workload = Workload::new("worker", "W").claim("sub", "U1");
        let idp = TrustedIdentityProvider::new("acme", IDP).keys(self.idp.keys());
        builder
            .identity_assertions(idp)
            .workloads(platform.workload(workload.scopes(["read"])))
    }

    /// A good assertion with `changes`.
    fn assertion(&self, world: &World, sort: Sort, changes: &Value) -> String {
        let now = world.clock.now().as_secs();
        let mut claims = json!({
            "sub": "U1", "aud": ISSUER, "iat": now, "exp": now + 300, "jti": "one",
        });
        let more = match sort {
            Sort::Person => json!({
                "iss": IDP, "client_id": "E", "resource": RESOURCE, "scope": "read",
            }),
            Sort::Workload => json!({ "iss": PLATFORM }),
        };
        for more in [&more, changes] {
            claims = changed(claims, more);
        }
        match sort {
            Sort::Person => self.idp.sign(Some("oauth-id-jag+jwt"), &claims),
            Sort::Workload => self.platform.sign(None, &claims),
        }
    }
}

async fn present(world: &World, sort: Sort, assertion: &str, proof: Option<&str>) -> Seen {
    let mut request =
        Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    let mut parameters = vec![("grant_type", JWT_BEARER), ("assertion", assertion)];
    match sort {
        Sort::Person => request = request.header("authorization", basic("E", SECRET)),
        Sort::Workload => parameters.push(("client_id", sort.client())),
    }
    if let Some(proof) = proof {
        request = request.header("DPoP", proof);
    }
    let body = Full::from(form(&parameters));
    world.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn em_02_wi_02_dp_04_a_bound_assertion_counts_with_its_key_alone() {
    for sort in [Sort::Person, Sort::Workload] {
        let trust = Trust::new();
        let world = machines(|builder| trust.tell(builder).dpop(without_nonces())).await;
        let (owner, thief) = (Prover::new(), Prover::new());
        let jkt = owner.jkt();
        let jkt = jkt.as_str();
        let to_owner = json!({ "jkt": jkt });
        let of_owner = || Some(owner.proof(&world));
        for (cnf, proof) in [
            (to_owner.clone(), None),
            (to_owner.clone(), Some(thief.proof(&world))),
            (json!({ "jkt": thief.jkt().as_str() }), of_owner()),
            (json!({ "jkt": jkt, "x5t#S256": jkt }), of_owner()),
            (json!({ "x5t#S256": jkt }), of_owner()),
            (json!({ "jkt": [jkt] }), of_owner()),
            (json!({ "jkt": format!("{jkt}=") }), of_owner()),
            (json!({ "jkt": "" }), None),
            (json!({ "jkt": null }), None),
            (json!({}), of_owner()),
            (json!({}), None),
            (json!(jkt), of_owner()),
            (json!([to_owner]), of_owner()),
        ] {
            let changes = json!({ "cnf": cnf });
            let assertion = trust.assertion(&world, sort, &changes);
            let seen = present(&world, sort, &assertion, proof.as_deref()).await;
            seen.assert_tok("invalid_grant");
            let told = world.last_refusal();
            assert!(told.contains("a key that was not proved"), "{cnf}: {told}");
        }
        // None of them used up its id, and what comes of it is bound to the same key.
        let changes = json!({ "cnf": { "jkt": jkt } });
        let assertion = trust.assertion(&world, sort, &changes);
        let proof = owner.proof(&world);
        let seen = present(&world, sort, &assertion, Some(&proof)).await;
        let token = only_access(&seen);
        assert_eq!(seen.json()["token_type"], "DPoP", "{sort:?}");
        assert_eq!(world.told_about(&token).await["cnf"]["jkt"], jkt);
        // It counts once, with another proof too.
        let again = owner.proof(&world);
        let seen = present(&world, sort, &assertion, Some(&again)).await;
        seen.assert_tok("invalid_grant");
    }
}

#[tokio::test]
async fn em_02_wi_02_where_no_proofs_are_read_a_bound_assertion_is_refused() {
    for sort in [Sort::Person, Sort::Workload] {
        let trust = Trust::new();
        let world = machines(|builder| trust.tell(builder)).await;
        let owner = Prover::new();
        let changes = json!({ "cnf": { "jkt": owner.jkt().as_str() } });
        let assertion = trust.assertion(&world, sort, &changes);
        for proof in [None, Some(owner.proof(&world))] {
            let seen = present(&world, sort, &assertion, proof.as_deref()).await;
            seen.assert_tok("invalid_grant");
        }
        let unbound = trust.assertion(&world, sort, &json!({}));
        only_access(&present(&world, sort, &unbound, None).await);
    }
}

#[tokio::test]
async fn em_02_people_of_another_tenant_of_the_issuer_are_other_people() {
    let trust = Trust::new();
    let without = machines(|builder| trust.tell(builder)).await;
    let with = machines(|builder| {
        let idp = TrustedIdentityProvider::new("acme", IDP).keys(trust.idp.keys());
        builder.identity_assertions(idp.tenant("acme-corp"))
    })
    .await;
    for (world, tenant, is_good) in [
        (&without, json!("acme-corp"), false),
        (&without, json!(""), false),
        (&without, json!(["acme-corp"]), false),
        (&without, json!(7), false),
        (&with, json!(null), false),
        (&with, json!("evil-corp"), false),
        (&with, json!("Acme-Corp"), false),
        (&with, json!(["acme-corp"]), false),
        (&without, json!(null), true),
        (&with, json!("acme-corp"), true),
    ] {
        let changes = json!({ "tenant": tenant });
        let assertion = trust.assertion(world, Sort::Person, &changes);
        let seen = present(world, Sort::Person, &assertion, None).await;
        if is_good {
            only_access(&seen);
            continue;
        }
        seen.assert_tok("invalid_grant");
        let told = world.last_refusal();
        assert!(told.contains("another tenant"), "{tenant}: {told}");
    }
}

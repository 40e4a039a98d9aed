//! Logging in on another device: RFC 8628.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::world::*;

const DEVICE: &str = "https://as.test/device";

fn offered(world: &World) {
    let change = json!({ "device_authorization_endpoint": DEVICE });
    world.amend(SERVER_METADATA, &change);
}

fn code() -> Value {
    json!({
        "device_code": "the-device-code",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://as.test/code",
        "expires_in": 600,
        "interval": 5,
    })
}

async fn log_in(scene: &Scene) -> Result<(), String> {
    let oauth = scene.builder().on_device().build().unwrap();
    let outcome = oauth.login().await;
    outcome.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_device_answer_that_is_none_is_refused_and_nobody_is_told_anything() {
    for (name, value) in [
        ("device_code", json!(null)),
        ("device_code", json!("a\nb")),
        ("user_code", json!(null)),
        ("user_code", json!("x".repeat(100))),
        ("verification_uri", json!("javascript:alert(1)")),
        ("verification_uri", json!("http://as.test/code")),
        ("verification_uri_complete", json!("file:///etc")),
        ("expires_in", json!(-1)),
        ("expires_in", json!(null)),
    ] {
        let scene = Scene::new();
        offered(&scene.world);
        let mut answer = code();
        answer[name] = value;
        scene.world.json(DEVICE, &answer);
        log_in(&scene).await.unwrap_err();
        assert_eq!(scene.person.told(), Vec::<String>::new(), "{name}");
        assert_eq!(scene.world.asked(TOKEN).len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_logins_for_devices_says_so() {
    let scene = Scene::new();
    let error = log_in(&scene).await.unwrap_err();
    assert!(error.contains("log in with a browser"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_code_that_nobody_confirms_or_somebody_refuses_is_one_sentence() {
    for (error, sentence) in [
        (
            "authorization_pending",
            "nobody confirmed the code in time; run it again",
        ),
        (
            "expired_token",
            "nobody confirmed the code in time; run it again",
        ),
        (
            "access_denied",
            "the login was not agreed to; run it again to decide anew",
        ),
    ] {
        let scene = Scene::new();
        offered(&scene.world);
        scene.world.json(DEVICE, &code());
        scene.world.always(TOKEN, Reply::error(error));
        assert_eq!(log_in(&scene).await.unwrap_err(), sentence);
        assert!(scene.world.asked(TOKEN).len() <= 600 / 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_may_take_less_time_than_the_code_is_waited_for_no_longer() {
    for (longest, questions) in [(3, 0), (5, 1), (12, 2)] {
        let scene = Scene::new();
        scene.person.waits(std::time::Duration::from_secs(longest));
        offered(&scene.world);
        scene.world.json(DEVICE, &code());
        scene
            .world
            .always(TOKEN, Reply::error("authorization_pending"));
        let began = tokio::time::Instant::now();
        let told = log_in(&scene).await.unwrap_err();
        assert_eq!(told, "nobody confirmed the code in time; run it again");
        assert_eq!(began.elapsed().as_secs(), longest);
        assert_eq!(scene.world.asked(TOKEN).len(), questions);
    }
}

#[tokio::test(start_paused = true)]
async fn the_person_is_told_the_code_and_the_server_is_asked_no_faster_than_it_wants() {
    let scene = Scene::new();
    offered(&scene.world);
    scene.world.json(DEVICE, &code());
    let began = tokio::time::Instant::now();
    let moments = std::sync::Arc::new(Mutex::new(Vec::new()));
    let noted = moments.clone();
    scene.world.play(TOKEN, move |_| {
        let mut noted = noted.lock().unwrap();
        noted.push(began.elapsed().as_secs());
        match noted.len() {
            1 => Reply::error("authorization_pending"),
            2 => Reply::error("slow_down"),
            3 => Reply::of(503, ""),
            _ => Reply::json(&json!({ "access_token": "got", "token_type": "Bearer" })),
        }
    });
    log_in(&scene).await.unwrap();
    assert_eq!(*moments.lock().unwrap(), [5, 10, 20, 40]);
    assert_eq!(
        scene.person.told(),
        ["Open https://as.test/code and enter the code WDJB-MJHT."]
    );
    let registered = scene.world.one(REGISTER).json();
    assert_eq!(
        registered["grant_types"],
        json!([
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code"
        ])
    );
    let asked = scene.world.one(DEVICE);
    assert_eq!(asked.method, http::Method::POST);
    assert_eq!(asked.field("resource").as_deref(), Some(SERVER));
    let polled = &scene.world.asked(TOKEN)[0];
    assert_eq!(polled.field("device_code").unwrap(), "the-device-code");
    assert_eq!(shown(&scene.client()).await.unwrap(), "Bearer got");
}

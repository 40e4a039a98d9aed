//! The standing check S8: a thousand refusals more leave no more memory, no descriptors
//! and no records behind. It runs in a process of its own, because other tests take
//! memory as well.

use std::process::Command;

use countersign_authorization_server::oauth::Lifetime;

use super::Asked;
use crate::fixture::*;

/// Pages that the process holds, from `/proc/self/statm`.
fn resident_pages() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One refusal of each kind.
async fn refuse(world: &World, round: usize) {
    let text = format!("round-{round}");
    for asked in [
        Asked::good().with("client_id", &text),
        Asked::good().with("redirect_uri", &format!("https://good.example/{text}")),
        Asked::good().with("scope", &text),
        Asked::good().without("code_challenge"),
    ] {
        let status = asked.get(world).await.status.as_u16();
        assert!((303..=400).contains(&status), "{status}");
    }
    world.redeem(&text, &[]).await.assert_tok("invalid_grant");
    world.refresh(&text, &[]).await.assert_tok("invalid_grant");
    let parameters = [("token", "x"), ("client_id", "C1"), ("client_secret", "x")];
    world.post("/revoke", &parameters).await;
    assert_eq!(world.get(&format!("/{text}")).await.status, 404);
    world.events.0.lock().unwrap().clear();
    // Whoever fails too often waits, and what was counted is forgotten.
    world.clock.advance(Lifetime::from_mins(16));
    world.store.purge(world.clock.now()).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn s8_a_thousand_refusals_leave_nothing_behind() {
    let name = "corpus::repeats::s8_a_thousand_refusals_leave_nothing_behind";
    let alone = ["--exact", name];
    if std::env::args().skip(1).eq(alone) {
        return a_thousand_refusals().await;
    }
    let mut process = Command::new(std::env::current_exe().unwrap());
    let output = process.args(alone).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

async fn a_thousand_refusals() {
    let world = world().await;
    for round in 0..300 {
        refuse(&world, round).await;
    }
    let (pages, files) = (resident_pages(), descriptors());
    for round in 300..1_300 {
        refuse(&world, round).await;
    }
    assert_eq!(descriptors(), files);
    // 4 MiB, of which a hundred bytes kept for each refusal would be a fifth.
    let grown = resident_pages().saturating_sub(pages);
    assert!(grown * 4_096 < 4 * 1024 * 1024, "{grown} pages more");
}

//! The process that is killed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use countersign_oauth::Lifetime;
use countersign_store::contract::{access_token, code, grant, hash, refresh_token};
use countersign_store::{
    Column, CounterKey, Found, GrantId, GrantState, Key, Record, Sealed, SealingKeys, SqliteStore,
    Store, Write, points,
};

use crate::Failure;
use crate::ledger::{Effect, NOW, State};

/// What the child does.
pub(crate) const OPERATIONS: [&str; 6] =
    ["register", "mint", "redeem", "refresh", "revoke", "rotate"];
/// Whatever the child does.
pub(crate) const ANY: &str = "anything";

/// How many calls are under way at the same time.
const WORKERS: u32 = 6;
/// A child that nobody kills ends after so many logins for each worker.
const LOGINS: u32 = 200;

/// Where to die.
struct Death {
    place: String,
    /// The operation of which a call must be under way then.
    operation: String,
    /// How many times it still survives that.
    left: AtomicU64,
    /// How many calls of the operation are under way.
    under_way: AtomicU64,
}

static DEATH: OnceLock<Death> = OnceLock::new();

/// Writes to the database at `path` until it dies: at `place` when it is reached for
/// the `times`th time while a call of `operation` is under way, or whenever the parent
/// likes. `life` makes its names its own.
pub(crate) async fn run(
    path: PathBuf,
    life: u64,
    place: &str,
    operation: &str,
    times: u64,
) -> Result<(), Failure> {
    DEATH.get_or_init(|| Death {
        place: place.to_owned(),
        operation: operation.to_owned(),
        left: AtomicU64::new(times),
        under_way: AtomicU64::new(0),
    });
    points::watch(die_there);
    let store = Arc::new(SqliteStore::open(path).await?);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..WORKERS {
        let worker = Worker {
            name: format!("{life}-{number}"),
            store: Arc::clone(&store),
        };
        tasks.spawn(async move {
            if number == 0 {
                worker.rotate_keys().await
            } else {
                worker.log_in().await
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    store.close().await;
    Ok(())
}

/// Redeems the codes 0 to `codes` of the grant `g` in the database at `path`, and says
/// which it won. It waits for a line before it begins and after it has won once, so that
/// no process is through before the others have had their turn.
pub(crate) async fn share(path: PathBuf, codes: u32) -> Result<(), Failure> {
    let store = SqliteStore::open(path).await?;
    say("ready");
    wait_for_a_line()?;
    let mut won_before = false;
    for number in 0..codes {
        let key = code(&number.to_string(), "g").key;
        let token = access_token(&format!("{} {number}", std::process::id()), "g");
        let writes = vec![Write::Insert(token)];
        match store.redeem(&key, writes, None, NOW).await? {
            Found::Live(_) => {
                say(&format!("won {number}"));
                if !std::mem::replace(&mut won_before, true) {
                    wait_for_a_line()?;
                }
            }
            Found::Spent(_) => {}
            Found::Absent => return Err(format!("the code {number} is gone").into()),
        }
    }
    store.close().await;
    Ok(())
}

fn wait_for_a_line() -> Result<(), Failure> {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line)? {
        0 => Err("the parent is gone".into()),
        _ => Ok(()),
    }
}

fn die_there(place: &'static str) {
    let Some(death) = DEATH.get() else {
        return;
    };
    let is_under_way = death.operation == ANY || death.under_way.load(Ordering::SeqCst) > 0;
    if death.place == place && is_under_way && death.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        // SIGKILL, which nothing in the process can delay or notice.
        let id = std::process::id().to_string();
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        loop {
            std::thread::park();
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that is gone hears nothing, and the child ends with its work.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

struct Worker {
    name: String,
    store: Arc<SqliteStore>,
}

impl Worker {
    /// Says what `call` will do and as which `operation`, makes it, and says that it was
    /// acknowledged.
    async fn call<T>(
        &self,
        operation: &str,
        effects: Vec<Effect>,
        call: impl Future<Output = Result<T, countersign_store::StoreError>>,
    ) -> Result<T, Failure> {
        let effects: Vec<String> = effects.iter().map(ToString::to_string).collect();
        say(&format!(
            "begin {} {operation} {}",
            self.name,
            effects.join(" ")
        ));
        let counted = DEATH.get().filter(|death| death.operation == operation);
        if let Some(death) = counted {
            death.under_way.fetch_add(1, Ordering::SeqCst);
        }
        let answer = call.await?;
        if let Some(death) = counted {
            death.under_way.fetch_sub(1, Ordering::SeqCst);
        }
        say(&format!("done {}", self.name));
        Ok(answer)
    }

    /// Redeems `key` into `writes`, which must win, and then again, which must not.
    async fn redeem(
        &self,
        operation: &str,
        key: &Key,
        writes: Vec<Write>,
        mut effects: Vec<Effect>,
    ) -> Result<(), Failure> {
        effects.push(becomes(key, State::Used));
        let receipt = Some(Sealed::from_bytes(vec![7; 64]));
        let call = self.store.redeem(key, writes.clone(), receipt, NOW);
        match self.call(operation, effects, call).await? {
            Found::Live(_) => say(&format!("won {}", key.id())),
            other => return Err(format!("the first redemption finds {other:?}").into()),
        }
        match self.store.redeem(key, writes, None, NOW).await? {
            Found::Spent(_) => Ok(()),
            other => Err(format!("the second redemption finds {other:?}").into()),
        }
    }

    /// Registers, mints, redeems, refreshes and revokes, again and again.
    async fn log_in(&self) -> Result<(), Failure> {
        for number in 0..LOGINS {
            let id = format!("{}-{number}", self.name);
            let client = Record::new(Key::client(&id.as_str().into()), NOW);
            let effects = vec![becomes(&client.key, State::Live)];
            self.call("register", effects, self.store.insert(client.clone(), NOW))
                .await?;

            let pending = grant(&id).in_state(GrantState::CodeIssued);
            let first = code(&id, &id);
            let effects = vec![
                becomes(&pending.key, State::Live),
                becomes(&first.key, State::Live),
            ];
            let writes = vec![Write::Insert(pending.clone()), Write::Insert(first.clone())];
            self.call("mint", effects, self.store.write(writes, NOW))
                .await?;

            let mut tokens = vec![first.key.clone()];
            let mut active = becomes(&pending.key, State::Live);
            active.version = 2;
            let mut moves = vec![Write::Replace(pending.in_state(GrantState::Active))];
            let mut moved = vec![active.clone()];
            for generation in 0..3 {
                let name = format!("{id}-{generation}");
                let new = [access_token(&name, &id), refresh_token(&name, &id)];
                let mut effects = std::mem::take(&mut moved);
                effects.extend(new.iter().map(|record| becomes(&record.key, State::Live)));
                let mut writes = std::mem::take(&mut moves);
                writes.extend(new.iter().cloned().map(Write::Insert));
                let old = tokens.last().ok_or("there is a token")?.clone();
                let operation = if generation == 0 { "redeem" } else { "refresh" };
                self.redeem(operation, &old, writes, effects).await?;
                tokens.extend(new.map(|record| record.key));
            }
            self.use_up(&id, tokens, active).await?;
        }
        Ok(())
    }

    /// What comes after the tokens: use, throttling, and for most the end.
    async fn use_up(&self, id: &str, tokens: Vec<Key>, grant: Effect) -> Result<(), Failure> {
        let newest = tokens.last().ok_or("there is a token")?;
        self.store.touch(newest, None, NOW).await?;
        let counter = CounterKey::new("kills", &[&self.name]);
        self.store
            .hit(&counter, Lifetime::from_secs(60), NOW)
            .await?;
        self.store.purge(NOW).await?;
        if id.ends_with('0') {
            return Ok(());
        }
        let mut effects: Vec<Effect> = tokens
            .iter()
            .map(|key| becomes(key, State::Revoked))
            .collect();
        effects.push(Effect {
            state: State::Revoked,
            ..grant
        });
        let id = GrantId::new(id);
        self.call("revoke", effects, self.store.revoke_grant(&id, NOW))
            .await?;
        match self.store.get(newest, NOW).await? {
            Found::Spent(_) => Ok(()),
            other => Err(format!("after the revocation a token is {other:?}").into()),
        }
    }

    /// Puts a new signing key in and retires the old one, in one call.
    async fn rotate_keys(&self) -> Result<(), Failure> {
        let keys = SealingKeys::parse(&SealingKeys::text_of([9; 32]))?;
        let mut old: Option<Record> = None;
        for number in 0..LOGINS {
            let key = Key::signing_key(&format!("{}-{number}", self.name));
            let digest = hash(key.id()).to_text().into_bytes();
            let nonce = *digest.first_chunk().ok_or("a hash is long")?;
            let sealed = keys.seal(&key, Column::Sealed, b"a private key", nonce)?;
            let new = Record::new(key, NOW).with_sealed(sealed);
            let mut writes = vec![Write::Insert(new.clone())];
            let mut effects = vec![becomes(&new.key, State::Live)];
            if let Some(old) = old.replace(new) {
                let mut retired = becomes(&old.key, State::Live);
                retired.version = 2;
                effects.push(retired);
                writes.push(Write::Replace(old.with_body(&"retired")?));
            }
            self.call("rotate", effects, self.store.write(writes, NOW))
                .await?;
        }
        Ok(())
    }
}

/// The record under `key` is found in `state`, in its first version.
fn becomes(key: &Key, state: State) -> Effect {
    Effect {
        key: key.clone(),
        state,
        version: 1,
    }
}

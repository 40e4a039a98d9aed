//! Durable state of the authorization server behind one small trait.
//!
//! The verbs of [`Store`] *are* the security properties: a code is redeemed once, a
//! grant is revoked with everything that hangs on it, a conflict changes nothing. Each
//! method is atomic, so there is no transaction to forget.
//!
//! What this crate does not do: it decides nothing, reads no clock and draws no
//! randomness, and it never sees a raw code, token or key. Secrets arrive as
//! [`SecretHash`]; what must be read back arrives [`seal`]ed. A stolen database holds
//! no usable token, and the author of a backend cannot weaken a policy.
//!
//! Backends, each behind a feature: `memory` is the reference, for tests and for servers that
//! may forget; `sqlite` keeps everything in one file.

#[cfg(feature = "contract")]
pub mod contract;
pub mod error;
pub mod grant;
pub mod hits;
pub mod identifier;
pub mod index;
pub mod journal;
pub mod key;
pub mod kind;
#[cfg(feature = "memory")]
pub mod memory;
pub mod owner_only;
#[cfg(feature = "points")]
pub mod points;
#[cfg(all(feature = "sqlite", not(feature = "points")))]
mod points;
pub mod record;
pub mod seal;
pub mod secret_hash;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store;
pub mod write;

pub use error::{Conflict, StoreError};
pub use grant::{GrantId, GrantState};
pub use hits::{CounterKey, Hits};
pub use identifier::{ClientId, Subject};
pub use index::{Cursor, Index, Listed, Page};
pub use journal::{Journal, JournalEnd, JournalLine};
pub use key::Key;
pub use kind::Kind;
#[cfg(feature = "memory")]
pub use memory::MemoryStore;
pub use record::{Record, Status};
pub use seal::{Column, Sealed, SealingKeys};
pub use secret_hash::SecretHash;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::{Found, Store, StoreFuture};
pub use write::Write;

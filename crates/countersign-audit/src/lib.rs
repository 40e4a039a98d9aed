//! Notes what happened; decides nothing.
//!
//! A [`Record`] is one thing that happened, and a [`Sink`] is where records go: files of
//! lines that cannot be changed unseen ([`JsonLines`]), the log of the process
//! ([`TracingSink`]), or several of them ([`Fanout`]). What was written is
//! [verified](verify) and [searched](Search).
//!
//! ```
//! use countersign_audit::{Outcome, Record, Severity, Sink, TracingSink};
//!
//! let at = 1_900_000_000_000; // milliseconds since 1970
//! let record = Record::new("request_refused", "a request was refused", at)
//!     .outcome(Outcome::Refused)
//!     .severity(Severity::Notice)
//!     .subject("alice")
//!     .component("tool", "delete_user")
//!     .reason("insufficient_scope")
//!     .status(403);
//! TracingSink::new().note(record);
//! ```

pub mod chain;
pub mod follow;
pub mod json_lines;
pub mod line;
pub mod moment;
mod owner_only;
pub mod queue;
mod random;
pub mod record;
pub mod request_id;
pub mod search;
pub mod sink;
pub mod text;
pub mod tracing_sink;
pub mod verify;

pub use follow::Follow;
pub use json_lines::{JsonLines, JsonLinesBuilder, OpenError};
pub use line::Entry;
pub use queue::OnFull;
pub use record::{Outcome, Record, Severity};
pub use request_id::RequestId;
pub use search::Search;
pub use sink::{Fanout, Sink, SinkFull};
pub use text::Text;
pub use tracing_sink::TracingSink;

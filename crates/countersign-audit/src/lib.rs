//! Notes what happened; decides nothing.
//!
//! A [`Record`] is one thing that happened, and a [`Sink`] is where records go: the log
//! of the process ([`TracingSink`]), or several of them ([`Fanout`]).
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

pub mod record;
pub mod request_id;
pub mod sink;
pub mod text;
pub mod tracing_sink;

pub use record::{Outcome, Record, Severity};
pub use request_id::RequestId;
pub use sink::{Fanout, Sink, SinkFull};
pub use text::Text;
pub use tracing_sink::TracingSink;

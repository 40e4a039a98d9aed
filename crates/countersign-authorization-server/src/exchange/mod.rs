//! Requests that are read under a cap, and answers that are not stored.

mod answer;
mod incoming;
mod notice;
mod page;

pub use answer::Answer;
pub(crate) use answer::{
    add_basic_challenge, json, method_not_allowed, not_found, plain, retry_after, see_other,
    throttled, unavailable,
};
pub use incoming::Incoming;
pub(crate) use incoming::{Unread, accepts_html, read};
pub(crate) use notice::{Notice, notice};
pub(crate) use page::{Frame, page};

/// The longest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The longest target of a request, in bytes.
pub const MAX_TARGET_BYTES: usize = 32 * 1024;

//! Protocol messages over what carries them.

mod http_sse;
mod process;
mod streamable;

pub(super) use http_sse::HttpSse;
pub(super) use process::Process;
pub(super) use streamable::{MAX_ANSWER, Streamable};

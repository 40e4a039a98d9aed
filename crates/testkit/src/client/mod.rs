//! HTTP clients for both protocol eras, over a tower service or a socket.

pub mod http;
pub mod legacy;
pub mod modern;
pub mod sse;

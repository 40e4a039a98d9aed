//! Which span a request belongs to: `traceparent` of W3C Trace Context §3.2, in a header or
//! in `_meta` (SEP-414).
//!
//! What was done before: the caller is authenticated. Not taken over: `tracestate` and
//! `baggage`, which have room for whatever a client likes.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The header, and the member of `_meta`.
pub(super) const TRACEPARENT: &str = "traceparent";

/// The span that `text` names; none if it is not exactly what is specified.
pub(super) fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32)?;
    let span = hex(parts.next()?, 16)?;
    let flags = hex(parts.next()?, 2)?;
    // §3.2.2.1: later versions may have more parts, this one has not; ff is none.
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        if sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        },
        true,
        TraceState::NONE,
    );
    // §3.2.2.3, §3.2.2.4: zeros are no ids.
    context.is_valid().then_some(context)
}

/// `part`, if it is `length` lower-case hexadecimal digits.
fn hex(part: &str, length: usize) -> Option<&str> {
    let digits = part
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (part.len() == length && digits).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn what_is_no_traceparent_is_passed_over() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-1-1-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_traceparent_is_read_and_unknown_flags_are_dropped() {
        for (version, flags, sampled) in [("00", "01", true), ("00", "fe", false)] {
            let text = format!("{version}-{TRACE}-b7ad6b7169203331-{flags}");
            let parent = parse(&text).unwrap();
            assert_eq!(parent.trace_id().to_string(), TRACE);
            assert_eq!(parent.span_id().to_string(), "b7ad6b7169203331");
            assert!(parent.is_remote());
            assert_eq!(parent.is_sampled(), sampled);
            let expected = if sampled { 1 } else { 0 };
            assert_eq!(parent.trace_flags().to_u8(), expected);
        }
        let later = format!("01-{TRACE}-b7ad6b7169203331-01-more");
        assert!(parse(&later).is_some());
    }
}

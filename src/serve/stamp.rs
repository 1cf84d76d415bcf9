//! What a server puts on every answer beside what was asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
const FLOW_SCHEMA: HeaderName = HeaderName::from_static("x-kubernetes-pf-flowschema-uid");
const PRIORITY_LEVEL: HeaderName = HeaderName::from_static("x-kubernetes-pf-prioritylevel-uid");

/// Draws an id for each request.
pub struct Stamps {
    key: [u8; 32],
    drawn: AtomicU64,
    flow_schema: HeaderValue,
    priority_level: HeaderValue,
}

impl Stamps {
    pub fn new(key: [u8; 32]) -> Self {
        let stamps = Self {
            key,
            drawn: AtomicU64::new(0),
            flow_schema: HeaderValue::from_static(""),
            priority_level: HeaderValue::from_static(""),
        };
        let value = || HeaderValue::try_from(stamps.uuid()).expect("hex digits and dashes");
        let (flow_schema, priority_level) = (value(), value());
        Self { flow_schema, priority_level, ..stamps }
    }

    /// The one that the client brings along, or a new one.
    pub fn audit_id(&self, headers: &HeaderMap) -> String {
        let brought = headers.get(AUDIT_ID).and_then(|id| id.to_str().ok());
        let brought = brought.filter(|id| !id.is_empty() && id.len() <= 64);
        brought.map_or_else(|| self.uuid(), str::to_owned)
    }

    pub fn put_on<B>(&self, answer: &mut hyper::Response<B>, audit_id: &str) {
        let headers = answer.headers_mut();
        if let Ok(id) = HeaderValue::try_from(audit_id) {
            headers.insert(AUDIT_ID, id);
        }
        headers.insert(FLOW_SCHEMA, self.flow_schema.clone());
        headers.insert(PRIORITY_LEVEL, self.priority_level.clone());
    }

    fn uuid(&self) -> String {
        let nth = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = self.key[at] ^ self.key[at + 16].rotate_left(1);
        }
        for (byte, digit) in bytes[8..].iter_mut().zip(nth.to_be_bytes()) {
            *byte ^= digit;
        }
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

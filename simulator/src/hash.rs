//! Which states are the same for the future: without uids, revisions, absolute times, addresses
//! that were handed out and the trace; deadlines count from now.
//!
//! Two branches that differ only in what is left out here will do the same from now on, but for the
//! latencies they draw. That is what lets branches meet.

use std::sync::Arc;

use drydock_apiserver::Object;
use jiff::Timestamp;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// Takes in what decides the future.
#[derive(Clone)]
pub struct StateHasher {
    hasher: blake3::Hasher,
    now: Timestamp,
}

impl StateHasher {
    pub fn new(now: Timestamp) -> Self {
        Self { hasher: blake3::Hasher::new(), now }
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.hasher.update(text.as_bytes());
    }

    pub fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    pub fn flag(&mut self, flag: bool) {
        self.hasher.update(&[u8::from(flag)]);
    }

    /// A time to come, as the seconds left: two branches that differ by less are taken as one.
    pub fn deadline(&mut self, at: Timestamp) {
        let left = at.duration_since(self.now).as_secs().max(0);
        self.number(left.unsigned_abs());
    }

    /// A part that was hashed by itself.
    pub fn part(&mut self, digest: u128) {
        self.hasher.update(&digest.to_le_bytes());
    }

    pub fn finish(&self) -> u128 {
        low_half(&self.hasher.finalize())
    }
}

fn low_half(hash: &blake3::Hash) -> u128 {
    let (low, _) = hash.as_bytes().split_first_chunk().expect("a blake3 hash has 32 bytes");
    u128::from_le_bytes(*low)
}

/// The hash of an object without what differs between two runs that mean the same; made once per revision.
pub fn object_digest(object: &Object) -> u128 {
    match object.decode::<Digest>() {
        Ok(digest) => digest.with_generation(object.generation()),
        Err(_) => 0,
    }
}

/// Fields that say when, where or how often, and not what.
const LEFT_OUT: &[&str] = &[
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "generation",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastProbeTime",
    "lastHeartbeatTime",
    "startTime",
    "startedAt",
    "finishedAt",
    "renewTime",
    "acquireTime",
    "podIP",
    "podIPs",
    "hostIP",
    "hostIPs",
    "ip",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "healthCheckNodePort",
    "containerID",
    "restartCount",
    "endpointslices",
];

#[derive(Debug)]
struct Digest {
    hash: u128,
    /// What matters of a generation is whether somebody has seen the present one.
    observed: Vec<i64>,
}

impl Digest {
    fn with_generation(&self, generation: i64) -> u128 {
        self.observed.iter().fold(self.hash, |hash, observed| {
            hash.rotate_left(7) ^ u128::from(*observed == generation)
        })
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut walk = Walk { hasher: blake3::Hasher::new(), observed: Vec::new() };
        Node { walk: &mut walk, observed: false }.deserialize(deserializer)?;
        Ok(Self { hash: low_half(&walk.hasher.finalize()), observed: walk.observed })
    }
}

struct Walk {
    hasher: blake3::Hasher,
    observed: Vec<i64>,
}

struct Node<'a> {
    walk: &'a mut Walk,
    /// It is the value of an `observedGeneration`.
    observed: bool,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Node<'_> {
    fn scalar(self, kind: u8, bytes: &[u8]) {
        self.walk.hasher.update(&[kind]);
        self.walk.hasher.update(bytes);
        self.walk.hasher.update(&[0xff]);
    }

    fn integer(self, number: i64) {
        if self.observed {
            self.walk.observed.push(number);
        } else {
            self.scalar(b'i', &number.to_le_bytes());
        }
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(b'b', &[u8::from(value)]);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.integer(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.integer(i64::from_le_bytes(value.to_le_bytes()));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(b'f', &value.to_le_bytes());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        match blank(value) {
            Some(blanked) => self.scalar(b's', blanked.as_bytes()),
            None => self.scalar(b's', value.as_bytes()),
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.scalar(b'n', &[]);
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        self.scalar(b'n', &[]);
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.walk.hasher.update(b"[");
        while items.next_element_seed(Node { walk: &mut *self.walk, observed: false })?.is_some() {}
        self.walk.hasher.update(b"]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.walk.hasher.update(b"{");
        // Keys come sorted, so this is known before the name is.
        let mut generate_name: Option<String> = None;
        while let Some(key) = entries.next_key::<Arc<str>>()? {
            if LEFT_OUT.contains(&&*key) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            match blank(&key) {
                Some(blanked) => self.walk.hasher.update(blanked.as_bytes()),
                None => self.walk.hasher.update(key.as_bytes()),
            };
            self.walk.hasher.update(&[0xff]);
            if &*key == "generateName" {
                let prefix: String = entries.next_value()?;
                self.walk.hasher.update(prefix.as_bytes());
                generate_name = Some(prefix);
                continue;
            }
            if &*key == "name" && generate_name.is_some() {
                // What was drawn to make the name unique means nothing.
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            let observed = &*key == "observedGeneration";
            entries.next_value_seed(Node { walk: &mut *self.walk, observed })?;
        }
        self.walk.hasher.update(b"}");
        Ok(())
    }
}

/// A text without its uids, times and long numbers (microseconds since 1970); none if it has none.
pub fn blank(text: &str) -> Option<String> {
    // Cheap for nearly every string of an object: it has no digit run worth a look.
    if text.len() < 13 || text.bytes().filter(u8::is_ascii_digit).count() < 6 {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let length = uid_at(&bytes[at..])
            .or_else(|| time_at(&bytes[at..]))
            .or_else(|| long_number_at(&bytes[at..]));
        if let Some(length) = length {
            out.push_str(&text[from..at]);
            out.push('~');
            at += length;
            from = at;
        } else {
            at += 1;
        }
    }
    if from == 0 {
        return None;
    }
    out.push_str(&text[from..]);
    Some(out)
}

fn uid_at(bytes: &[u8]) -> Option<usize> {
    let uid = bytes.get(..36)?;
    let fits = uid.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(36)
}

/// `2026-01-31T08:00:00Z`, with a fraction or without.
fn time_at(bytes: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let head = bytes.get(..SHAPE.len())?;
    let fits = head.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    if !fits {
        return None;
    }
    let rest = &bytes[SHAPE.len()..];
    let end =
        rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(rest.len());
    Some(SHAPE.len() + end)
}

fn long_number_at(bytes: &[u8]) -> Option<usize> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (length >= 13).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_times_and_long_numbers_are_blanked_and_nothing_else_is() {
        let cases = [
            ("pvc-0f8fad5b-d9cb-469f-a165-70867728950e", Some("pvc-~")),
            ("since 2026-01-31T08:00:00.123Z on", Some("since ~Z on")),
            ("1767225600123456", Some("~")),
            ("demo-redis-123456", None),
            ("docker.io/library/redis:7.2.4-20240101", None),
        ];

        for (text, expected) in cases {
            assert_eq!(blank(text).as_deref(), expected, "{text}");
        }
    }
}

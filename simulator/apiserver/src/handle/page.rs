//! Where the next page of a list starts, in the form clients hand back.

use crate::status::Status;

const VERSION: &str = "meta.k8s.io/v1";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Of the first page; negative for a list that may be of several revisions.
    pub revision: i64,
    /// Every key from here on, as seen from the namespace listed.
    pub start: String,
}

impl Token {
    /// After an object with this key.
    pub(super) fn after(key: &str, revision: u64) -> Self {
        Self { revision: revision.try_into().unwrap_or(i64::MAX), start: format!("{key}\0") }
    }

    pub(super) fn encode(&self) -> String {
        let start = serde_json::to_string(&self.start).expect("text is JSON");
        let json = format!(r#"{{"v":"{VERSION}","rv":{},"start":{start}}}"#, self.revision);
        let mut text = String::new();
        for chunk in json.as_bytes().chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - chunk.len()));
            for at in 0..=chunk.len() {
                let six = (bits >> (18 - 6 * at)) & 63;
                text.push(char::from(ALPHABET[six as usize]));
            }
        }
        text
    }

    pub(super) fn decode(text: &str, minor: u32) -> Result<Self, Status> {
        let invalid = |why: String| {
            Status::bad_request(format!("invalid continue token: continue key is not valid: {why}"))
        };
        let bytes = unbase64(text)
            .map_err(|at| invalid(format!("illegal base64 data at input byte {at}")))?;
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|error| invalid(crate::golang::json_error(&bytes, &error)))?;
        let version = value["v"].as_str().unwrap_or_default();
        if version != VERSION {
            let version = if minor < 24 { format!("{version:?}") } else { version.to_owned() };
            return Err(invalid(format!(
                "server does not recognize this encoded version {version}"
            )));
        }
        let start = value["start"].as_str().unwrap_or_default();
        if start.is_empty() {
            return Err(invalid(format!("encoded start key empty (version {version})")));
        }
        let revision = value["rv"].as_i64().unwrap_or(0);
        if revision == 0 {
            return Err(invalid(format!(
                "incorrect encoded start resourceVersion (version {version})"
            )));
        }
        // The key is a path below the kind, and may not leave it.
        let key = start.trim_end_matches('\0');
        if key.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(invalid(start.to_owned()));
        }
        Ok(Self { revision, start: start.trim_start_matches('/').to_owned() })
    }
}

/// `Err` with the place of the first byte that does not belong there.
fn unbase64(text: &str) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for (at, byte) in text.bytes().enumerate() {
        let six = ALPHABET.iter().position(|known| *known == byte).ok_or(at)?;
        bits = bits << 6 | u32::try_from(six).expect("below 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("one byte"));
        }
    }
    if text.len() % 4 == 1 { Err(text.len() - 1) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_was_written() {
        let token = Token::after("default", 275);

        let text = token.encode();

        assert_eq!(
            text,
            "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Mjc1LCJzdGFydCI6ImRlZmF1bHRcdTAwMDAifQ"
        );
        assert_eq!(Token::decode(&text, 34), Ok(token));
    }
}

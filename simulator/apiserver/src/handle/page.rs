//! Where the next page of a list starts, in the form clients hand back.

use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{DecodeError, Engine};

use crate::status::Status;

const VERSION: &str = "meta.k8s.io/v1";
/// As Go reads it: what is left over in the last letter does not matter.
const ALPHABET: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

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
        ALPHABET.encode(json)
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
    ALPHABET.decode(text).map_err(|error| match error {
        DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len().saturating_sub(1),
    })
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

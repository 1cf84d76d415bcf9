//! Answers as bytes.

use crate::object::Tree;
use crate::request::Answer;
use crate::{protobuf, yaml};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    Yaml,
    Protobuf,
}

impl Media {
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => protobuf::MEDIA,
        }
    }

    /// What has no form in protobuf is given as JSON.
    pub(super) fn bytes(self, answer: &Answer, pretty: bool) -> (Vec<u8>, &'static str) {
        match self {
            Self::Protobuf => {
                if let Some(bytes) = protobuf::to_bytes(&answer.to_tree()) {
                    return (bytes, self.name());
                }
            }
            Self::Yaml => return (yaml::text(&answer.to_tree()).into_bytes(), self.name()),
            Self::Json => {}
        }
        let json = answer.to_json();
        let pretty = pretty.then(|| serde_json::from_slice::<serde_json::Value>(&json).ok());
        let bytes = match pretty.flatten().map(|value| serde_json::to_vec_pretty(&value)) {
            Some(Ok(pretty)) => pretty,
            _ => json,
        };
        (bytes, Self::Json.name())
    }
}

pub(super) fn line(mut json: Vec<u8>) -> Vec<u8> {
    json.push(b'\n');
    json
}

/// An event of a watch in protobuf.
pub(super) fn frame(event: &Tree) -> Vec<u8> {
    let object = event.get("object").and_then(protobuf::to_bytes).unwrap_or_default();
    protobuf::frame(event.str_at(&["type"]).unwrap_or_default(), &object)
}

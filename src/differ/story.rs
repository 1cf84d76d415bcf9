//! A sequence of requests, as data: sent to two servers alike, kept in a file if they differ.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a step does, as the table counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Create,
    Get,
    List,
    Watch,
    Update,
    JsonPatch,
    MergePatch,
    StrategicPatch,
    Apply,
    Delete,
}

impl Verb {
    pub const ALL: [Verb; 10] = [
        Verb::Create,
        Verb::Get,
        Verb::List,
        Verb::Watch,
        Verb::Update,
        Verb::JsonPatch,
        Verb::MergePatch,
        Verb::StrategicPatch,
        Verb::Apply,
        Verb::Delete,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Update => "update",
            Verb::JsonPatch => "json",
            Verb::MergePatch => "merge",
            Verb::StrategicPatch => "strategic",
            Verb::Apply => "apply",
            Verb::Delete => "delete",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// `apps/v1/deployments`
    pub kind: String,
    pub steps: Vec<Step>,
}

impl Story {
    /// The object that a story about a kind without namespaces is about.
    pub fn left_behind(&self) -> Option<String> {
        let made = self.steps.iter().find(|step| step.verb == Verb::Create)?;
        let path = made.path.split('?').next()?;
        (!path.contains("/namespaces/")).then(|| format!("{path}/{}", made.body.name()))
    }
}

/// Paths, queries and bodies may hold `${ns}`: the namespace of this telling, also the beginning of other names;
/// `${rv}` and `${uid}`: of the object as it was last answered; `${ip}`: an address of this telling's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub verb: Verb,
    pub method: String,
    /// With the query.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    #[serde(default, skip_serializing_if = "Body::is_none")]
    pub body: Body,
}

impl Step {
    pub fn read(path: &str) -> Self {
        Self {
            verb: Verb::Get,
            method: "GET".into(),
            path: path.to_owned(),
            content_type: None,
            accept: None,
            body: Body::None,
        }
    }

    /// The object that the server itself goes on to write to after this step: what it finds of a definition, say.
    pub fn is_seen_to(&self) -> Option<String> {
        const SEEN_TO: [&str; 3] = [
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            "/apis/apiregistration.k8s.io/v1/apiservices",
            "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
        ];
        let path = self.path.split('?').next()?;
        let collection = SEEN_TO.into_iter().find(|seen_to| path.starts_with(seen_to))?;
        let name = path.strip_prefix(collection)?.split('/').nth(1);
        (self.method != "GET").then(|| format!("{collection}/{}", name.unwrap_or(self.body.name())))
    }

    /// Whether it reads whatever state the server has at hand, as long as it is not too old.
    pub fn takes_any_state(&self) -> bool {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        matches!(self.verb, Verb::Get | Verb::List)
            && query.split('&').any(|pair| pair.starts_with("resourceVersion="))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    #[default]
    None,
    Json(Value),
    /// What is no JSON.
    Text(String),
}

impl Body {
    /// What the object in it is called, or would be.
    fn name(&self) -> &str {
        let Body::Json(object) = self else { return "${ns}-a" };
        object["metadata"]["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("${ns}-a")
    }

    fn is_none(&self) -> bool {
        *self == Body::None
    }

    pub fn text(&self) -> String {
        match self {
            Body::None => String::new(),
            Body::Json(value) => value.to_string(),
            Body::Text(text) => text.clone(),
        }
    }
}

/// What the placeholders of a story stand for on one server.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub namespace: String,
    pub revision: String,
    pub uid: String,
}

impl Names {
    pub fn fill(&self, text: &str) -> String {
        if !text.contains("${") {
            return text.to_owned();
        }
        let revision = if self.revision.is_empty() { "1" } else { &self.revision };
        let uid = if self.uid.is_empty() { "no-such-uid" } else { &self.uid };
        let text = text.replace("${ns}", &self.namespace);
        let text = text.replace("${rv}", revision).replace("${uid}", uid);
        if text.contains("${ip}") { text.replace("${ip}", &self.address()) } else { text }
    }

    /// An address that no other telling has, but for a rare chance.
    fn address(&self) -> String {
        let hash = self
            .namespace
            .bytes()
            .fold(0_u32, |hash, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte));
        let [_, b, c, d] = hash.to_be_bytes();
        format!("172.{}.{c}.{d}", 16 + b % 16)
    }

    /// Takes in what an answer says of the object.
    pub fn learn(&mut self, answer: &Value) {
        let meta = &answer["metadata"];
        if let (Some(revision), Some(uid)) =
            (meta["resourceVersion"].as_str(), meta["uid"].as_str())
        {
            revision.clone_into(&mut self.revision);
            uid.clone_into(&mut self.uid);
        }
    }
}

//! What a process needs to start, on which ports it listens, what it prints, and what its actions
//! do: a YAML file per engine, which a stranger can write. Its verbs are closed; a field or word
//! that is not known here is refused, with its line.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};

use super::sentinel;

/// The models that come with drydock, in the order in which they are asked.
const BUNDLED: &[(&str, &str)] = &[
    ("kbagent.yaml", include_str!("../../../scenarios/engines/kbagent.yaml")),
    ("redis.yaml", include_str!("../../../scenarios/engines/redis.yaml")),
    ("redis-sentinel.yaml", include_str!("../../../scenarios/engines/redis-sentinel.yaml")),
];

#[derive(Debug, thiserror::Error)]
#[error("engine model {file}: {cause}")]
pub struct ModelError {
    file: String,
    cause: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EngineModel {
    /// Its name: `redis`.
    pub engine: Arc<str>,
    /// What it models, in a sentence.
    pub about: String,
    /// It is the model of a container that any of these matches.
    #[serde(rename = "match")]
    pub matches: Vec<Match>,
    #[serde(default)]
    pub boot: Vec<BootStep>,
    /// Ports that are open once it serves. Empty: all that a probe asks for.
    #[serde(default)]
    pub listen: Vec<u16>,
    /// The volume whose content it finds again.
    #[serde(default)]
    pub store: Option<String>,
    pub protocol: Protocol,
    /// Environment variables with the hosts of its group's pods; the first that is set counts.
    #[serde(default)]
    pub peers: Vec<String>,
    /// The same for the pods that watch over it.
    #[serde(default)]
    pub watchers: Vec<String>,
    #[serde(default)]
    pub print: Print,
    /// By name of the lifecycle action. One that is not named succeeds.
    #[serde(default)]
    pub actions: BTreeMap<String, Action>,
    /// It stands in for an engine that nobody has modelled.
    #[serde(skip)]
    pub assumed: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// The name of the `ComponentDefinition`: a prefix, or a regular expression that begins with `^`.
    pub definition: String,
    pub container: String,
}

/// A thing that must be so, or must be done, before the process serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BootStep {
    pub step: String,
    #[serde(default)]
    pub takes: Range,
    #[serde(default)]
    pub needs: Option<Needs>,
    /// What a process does whose needs are not met.
    #[serde(default, rename = "else")]
    pub otherwise: Otherwise,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Needs {
    /// These environment variables.
    Env(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Otherwise {
    /// Looks again each second.
    #[default]
    Wait,
    Exit(i32),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// It has no role, and knows of nobody.
    None,
    /// One leader per group, decided from outside: see [`super::generic`].
    Generic,
    Redis(RedisSettings),
    Sentinel,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisSettings {
    /// `replica-priority`: the lowest is promoted first, 0 never.
    pub priority: u32,
}

/// What an honest role probe prints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Print {
    pub leader: Arc<str>,
    pub follower: Arc<str>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    #[serde(rename = "do")]
    pub verb: Verb,
    #[serde(default)]
    pub takes: Range,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    Succeed,
    /// Ends with this exit code.
    Fail(i32),
    /// Tells every watcher to monitor the group's master, until all have agreed.
    Register(sentinel::Settings),
    /// Hands the leadership over.
    Failover,
    /// Makes the watchers forget who is not there any more.
    Forget,
}

/// From and to; `5s` alone is exactly that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub low: SignedDuration,
    pub high: SignedDuration,
}

impl EngineModel {
    pub fn parse(file: &str, text: &str) -> Result<Self, ModelError> {
        serde_saphyr::from_str(text)
            .map_err(|error| ModelError { file: file.to_owned(), cause: error.to_string() })
    }

    /// A container that runs, answers its probes and lets every action succeed.
    pub fn generic() -> Self {
        let takes = Range::between(200, 800);
        Self {
            engine: "generic".into(),
            about: "An engine that nobody has modelled.".to_owned(),
            matches: Vec::new(),
            boot: vec![BootStep {
                step: "start".to_owned(),
                takes,
                needs: None,
                otherwise: Otherwise::Wait,
            }],
            listen: Vec::new(),
            store: None,
            protocol: Protocol::Generic,
            peers: Vec::new(),
            watchers: Vec::new(),
            print: Print::default(),
            actions: BTreeMap::new(),
            assumed: true,
        }
    }

    fn fits(&self, definition: &str, container: &str) -> bool {
        self.matches
            .iter()
            .any(|one| one.container == container && fits(&one.definition, definition))
    }
}

/// The models of a world, asked in order.
#[derive(Clone, Debug)]
pub struct Catalogue {
    models: Arc<[Arc<EngineModel>]>,
    generic: Arc<EngineModel>,
}

impl Catalogue {
    pub fn bundled() -> Self {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        CATALOGUE
            .get_or_init(|| {
                let parse = |(file, text): &(&str, &str)| {
                    EngineModel::parse(file, text).expect("a test reads every bundled model")
                };
                Self::new(BUNDLED.iter().map(parse).collect())
            })
            .clone()
    }

    pub fn new(models: Vec<EngineModel>) -> Self {
        Self {
            models: models.into_iter().map(Arc::new).collect(),
            generic: Arc::new(EngineModel::generic()),
        }
    }

    pub fn generic(&self) -> &Arc<EngineModel> {
        &self.generic
    }

    /// The model of a container: the first that fits, or the generic one.
    pub fn find(&self, definition: &str, container: &str) -> &Arc<EngineModel> {
        let found = self.models.iter().find(|model| model.fits(definition, container));
        found.unwrap_or(&self.generic)
    }
}

/// The rule by which definitions are named everywhere: a prefix, or a regular expression.
fn fits(pattern: &str, name: &str) -> bool {
    if pattern.starts_with('^') {
        regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name))
    } else {
        name.starts_with(pattern)
    }
}

impl Range {
    pub fn between(low_ms: i64, high_ms: i64) -> Self {
        Self {
            low: SignedDuration::from_millis(low_ms),
            high: SignedDuration::from_millis(high_ms),
        }
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let range = Self { low: parse_duration(low)?, high: parse_duration(high)? };
        if range.low > range.high {
            return Err(format!("{text}: the first must not be longer than the second"));
        }
        Ok(range)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text}: a duration is a number and ms, s, m or h, like 300ms");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: i64 = text[..digits].parse().map_err(|_| wrong())?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(SignedDuration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_model_is_read_and_the_first_that_fits_is_taken() {
        let catalogue = Catalogue::bundled();

        assert_eq!(&*catalogue.find("redis-7-1.2.0", "redis").engine, "redis");
        assert_eq!(&*catalogue.find("redis-sentinel-7", "redis-sentinel").engine, "redis-sentinel");
        assert!(catalogue.find("redis-7", "metrics").assumed);
        assert!(catalogue.find("qdrant", "qdrant").assumed);
    }

    #[test]
    fn every_model_of_the_folder_is_bundled() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/engines");
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let mut there: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        there.sort();

        let mut bundled: Vec<&str> = BUNDLED.iter().map(|(file, _)| *file).collect();
        bundled.sort_unstable();

        assert_eq!(bundled, there, "a model in scenarios/engines needs a line in BUNDLED, above");
    }

    #[test]
    fn a_word_that_is_not_known_is_refused_with_its_line() {
        let text = "engine: x\nabout: y\nmatch: []\nprotocol: none\nactions:\n  switchover: { do: explode }\n";

        let error = EngineModel::parse("x.yaml", text).unwrap_err().to_string();

        assert!(error.contains("x.yaml") && error.contains("explode"), "{error}");
        assert!(error.contains("line 6"), "{error}");
    }

    #[test]
    fn a_range_must_not_run_backwards() {
        assert_eq!("300ms..1s".parse(), Ok(Range::between(300, 1_000)));
        assert!("2s..1s".parse::<Range>().is_err());
        assert!("soon".parse::<Range>().is_err());
    }
}

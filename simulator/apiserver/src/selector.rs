//! Label and field selectors, parsed once and matched often.

mod parse;

use crate::kinds::KindInfo;
use crate::object::{Object, Tree};
use crate::status::Status;

/// All of its requirements must hold; without any it selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// Also if the label is absent.
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// `a=b,c in (d, e),!f`. What is wrong is said as the server of that minor version says it.
    pub fn parse(selector: &str, minor: u32) -> Result<Self, Status> {
        parse::labels(selector, minor).map(|requirements| Self { requirements })
    }

    /// A `{matchLabels, matchExpressions}` of a spec. An operator that is none selects nothing.
    pub fn from_tree(selector: &Tree) -> Self {
        let labels = selector.get("matchLabels").into_iter().flat_map(Tree::entries);
        let labels = labels.map(|(key, value)| Requirement {
            key: key.to_owned(),
            test: Test::In(vec![value.as_str().unwrap_or_default().to_owned()]),
        });
        let expressions = selector.get("matchExpressions").into_iter().flat_map(Tree::items);
        let expressions = expressions.map(|expression| {
            let values = expression.get("values").into_iter().flat_map(Tree::items);
            let values = values.filter_map(Tree::as_str).map(str::to_owned).collect();
            Requirement {
                key: expression.str_at(&["key"]).unwrap_or_default().to_owned(),
                test: match expression.str_at(&["operator"]) {
                    Some("In") => Test::In(values),
                    Some("NotIn") => Test::NotIn(values),
                    Some("Exists") => Test::Exists,
                    Some("DoesNotExist") => Test::Absent,
                    _ => Test::In(Vec::new()),
                },
            }
        });
        Self { requirements: labels.chain(expressions).collect() }
    }

    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.is_everything() || self.matches_labels(object.tree().at(&["metadata", "labels"]))
    }

    /// `labels` is a map of strings; its absence is the same as an empty one.
    pub fn matches_labels(&self, labels: Option<&Tree>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.and_then(|labels| labels.get(&requirement.key)?.as_str());
            match (&requirement.test, value) {
                (Test::In(values), Some(value)) => values.iter().any(|one| one == value),
                (Test::NotIn(values), Some(value)) => values.iter().all(|one| one != value),
                (Test::Exists, value) => value.is_some(),
                (Test::Absent, value) => value.is_none(),
                (Test::Above(least), Some(value)) => value.parse::<i64>().is_ok_and(|v| v > *least),
                (Test::Below(most), Some(value)) => value.parse::<i64>().is_ok_and(|v| v < *most),
                (Test::NotIn(_), None) => true,
                (Test::In(_) | Test::Above(_) | Test::Below(_), None) => false,
            }
        })
    }

    /// A label and the one value it must have: what an index can answer.
    pub(crate) fn exact(&self) -> Option<(&str, &str)> {
        self.requirements.iter().find_map(|requirement| match &requirement.test {
            Test::In(values) if values.len() == 1 => Some((&*requirement.key, &*values[0])),
            _ => None,
        })
    }
}

impl std::fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, Requirement { key, test }) in self.requirements.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match test {
                Test::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0])?,
                Test::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values[0])?,
                Test::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Test::Exists => f.write_str(key)?,
                Test::Absent => write!(f, "!{key}")?,
                Test::Above(least) => write!(f, "{key}>{least}")?,
                Test::Below(most) => write!(f, "{key}<{most}")?,
            }
        }
        Ok(())
    }
}

/// `metadata.name=a,status.phase!=Running`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    path: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Whether a text can be read at all, for whatever kind.
    pub(crate) fn check(selector: &str) -> Result<(), Status> {
        parse::fields(selector).map(|_| ())
    }

    /// Which fields can be selected by depends on the kind.
    pub fn parse(selector: &str, kind: &KindInfo) -> Result<Self, Status> {
        let terms = parse::fields(selector)?;
        let extra = extra_fields(kind);
        for term in &terms {
            if extra.is_empty()
                && !kind.custom
                && !matches!(&*term.path, "metadata.name" | "metadata.namespace")
            {
                return Err(Status::bad_request(format!(
                    "{:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                    term.path
                )));
            }
            let is_slice = kind.is("resource.k8s.io", "ResourceSlice");
            let is_place = term.path == "metadata.namespace" && !is_slice;
            if term.path != "metadata.name" && !is_place && !extra.contains(&&*term.path) {
                let why = if is_slice {
                    let version = kind.api_version();
                    format!(
                        "field label not supported for {version}, Kind={}: {}",
                        kind.kind, term.path
                    )
                } else if kind.is("batch", "Job") {
                    format!("field label {:?} not supported for Job", term.path)
                } else {
                    format!("field label not supported: {}", term.path)
                };
                return Err(Status::bad_request(why));
            }
        }
        Ok(Self { terms })
    }

    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.terms.iter().all(|term| {
            let value = match &*term.path {
                "metadata.name" => object.name().into(),
                "metadata.namespace" => object.namespace().into(),
                path => field(object.tree(), path),
            };
            (value == term.value) == term.equal
        })
    }

    pub(crate) fn require_name(&mut self, name: &str) {
        let path = "metadata.name".to_owned();
        self.terms.push(Term { path, equal: true, value: name.to_owned() });
    }

    /// The name, if only one object can match.
    pub(crate) fn name(&self) -> Option<&str> {
        let term = self.terms.iter().find(|term| term.path == "metadata.name" && term.equal)?;
        Some(&term.value)
    }
}

/// The value of a field as a selector sees it: what is absent is the zero of its type.
fn field(tree: &Tree, path: &str) -> String {
    let (path, absent) = match path {
        "spec.host" => ("spec.nodeName", ""),
        "source" if tree.str_at(&["source", "component"]).is_none_or(str::is_empty) => {
            ("reportingComponent", "")
        }
        "source" => ("source.component", ""),
        "reportingController" => ("reportingComponent", ""),
        "spec.unschedulable" | "spec.hostNetwork" => (path, "false"),
        "status.replicas" | "status.successful" => (path, "0"),
        _ => (path, ""),
    };
    let path = if path == "status.successful" { "status.succeeded" } else { path };
    // Events are kept in the form of the core group.
    let path = match path.strip_prefix("regarding.") {
        Some(rest) => &["involvedObject.", rest].concat(),
        None => path,
    };
    let found = path.split('.').try_fold(tree, |tree, key| tree.get(key));
    match found {
        None => absent.to_owned(),
        Some(value) => match value.as_str() {
            Some(string) => string.to_owned(),
            None => value.to_string(),
        },
    }
}

fn extra_fields(kind: &KindInfo) -> &'static [&'static str] {
    match (&*kind.group, &*kind.kind) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.host",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "Node") => &["spec.unschedulable"],
        ("", "Namespace") => &["status.phase"],
        ("", "Secret") => &["type"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "ReplicationController") => &["status.replicas"],
        ("batch", "Job") => &["status.successful"],
        ("resource.k8s.io", "ResourceSlice") => &["spec.nodeName", "spec.driver"],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "Event") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        ("certificates.k8s.io", "CertificateSigningRequest") => &["spec.signerName"],
        _ => &[],
    }
}

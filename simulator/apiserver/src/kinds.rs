//! What is known of a kind before any object of it is read, and which kinds a Kubernetes version has.

use std::sync::Arc;

use crate::Tree;
use crate::object::text;
use crate::schema::{Row, Schema, Table};

/// A stored kind of one server: a group and a kind, whatever the version it is asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindId(pub(crate) u32);

/// A Kubernetes version, by its minor number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub minor: u32,
}

impl Profile {
    pub const V1_20: Profile = Profile { minor: 20 };
    pub const V1_34: Profile = Profile { minor: 34 };

    /// `1.20`, and `1.25` to `1.34`. Those between served both the betas of the one and what came of them.
    pub fn parse(version: &str) -> Option<Profile> {
        let minor = version.strip_prefix("1.")?.parse().ok()?;
        matches!(minor, 20 | 25..=34).then_some(Profile { minor })
    }

    /// The definitions of the builtin kinds.
    pub(crate) fn table(&self) -> &'static Table {
        Table::of(self.minor)
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

/// One kind in one version.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a kind")]
pub struct KindInfo {
    pub group: Arc<str>,
    pub version: Arc<str>,
    pub kind: Arc<str>,
    pub list_kind: Arc<str>,
    pub plural: Arc<str>,
    pub singular: Arc<str>,
    pub short_names: Vec<Arc<str>>,
    pub categories: Vec<Arc<str>>,
    pub namespaced: bool,
    pub verbs: Vec<&'static str>,
    pub subresources: Vec<&'static str>,
    pub tracks_generation: bool,
    /// Whether a write of the whole object may leave out the revision it rests on.
    pub unconditional_update: bool,
    /// Whether this version is there for clients.
    pub served: bool,
    /// Whether objects are kept in this version.
    pub storage: bool,
    pub custom: bool,
    pub schema: Schema,
    pub scale: Option<Scale>,
    /// What `kubectl get` shows of a custom kind.
    pub columns: Vec<Column>,
    /// The revision at which its definition came. Of objects that are older, what is missing is filled in when they
    /// are read.
    pub since: u64,
    /// The warning that using this version is answered with; empty for none.
    pub deprecation: String,
}

/// Where a custom kind keeps its scale. Paths have a leading dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    pub spec_replicas: String,
    pub status_replicas: String,
    pub label_selector: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: String,
    pub format: String,
    pub description: String,
    pub priority: i64,
    pub json_path: String,
}

impl PartialEq for KindInfo {
    fn eq(&self, other: &Self) -> bool {
        (&self.group, &self.version, &self.kind) == (&other.group, &other.version, &other.kind)
    }
}

impl KindInfo {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            [&self.group, "/", &self.version].concat()
        }
    }

    pub fn has_subresource(&self, name: &str) -> bool {
        self.subresources.contains(&name)
    }

    /// Whether this is the kind of that name, of a builtin group.
    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        *self.kind == *kind && *self.group == *group
    }
}

pub(crate) const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The kinds a server of this version has from the start.
pub(crate) fn builtin(profile: &Profile) -> Vec<KindInfo> {
    let table = profile.table();
    let there = table.rows.iter().filter(|row| since(row) <= profile.minor);
    there.filter_map(|row| from_row(table, row)).collect()
}

/// The minor version with which a kind came in the version that the newest table has it in.
fn since(row: &Row) -> u32 {
    match (row.group, row.version, row.kind) {
        ("resource.k8s.io", "v1", _) | ("storage.k8s.io", "v1", "VolumeAttributesClass") => 34,
        ("networking.k8s.io", "v1", "IPAddress" | "ServiceCIDR") => 33,
        ("admissionregistration.k8s.io", "v1", kind) if kind.contains("Policy") => 30,
        ("flowcontrol.apiserver.k8s.io", "v1", _) => 29,
        ("authentication.k8s.io", "v1", "SelfSubjectReview") => 28,
        _ => 0,
    }
}

fn from_row(table: &'static Table, row: &Row) -> Option<KindInfo> {
    let has = |flag: char| row.flags.contains(flag);
    let mut subresources = Vec::new();
    if has('s') {
        subresources.push("status");
    }
    if has('c') {
        subresources.push("scale");
    }
    if row.kind == "Pod" {
        subresources.extend((table.minor >= 23).then_some("ephemeralcontainers"));
        subresources.extend((table.minor >= 33).then_some("resize"));
    }
    subresources.extend_from_slice(match row.kind {
        "Pod" => &["binding", "eviction", "log", "exec", "attach", "portforward", "proxy"],
        "Namespace" => &["finalize"],
        "ServiceAccount" => &["token"],
        "CertificateSigningRequest" => &["approval"],
        _ => &[],
    });
    let verbs: &[&'static str] = match row.flags {
        flags if flags.contains('r') => &["create"],
        flags if flags.contains('R') => &["get", "list"],
        // Services could not be deleted together before 1.21.
        _ if row.group.is_empty()
            && (row.kind == "Namespace" || row.kind == "Service" && table.minor < 21) =>
        {
            &["create", "delete", "get", "list", "patch", "update", "watch"]
        }
        _ => VERBS,
    };
    // Where a kind exists in two versions, one of them is what is kept.
    let is_best =
        |other: &Row| (other.group, other.kind, other.version) == (row.group, row.kind, "v1");
    let storage = match (row.group, row.version) {
        (_, "v2beta1" | "v2beta2") | ("autoscaling", "v2") => false,
        (_, "v1beta1") if table.minor < 21 && table.rows.iter().any(is_best) => false,
        ("batch" | "policy", "v1beta1") => table.minor < 21 || row.kind == "PodSecurityPolicy",
        _ => true,
    };
    let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect();
    Some(KindInfo {
        group: text(row.group),
        version: text(row.version),
        kind: text(row.kind),
        list_kind: text(&format!("{}List", row.kind)),
        plural: text(row.plural),
        singular: text(&row.kind.to_lowercase()),
        short_names: texts(&row.short_names),
        categories: texts(&row.categories),
        namespaced: !has('C'),
        verbs: verbs.to_vec(),
        subresources,
        tracks_generation: has('g'),
        unconditional_update: !has('v'),
        served: true,
        storage,
        custom: false,
        schema: Schema::builtin(table, row.definition)?,
        scale: None,
        columns: Vec::new(),
        since: 0,
        deprecation: deprecation(row, table.minor),
    })
}

/// The warning that a builtin kind is answered with.
fn deprecation(row: &Row, minor: u32) -> String {
    // Since when, for the versions that ended with 1.22; the others were deprecated later than 1.20.
    let since = match (row.group, row.kind) {
        _ if minor > 21 || row.version != "v1beta1" => None,
        ("admissionregistration.k8s.io" | "apiextensions.k8s.io", _) => Some(16),
        ("extensions" | "scheduling.k8s.io", _) => Some(14),
        ("rbac.authorization.k8s.io", _) | ("storage.k8s.io", "CSINode") => Some(17),
        (
            "apiregistration.k8s.io"
            | "authentication.k8s.io"
            | "authorization.k8s.io"
            | "certificates.k8s.io"
            | "coordination.k8s.io"
            | "networking.k8s.io"
            | "storage.k8s.io",
            _,
        ) => Some(19),
        _ => None,
    };
    if let Some(since) = since {
        let (group, kind) = (row.group, row.kind);
        let other = if group == "extensions" { "networking.k8s.io" } else { group };
        return format!(
            "{group}/v1beta1 {kind} is deprecated in v1.{since}+, unavailable in v1.22+; use {other}/v1 {kind}"
        );
    }
    let text = match (row.group, row.kind) {
        ("", "ComponentStatus") => "v1 ComponentStatus is deprecated in v1.19+",
        ("", "Endpoints") if minor >= 33 => {
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
        }
        _ => "",
    };
    text.to_owned()
}

impl Column {
    /// A column as a definition lists it.
    pub(crate) fn of(column: &Tree) -> Self {
        let text = |key: &str| column.str_at(&[key]).unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            kind: text("type"),
            format: text("format"),
            description: text("description"),
            priority: column.int_at(&["priority"]).unwrap_or(0),
            json_path: text("jsonPath"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_kinds_of_its_time() {
        let has = |version: &str, kind: &str| {
            let profile = Profile::parse(version).expect("a version that is known");
            builtin(&profile).iter().any(|info| &*info.kind == kind)
        };

        assert!(!has("1.27", "SelfSubjectReview") && has("1.28", "SelfSubjectReview"));
        assert!(
            !has("1.29", "ValidatingAdmissionPolicy") && has("1.30", "ValidatingAdmissionPolicy")
        );
        assert!(!has("1.33", "DeviceClass") && has("1.34", "DeviceClass"));
        assert!(has("1.25", "CronJob") && has("1.20", "PodSecurityPolicy"));
        assert_eq!(Profile::parse("1.22"), None);
        assert_eq!(Profile::parse("2.30"), None);
    }
}

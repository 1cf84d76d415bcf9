//! What is known of a kind before any object of it is read, and which kinds a Kubernetes version has.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::Tree;
use crate::convert::home;
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

    /// `1.20` to `1.34`.
    pub fn parse(version: &str) -> Option<Profile> {
        let minor = version.strip_prefix("1.")?.parse().ok()?;
        (20..=34).contains(&minor).then_some(Profile { minor })
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
    /// Whether its definition was changed after its first objects may have been made.
    pub redefined: bool,
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

    /// Whether the real server lets a status be written with the object, though it has its own way in.
    pub(crate) fn writes_status_along(&self) -> bool {
        self.is("networking.k8s.io", "ServiceCIDR")
    }

    /// Whether the real server has code of its own for deleting it, which makes it wait for what is in it.
    pub(crate) fn ends_by_itself(&self) -> bool {
        self.is("", "Namespace") || self.is("apiextensions.k8s.io", "CustomResourceDefinition")
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
    let rows = rows(profile.minor);
    rows.iter().filter_map(|row| from_row(&rows, row, profile.minor)).collect()
}

/// What a Scale is read as, of objects of any kind.
pub(crate) fn scale(profile: &Profile, of: &KindInfo) -> KindInfo {
    KindInfo {
        group: text("autoscaling"),
        version: text("v1"),
        kind: text("Scale"),
        list_kind: text("ScaleList"),
        plural: text("scales"),
        singular: text("scale"),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: of.namespaced,
        verbs: Vec::new(),
        subresources: Vec::new(),
        tracks_generation: false,
        unconditional_update: true,
        served: false,
        storage: true,
        custom: false,
        redefined: false,
        schema: Schema::builtin(profile.table(), "autoscaling.v1.Scale")
            .expect("every version has scales")
            .for_minor(profile.minor),
        scale: None,
        columns: Vec::new(),
        since: 0,
        deprecation: String::new(),
    }
}

/// What there is of a kind in some version, from the table nearest to a server's version that has it.
struct Found {
    table: &'static Table,
    row: &'static Row,
    version: &'static str,
}

fn rows(minor: u32) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut add = |table, row: &'static Row, version| {
        let key = (row.group, version, row.kind);
        let is_known = found.iter().any(|f| (f.row.group, f.version, f.row.kind) == key);
        if !is_known && span(row.group, version, row.kind).contains(&minor) {
            found.push(Found { table, row, version });
        }
    };
    for table in Table::by_distance(minor) {
        for row in &table.rows {
            add(table, row, row.version);
            // No table is of its time; it looks as what came of it.
            if (row.group, row.version) == ("flowcontrol.apiserver.k8s.io", "v1") {
                add(table, row, "v1beta3");
            }
        }
    }
    found
}

/// The minor versions that serve a kind in some version.
fn span(group: &str, version: &str, kind: &str) -> RangeInclusive<u32> {
    let (first, last) = match (group, version, kind) {
        ("admissionregistration.k8s.io", "v1", kind) if kind.contains("Policy") => (30, NOW),
        ("authentication.k8s.io", "v1", "SelfSubjectReview") => (28, NOW),
        ("autoscaling", "v2", _) => (23, NOW),
        ("autoscaling", "v2beta2", _) => (0, 25),
        ("batch", "v1", "CronJob") | ("discovery.k8s.io" | "policy", "v1", _) => (21, NOW),
        ("flowcontrol.apiserver.k8s.io", "v1", _) => (29, NOW),
        ("flowcontrol.apiserver.k8s.io", "v1beta1", _) => (20, 25),
        ("flowcontrol.apiserver.k8s.io", "v1beta2", _) => (23, 28),
        ("flowcontrol.apiserver.k8s.io", "v1beta3", _) => (26, 31),
        ("networking.k8s.io", "v1", "IPAddress" | "ServiceCIDR") => (33, NOW),
        ("resource.k8s.io", "v1", _) | ("storage.k8s.io", "v1", "VolumeAttributesClass") => {
            (34, NOW)
        }
        ("storage.k8s.io", "v1", "CSIStorageCapacity") => (24, NOW),
        ("storage.k8s.io", "v1beta1", "CSIStorageCapacity") => (21, 26),
        ("autoscaling", "v2beta1", _)
        | (
            "batch" | "discovery.k8s.io" | "events.k8s.io" | "node.k8s.io" | "policy",
            "v1beta1",
            _,
        ) => (0, 24),
        (_, "v1beta1", _) => (0, 21),
        _ => (0, NOW),
    };
    first..=last
}

/// No end in sight.
const NOW: u32 = u32::MAX;

/// The better of two versions of a kind to keep it in comes first: the one that can say more, then the stable one.
const STORED: [&str; 7] = ["v2", "v2beta2", "v1", "v1beta3", "v1beta2", "v1beta1", "v2beta1"];

fn is_stored(all: &[Found], version: &str, row: &Row) -> bool {
    let rank = |version: &str| STORED.iter().position(|known| *known == version);
    let same = all.iter().filter(|f| (f.row.group, f.row.kind) == (row.group, row.kind));
    home(row.group, row.kind).0 == row.group
        && same.map(|f| rank(f.version)).min() == Some(rank(version))
}

fn from_row(all: &[Found], found: &Found, minor: u32) -> Option<KindInfo> {
    let Found { table, row, version } = found;
    let has = |flag: char| row.flags.contains(flag);
    let mut subresources = Vec::new();
    if has('s') {
        subresources.push("status");
    }
    if has('c') {
        subresources.push("scale");
    }
    if row.kind == "Pod" {
        subresources.extend((minor >= 23).then_some("ephemeralcontainers"));
        subresources.extend((minor >= 33).then_some("resize"));
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
            && (row.kind == "Namespace" || row.kind == "Service" && minor < 21) =>
        {
            &["create", "delete", "get", "list", "patch", "update", "watch"]
        }
        _ => VERBS,
    };
    let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect();
    Some(KindInfo {
        group: text(row.group),
        version: text(version),
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
        storage: is_stored(all, version, row),
        custom: false,
        redefined: false,
        schema: Schema::builtin(table, row.definition)?.for_minor(minor),
        scale: None,
        columns: Vec::new(),
        since: 0,
        deprecation: deprecation(row.group, version, row.kind, minor),
    })
}

/// The warning that a builtin kind is answered with.
fn deprecation(group: &str, version: &str, kind: &str, minor: u32) -> String {
    let old = match (group, kind) {
        ("", "ComponentStatus") => return "v1 ComponentStatus is deprecated in v1.19+".to_owned(),
        ("", "Endpoints") if minor >= 33 => {
            return "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
                .to_owned();
        }
        _ if version.contains("beta") => [group, "/", version].concat(),
        _ => return String::new(),
    };
    // Since when, and what to use instead.
    let (since, instead) = match (group, version, kind) {
        ("admissionregistration.k8s.io" | "apiextensions.k8s.io", ..) => (16, "v1"),
        ("extensions" | "scheduling.k8s.io", ..) => (14, "v1"),
        ("rbac.authorization.k8s.io", ..) | ("storage.k8s.io", _, "CSINode") => (17, "v1"),
        ("autoscaling", "v2beta1", _) => (22, if minor < 23 { "v2beta2" } else { "v2" }),
        ("autoscaling", "v2beta2", _) => (23, "v2"),
        ("batch" | "discovery.k8s.io", ..) | ("policy", _, "PodDisruptionBudget") => (21, "v1"),
        ("policy", ..) => (21, ""),
        ("events.k8s.io" | "node.k8s.io", ..) => (22, ""),
        ("flowcontrol.apiserver.k8s.io", "v1beta1", _) => (23, "v1beta2"),
        ("flowcontrol.apiserver.k8s.io", "v1beta2", _) => (26, "v1beta3"),
        ("flowcontrol.apiserver.k8s.io", "v1beta3", _) => (29, "v1"),
        ("storage.k8s.io", _, "CSIStorageCapacity") => (24, "v1"),
        _ => (19, "v1"),
    };
    if minor < since {
        return String::new();
    }
    let gone = span(group, version, kind).end() + 1;
    let said = format!("{old} {kind} is deprecated in v1.{since}+, unavailable in v1.{gone}+");
    let other = if group == "extensions" { "networking.k8s.io" } else { group };
    if instead.is_empty() { said } else { format!("{said}; use {other}/{instead} {kind}") }
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
        assert_eq!(Profile::parse("1.19"), None);
        assert_eq!(Profile::parse("2.30"), None);
    }

    #[test]
    fn betas_are_served_until_their_time_is_over() {
        let betas = |minor| -> Vec<String> {
            let mut versions: Vec<String> =
                builtin(&Profile { minor }).iter().map(KindInfo::api_version).collect();
            versions.retain(|version| version.contains("beta"));
            versions.sort();
            versions.dedup();
            versions
        };
        let to_1_21 = "admissionregistration.k8s.io/v1beta1 apiextensions.k8s.io/v1beta1 apiregistration.k8s.io/v1beta1 authentication.k8s.io/v1beta1 authorization.k8s.io/v1beta1 certificates.k8s.io/v1beta1 coordination.k8s.io/v1beta1 extensions/v1beta1 networking.k8s.io/v1beta1 rbac.authorization.k8s.io/v1beta1 scheduling.k8s.io/v1beta1";
        let to_1_24 = "autoscaling/v2beta1 autoscaling/v2beta2 batch/v1beta1 discovery.k8s.io/v1beta1 events.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta1 node.k8s.io/v1beta1 policy/v1beta1 storage.k8s.io/v1beta1";
        let flow = |versions: &[u32]| {
            let version = |n: &u32| format!("flowcontrol.apiserver.k8s.io/v1beta{n}");
            versions.iter().map(version).collect::<Vec<_>>().join(" ")
        };
        let all = |minor: u32| match minor {
            20 | 21 => [to_1_21, to_1_24].join(" "),
            22 => to_1_24.to_owned(),
            23 | 24 => [to_1_24, &flow(&[2])].join(" "),
            25 => ["autoscaling/v2beta2", &flow(&[1, 2]), "storage.k8s.io/v1beta1"].join(" "),
            26 => [&flow(&[2, 3]), "storage.k8s.io/v1beta1"].join(" "),
            27 | 28 => flow(&[2, 3]),
            29..=31 => flow(&[3]),
            _ => String::new(),
        };

        for minor in 20..=34 {
            let wanted = all(minor);
            let mut wanted: Vec<&str> = wanted.split_whitespace().collect();
            wanted.sort_unstable();
            assert_eq!(betas(minor), wanted, "1.{minor}");
        }
    }

    #[test]
    fn what_became_of_a_beta_is_served_from_its_time_on() {
        // Group, version and kind; the first version, and the last if it went.
        let facts = [
            ("policy/v1", "PodDisruptionBudget", 21, 34),
            ("policy/v1beta1", "PodDisruptionBudget", 20, 24),
            ("policy/v1beta1", "PodSecurityPolicy", 20, 24),
            ("batch/v1", "CronJob", 21, 34),
            ("batch/v1beta1", "CronJob", 20, 24),
            ("batch/v1", "Job", 20, 34),
            ("discovery.k8s.io/v1", "EndpointSlice", 21, 34),
            ("autoscaling/v1", "HorizontalPodAutoscaler", 20, 34),
            ("autoscaling/v2", "HorizontalPodAutoscaler", 23, 34),
            ("storage.k8s.io/v1", "CSIStorageCapacity", 24, 34),
            ("storage.k8s.io/v1beta1", "CSIStorageCapacity", 21, 26),
            ("storage.k8s.io/v1beta1", "StorageClass", 20, 21),
            ("networking.k8s.io/v1", "Ingress", 20, 34),
            ("extensions/v1beta1", "Ingress", 20, 21),
            ("node.k8s.io/v1", "RuntimeClass", 20, 34),
            ("events.k8s.io/v1", "Event", 20, 34),
            ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", 29, 34),
            ("authentication.k8s.io/v1", "SelfSubjectReview", 28, 34),
            ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", 30, 34),
            ("networking.k8s.io/v1", "IPAddress", 33, 34),
            ("storage.k8s.io/v1", "VolumeAttributesClass", 34, 34),
        ];

        for minor in 20..=34 {
            let kinds = builtin(&Profile { minor });
            for (api_version, kind, first, last) in facts {
                let is_there = kinds
                    .iter()
                    .any(|info| info.api_version() == api_version && *info.kind == *kind);
                assert_eq!(
                    is_there,
                    (first..=last).contains(&minor),
                    "{api_version} {kind} in 1.{minor}"
                );
            }
            let mut stored: Vec<_> = kinds.iter().filter(|info| info.storage).collect();
            stored.sort_by_key(|info| (info.group.clone(), info.kind.clone()));
            let kept = stored.len();
            stored.dedup_by_key(|info| (info.group.clone(), info.kind.clone()));
            assert_eq!(stored.len(), kept, "each kind is kept in one version in 1.{minor}");
        }
    }
}

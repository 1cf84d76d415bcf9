//! Applying manifests as a user does: created, or patched where they exist already.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use drydock_apiserver::{Request, Response, Tree};
use drydock_scenarios::{Manifest, Mistake, Place, Source};
use imbl::Vector;

use super::claim;
use crate::inflight::{Reply, RequestId};
use crate::world::World;

/// A field of a manifest that the schema of its kind does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// `componentdefinition/redis-7`
    pub object: String,
    pub field: String,
    pub file: String,
    pub place: Place,
}

/// Manifests in the order in which they can be applied: what others refer to comes first.
pub fn ordered(manifests: &[Manifest]) -> Vec<Manifest> {
    let mut ordered = manifests.to_vec();
    ordered.sort_by_key(rank);
    ordered
}

fn rank(manifest: &Manifest) -> u8 {
    let group = manifest.api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, manifest.kind.as_str()) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", _) => 1,
        ("apps.kubeblocks.io", "Cluster") => 8,
        ("operations.kubeblocks.io", "OpsRequest")
        | ("dataprotection.kubeblocks.io", "Backup" | "Restore") => 9,
        // ClusterDefinitions name ComponentDefinitions, which name templates.
        ("apps.kubeblocks.io", "ClusterDefinition" | "ShardingDefinition") => 6,
        ("apps.kubeblocks.io", "ComponentVersion") => 5,
        (group, _) if group.ends_with("kubeblocks.io") => 4,
        _ => 3,
    }
}

/// Requests of the user on their way, one at a time.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    queue: VecDeque<Item>,
    on_its_way: Option<(RequestId, Item)>,
    summary: String,
    refusal: String,
}

#[derive(Clone, Debug)]
struct Item {
    request: Request,
    /// Sent if the object exists already.
    otherwise: Option<Request>,
    manifest: Option<Manifest>,
}

pub(super) enum Progress {
    Waiting,
    Done,
    /// A manifest that is wrong, or else a request of the story that failed.
    Refused(Option<Mistake>),
}

impl Sending {
    /// All manifests, their namespaces first.
    pub fn apply(world: &World, manifests: &[Manifest], default_namespace: &str) -> Self {
        let server = world.server(0);
        let manifests = ordered(manifests);
        let mut queue = VecDeque::new();
        for name in namespaces(&manifests, default_namespace) {
            let known = server
                .kind("", "Namespace")
                .is_some_and(|id| server.table(id).get("", &name).is_some());
            if let (false, Some((_, info))) = (known, claim::kind(server, "namespace")) {
                let namespace = Tree::null().with(&["metadata", "name"], name);
                let request = Request::create(claim::gvr(info), "", namespace).by("user");
                queue.push_back(Item { request, otherwise: None, manifest: None });
            }
        }
        for manifest in &manifests {
            let Some(info) = served(server, manifest) else { continue };
            let tree = Tree::from_value(manifest.to_json());
            let namespace = match (info.namespaced, manifest.namespace.as_str()) {
                (false, _) => "",
                (true, "") => default_namespace,
                (true, namespace) => namespace,
            };
            let create = Request::create(claim::gvr(info), namespace, tree.clone()).by("user");
            let patch =
                Request::merge_patch(claim::gvr(info), namespace, &manifest.name, tree).by("user");
            queue.push_back(Item {
                request: create,
                otherwise: Some(patch),
                manifest: Some(manifest.clone()),
            });
        }
        Self { queue, on_its_way: None, summary: summary(&manifests), refusal: String::new() }
    }

    pub fn one(request: Request) -> Self {
        let item = Item { request, otherwise: None, manifest: None };
        Self {
            queue: VecDeque::from([item]),
            on_its_way: None,
            summary: String::new(),
            refusal: String::new(),
        }
    }

    /// `5 definitions, cluster/demo (redis 2, redis-sentinel 3)`
    pub fn summary(&self) -> String {
        self.summary.clone()
    }

    pub fn refusal(&self) -> &str {
        &self.refusal
    }

    pub fn proceed(&mut self, world: &mut World, dropped: &mut Vector<Dropped>) -> Progress {
        if let Some((id, item)) = self.on_its_way.take() {
            let Some(reply) = world.take_answer_of(id) else {
                self.on_its_way = Some((id, item));
                return Progress::Waiting;
            };
            let Reply::Api(response) = reply else {
                "a request of the story was not answered".clone_into(&mut self.refusal);
                return Progress::Refused(None);
            };
            if let Err(mistake) = self.take(item, &response, dropped) {
                return Progress::Refused(mistake);
            }
        }
        match self.queue.pop_front() {
            None => Progress::Done,
            Some(item) => {
                self.on_its_way = Some((world.submit(item.request.clone()), item));
                Progress::Waiting
            }
        }
    }

    /// What an answer means; an error ends the step.
    fn take(
        &mut self,
        mut item: Item,
        response: &Response,
        dropped: &mut Vector<Dropped>,
    ) -> Result<(), Option<Mistake>> {
        let Some(status) = response.error() else {
            if let Some(manifest) = &item.manifest {
                dropped.extend(
                    response.warnings.iter().filter_map(|warning| dropped_field(warning, manifest)),
                );
            }
            return Ok(());
        };
        let exists = status.code == 409 && status.reason == "AlreadyExists";
        if exists && let Some(patch) = item.otherwise.take() {
            item.request = patch;
            self.queue.push_front(item);
            return Ok(());
        }
        // Somebody else made the namespace meanwhile.
        if exists && item.manifest.is_none() {
            return Ok(());
        }
        self.refusal.clone_from(&status.message);
        let mistake = item.manifest.map(|manifest| {
            let place = status
                .details
                .as_ref()
                .and_then(|details| details.causes.first())
                .map(|cause| manifest.locate(&cause.field));
            Mistake::new(
                &manifest.source,
                place.unwrap_or(manifest.node.place),
                status.message.clone(),
            )
        });
        Err(mistake)
    }
}

/// The kind of a manifest in the version that it names.
pub(super) fn served<'a>(
    server: &'a drydock_apiserver::Server,
    manifest: &Manifest,
) -> Option<&'a drydock_apiserver::KindInfo> {
    server
        .kinds()
        .find(|info| *info.kind == *manifest.kind && info.api_version() == manifest.api_version)
}

/// `unknown field "spec.foo"`, as API servers warn.
fn dropped_field(warning: &str, manifest: &Manifest) -> Option<Dropped> {
    let field = warning.strip_prefix("unknown field \"")?.split('"').next()?;
    let Source { name, .. } = &*manifest.source;
    Some(Dropped {
        object: manifest.to_string(),
        field: field.to_owned(),
        file: name.clone(),
        place: manifest.locate(field),
    })
}

fn namespaces(manifests: &[Manifest], default_namespace: &str) -> BTreeSet<String> {
    let made = manifests
        .iter()
        .filter(|m| m.kind == "Namespace" && m.api_version == "v1")
        .map(|m| m.name.as_str());
    let made: BTreeSet<&str> = made.collect();
    let named =
        manifests.iter().map(|manifest| manifest.namespace.as_str()).chain([default_namespace]);
    named.filter(|name| !name.is_empty() && !made.contains(name)).map(str::to_owned).collect()
}

fn summary(manifests: &[Manifest]) -> String {
    let mut definitions = 0;
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    let mut named = Vec::new();
    for manifest in manifests {
        match rank(manifest) {
            8 | 9 => named.push(match components(manifest) {
                components if components.is_empty() => manifest.to_string(),
                components => format!("{manifest} ({components})"),
            }),
            4..=6 => definitions += 1,
            _ => *others.entry(manifest.kind.to_lowercase()).or_default() += 1,
        }
    }
    let plural = |count: usize, name: &str| {
        if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
    };
    let mut parts: Vec<String> = others.iter().map(|(kind, count)| plural(*count, kind)).collect();
    if parts.len() > 3 {
        parts = vec![plural(others.values().sum(), "other object")];
    }
    if definitions > 0 {
        parts.insert(0, plural(definitions, "definition"));
    }
    parts.extend(named);
    parts.join(", ")
}

/// `redis 2, redis-sentinel 3`
fn components(cluster: &Manifest) -> String {
    let json = cluster.to_json();
    let specs = json
        .pointer("/spec/componentSpecs")
        .and_then(|specs| specs.as_array())
        .cloned()
        .unwrap_or_default();
    let component = |spec: &serde_json::Value| {
        Some(format!(
            "{} {}",
            spec.get("name")?.as_str()?,
            spec.get("replicas").and_then(serde_json::Value::as_i64).unwrap_or(1)
        ))
    };
    specs.iter().filter_map(component).collect::<Vec<_>>().join(", ")
}

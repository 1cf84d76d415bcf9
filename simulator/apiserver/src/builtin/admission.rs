//! What the server sets or refuses itself when an object of a builtin kind is written, with a look at other objects
//! where it must.

mod claims;
pub(crate) mod runtime;

use jiff::Timestamp;

use super::check::{NOTHING, list, text};
use super::cluster::{api_service, priority_class};
use super::limits;
use super::network::address::{self, Taken};
use super::pod::platform;
use crate::Tree;
use crate::kinds::KindInfo;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::status::Status;
use crate::store::Server;

/// A new object as it will be validated and stored.
pub(crate) fn create(
    server: &Server,
    kind: &KindInfo,
    tree: Tree,
    now: Timestamp,
) -> Result<Tree, Status> {
    let tree = fresh_status(kind, tree);
    Ok(match (&*kind.group, &*kind.kind) {
        ("", "Pod") => pod(server, kind, &tree, now)?,
        ("", "Namespace") => namespace(tree, server.profile().minor),
        ("", "Node") => node(without_config_source(tree, server.profile().minor)),
        ("", "ServiceAccount") => with_names_of_secrets(&tree),
        ("", "Service") => service(server, kind, &tree, None)?,
        ("", "PersistentVolumeClaim") => {
            let tree = claims::with_data_source(&tree, None, server.profile().minor);
            with_finalizer(&claims::storage_class(server, tree), "kubernetes.io/pvc-protection")
        }
        ("", "PersistentVolume") => {
            let tree = with_finalizer(&tree, "kubernetes.io/pv-protection");
            match server.profile().minor {
                31.. => tree.with(&["status", "lastPhaseTransitionTime"], now),
                _ => tree,
            }
        }
        ("apps", "DaemonSet") => {
            let count = tree.str_at(&TEMPLATES).and_then(|count| count.parse::<i64>().ok());
            tree.with(&TEMPLATES, count.unwrap_or(0).max(1).to_string())
        }
        ("batch", "Job") => job(&tree, server.profile().minor),
        ("discovery.k8s.io", "EndpointSlice") => without_topology(kind, &tree),
        ("apiregistration.k8s.io", "APIService") if tree.at(&["spec", "service"]).is_none() => {
            api_service::with_availability(&tree, &api_service::LOCAL, now)
        }
        ("storage.k8s.io", "VolumeAttributesClass") => {
            with_finalizer(&tree, "kubernetes.io/vac-protection")
        }
        _ => tree,
    })
}

/// What is asked of an object that breaks no rule.
pub(crate) fn validate(
    server: &Server,
    kind: &KindInfo,
    subresource: Option<&str>,
    tree: &Tree,
) -> Result<(), Status> {
    if kind.is("scheduling.k8s.io", "PriorityClass") && subresource.is_none() {
        return priority_class::only_default(server, kind, tree);
    }
    Ok(())
}

/// A changed object, before it is validated.
pub(crate) fn update(
    server: &Server,
    kind: &KindInfo,
    tree: Tree,
    old: &Tree,
) -> Result<Tree, Status> {
    match (&*kind.group, &*kind.kind) {
        ("", "Pod") if !same(&tree, old, "spec") => Ok(tolerate(&ranked(tree, old))),
        ("", "Service") if !same(&tree, old, "spec") => service(server, kind, &tree, Some(old)),
        ("", "Node") => Ok(without_config_source(tree, server.profile().minor)),
        ("", "ServiceAccount") => Ok(with_names_of_secrets(&tree)),
        ("apps", "DaemonSet") => Ok(count_templates(&tree, old)),
        ("discovery.k8s.io", "EndpointSlice") if tree.get("endpoints") != old.get("endpoints") => {
            Ok(without_topology(kind, &tree))
        }
        ("", "PersistentVolumeClaim") if !same(&tree, old, "spec") => {
            let tree = claims::with_data_source(&tree, Some(old), server.profile().minor);
            claims::resize(server, kind, &tree, old)?;
            Ok(tree)
        }
        _ => Ok(tree),
    }
}

/// Where a kubelet gets its configuration was once said in its node.
fn without_config_source(tree: Tree, minor: u32) -> Tree {
    if minor < 24 {
        return tree;
    }
    tree.without(&["spec", "configSource"]).without(&["status", "config"])
}

/// The secrets of an account are in its namespace: only their names are kept.
fn with_names_of_secrets(tree: &Tree) -> Tree {
    let Some(secrets) = tree.get("secrets").filter(|secrets| !secrets.is_empty()) else {
        return tree.clone();
    };
    let names = secrets.items().iter().map(|secret| match text(secret, "name") {
        "" => Tree::empty_map(),
        name => Tree::map([("name", Tree::from(name))]),
    });
    tree.with(&["secrets"], Tree::list(names).sharing(secrets))
}

/// What a slice said of places before there were members for them is not written any more.
fn without_topology(kind: &KindInfo, tree: &Tree) -> Tree {
    let Some(endpoints) = tree.get("endpoints").filter(|_| &*kind.version == "v1") else {
        return tree.clone();
    };
    if endpoints.items().iter().all(|one| one.get("deprecatedTopology").is_none()) {
        return tree.clone();
    }
    let bare = endpoints.items().iter().map(|one| one.without(&["deprecatedTopology"]));
    tree.with(&["endpoints"], Tree::list(bare))
}

/// How many templates a DaemonSet has had, as older clients read it.
pub(crate) const TEMPLATES: [&str; 3] =
    ["metadata", "annotations", "deprecated.daemonset.template.generation"];

fn count_templates(tree: &Tree, old: &Tree) -> Tree {
    let template = ["spec", "template"];
    let before = old.str_at(&TEMPLATES).and_then(|count| count.parse::<i64>().ok()).unwrap_or(0);
    let count = before + i64::from(tree.at(&template) != old.at(&template));
    tree.with(&TEMPLATES, count.to_string())
}

fn same(new: &Tree, old: &Tree, key: &str) -> bool {
    match (new.get(key), old.get(key)) {
        (Some(new), Some(old)) => new.same(old),
        (new, old) => new.is_none() && old.is_none(),
    }
}

/// A client does not say how a new object fares; the server says what it says of all new ones.
pub(crate) fn fresh_status(kind: &KindInfo, tree: Tree) -> Tree {
    let keeps = kind.writes_status_along()
        || matches!((&*kind.group, &*kind.kind), ("", "Node") | ("apiextensions.k8s.io", _));
    if !kind.has_subresource("status") || keeps {
        return tree;
    }
    let bare = tree.without(&["status"]);
    let Ok((shaped, _)) = kind.schema.decode(&bare, Some(&tree)) else { return bare };
    let fresh = kind.schema.default(&shaped, Some(&tree));
    // Its quality of service a pod is believed.
    let class = ["status", "qosClass"];
    match tree.at(&class).filter(|class| kind.is("", "Pod") && !class.is_empty()) {
        Some(stated) => fresh.with(&class, stated),
        None => fresh,
    }
}

pub(super) fn objects<'a>(
    server: &'a Server,
    group: &str,
    kind: &str,
) -> impl Iterator<Item = &'a Object> {
    server.kind(group, kind).into_iter().flat_map(|kind| server.table(kind).iter())
}

fn find<'a>(server: &'a Server, group: &str, kind: &str, name: &str) -> Option<&'a Object> {
    server.table(server.kind(group, kind)?).get("", name)
}

fn pod(server: &Server, kind: &KindInfo, tree: &Tree, now: Timestamp) -> Result<Tree, Status> {
    let name = match tree.str_at(&["metadata", "name"]) {
        Some(name) => name.to_owned(),
        None => String::new(),
    };
    let refuse = |why: &str| Status::forbidden(kind, &name, why);
    let mut tree = priority(server, &limits::filled(server, tree), &refuse)?;
    tree = runtime::admit(server, kind, tolerate(&tree))?;
    let spec = tree.get("spec").cloned().unwrap_or_default();
    let minor = server.profile().minor;
    if minor >= 30 {
        tree = platform::with_annotated_profiles(&tree);
    }
    if minor >= 29 {
        tree = keys_as_labels(&tree, minor);
    }
    if minor >= 26 && !list(&spec, "schedulingGates").is_empty() {
        let condition = Tree::map([
            ("type", Tree::from("PodScheduled")),
            ("status", "False".into()),
            ("lastProbeTime", Tree::null()),
            ("lastTransitionTime", now.into()),
            ("reason", "SchedulingGated".into()),
            ("message", "Scheduling is blocked due to non-empty scheduling gates".into()),
        ]);
        tree = tree.with(&["status", "conditions"], Tree::list([condition]));
    }
    let stated = tree.str_at(&["status", "qosClass"]).filter(|_| minor >= 30);
    let class = stated.unwrap_or_else(|| quality(&spec)).to_owned();
    Ok(tree.with(&["status", "phase"], "Pending").with(&["status", "qosClass"], class))
}

/// Keys of labels by which a pod keeps near to others or away are read as what its own labels say.
fn keys_as_labels(tree: &Tree, minor: u32) -> Tree {
    let labels = tree.at(&["metadata", "labels"]).cloned().unwrap_or_default();
    let narrowed = |term: &Tree| {
        let Some(selector) = term.get("labelSelector") else { return term.clone() };
        let mut expressions = list(selector, "matchExpressions").to_vec();
        let before = expressions.len();
        for (key, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
            for name in list(term, key) {
                let name = name.as_str().unwrap_or_default();
                let Some(value) = labels.get(name) else { continue };
                expressions.push(Tree::map([
                    ("key", Tree::from(name)),
                    ("operator", operator.into()),
                    ("values", Tree::list([value.clone()])),
                ]));
            }
        }
        if expressions.len() == before {
            return term.clone();
        }
        term.with(&["labelSelector", "matchExpressions"], Tree::list(expressions))
    };
    let mut tree = tree.clone();
    for side in ["podAffinity", "podAntiAffinity"] {
        for (group, inner) in [
            ("preferredDuringSchedulingIgnoredDuringExecution", Some("podAffinityTerm")),
            ("requiredDuringSchedulingIgnoredDuringExecution", None),
        ] {
            let path = ["spec", "affinity", side, group];
            let Some(terms) = tree.at(&path) else { continue };
            let items = terms.items().iter().map(|term| match inner {
                None => narrowed(term),
                Some(key) => match term.get(key) {
                    Some(inner) => term.with(&[key], narrowed(inner)),
                    None => term.clone(),
                },
            });
            tree = tree.with(&path, Tree::list(items).sharing(terms));
        }
    }
    let path = ["spec", "topologySpreadConstraints"];
    if minor >= 34
        && let Some(terms) = tree.at(&path)
    {
        let items = Tree::list(terms.items().iter().map(narrowed)).sharing(terms);
        tree = tree.with(&path, items);
    }
    tree
}

fn priority(server: &Server, tree: &Tree, refuse: &dyn Fn(&str) -> Status) -> Result<Tree, Status> {
    let spec = tree.get("spec").cloned().unwrap_or_default();
    let wanted = text(&spec, "priorityClassName").to_owned();
    let system = match &*wanted {
        "system-node-critical" => Some(2_000_001_000),
        "system-cluster-critical" => Some(2_000_000_000),
        _ => None,
    };
    let mut tree = tree.clone();
    let (value, policy) = if let Some(value) = system {
        (value, "PreemptLowerPriority".to_owned())
    } else {
        let class = if wanted.is_empty() {
            let defaults = objects(server, "scheduling.k8s.io", "PriorityClass");
            defaults
                .filter(|class| class.tree().bool_at(&["globalDefault"]) == Some(true))
                .min_by_key(|class| class.tree().int_at(&["value"]))
        } else {
            let class = find(server, "scheduling.k8s.io", "PriorityClass", &wanted);
            if class.is_none() {
                return Err(refuse(&format!("no PriorityClass with name {wanted} was found")));
            }
            class
        };
        if let Some(class) = class.filter(|_| wanted.is_empty()) {
            tree = tree.with(&["spec", "priorityClassName"], class.name());
        }
        let class = class.map(Object::tree);
        let value = class.and_then(|class| class.int_at(&["value"])).unwrap_or(0);
        let policy = class.and_then(|class| class.str_at(&["preemptionPolicy"]));
        (value, policy.unwrap_or("PreemptLowerPriority").to_owned())
    };
    if let Some(stated) = spec.int_at(&["priority"]).filter(|stated| *stated != value) {
        return Err(refuse(&format!(
            "the integer value of priority ({stated}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        )));
    }
    if let Some(stated) = spec.str_at(&["preemptionPolicy"]).filter(|stated| *stated != policy) {
        return Err(refuse(&format!(
            "the string value of PreemptionPolicy ({stated}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        )));
    }
    tree = tree.with(&["spec", "priority"], value);
    Ok(tree.with(&["spec", "preemptionPolicy"], policy))
}

/// A pod stays on a node that went silent for five minutes, unless it says otherwise.
fn tolerate(tree: &Tree) -> Tree {
    let spec = tree.get("spec").cloned().unwrap_or_default();
    let mut tolerations = list(&spec, "tolerations").to_vec();
    for taint in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let known = tolerations.iter().any(|toleration| {
            let key = text(toleration, "key");
            let effect = text(toleration, "effect");
            (key == taint || key.is_empty()) && matches!(effect, "NoExecute" | "")
        });
        if !known {
            tolerations.push(Tree::map([
                ("key", Tree::from(taint)),
                ("operator", Tree::from("Exists")),
                ("effect", Tree::from("NoExecute")),
                ("tolerationSeconds", Tree::from(300)),
            ]));
        }
    }
    tree.with(&["spec", "tolerations"], tolerations)
}

/// The class a node sorts its pods by when memory gets scarce.
pub(crate) fn quality(spec: &Tree) -> &'static str {
    // A pod that says what it needs as a whole is taken at its word.
    let whole = [spec.clone()];
    let as_whole = spec.get("resources").is_some_and(Tree::is_map);
    let (all, others) = if as_whole {
        (&whole[..], &[][..])
    } else {
        (list(spec, "containers"), list(spec, "initContainers"))
    };
    let containers = all.iter().chain(others);
    let (mut any, mut guaranteed) = (false, true);
    for container in containers {
        let amount = |part: &str, name: &str| {
            let text = container.str_at(&["resources", part, name])?;
            Quantity::parse(text).filter(|quantity| !quantity.is_zero())
        };
        for name in ["cpu", "memory"] {
            let (request, limit) = (amount("requests", name), amount("limits", name));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn namespace(mut tree: Tree, minor: u32) -> Tree {
    // A generated name was not known when the defaults were filled in.
    if minor >= 21 {
        let name = tree.str_at(&["metadata", "name"]).unwrap_or_default().to_owned();
        tree = tree.with(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
    }
    let finalizers = tree.at(&["spec", "finalizers"]).map_or(&[][..], Tree::items);
    let kubernetes = Tree::from("kubernetes");
    if !finalizers.contains(&kubernetes) {
        let mut finalizers = finalizers.to_vec();
        finalizers.push(kubernetes);
        tree = tree.with(&["spec", "finalizers"], finalizers);
    }
    tree
}

/// Nothing is put on a node before it has said that it is ready.
fn node(tree: Tree) -> Tree {
    const TAINT: &str = "node.kubernetes.io/not-ready";
    let mut taints = tree.at(&["spec", "taints"]).map_or(&[][..], Tree::items).to_vec();
    let known = |taint: &Tree| text(taint, "key") == TAINT && text(taint, "effect") == "NoSchedule";
    if taints.iter().any(known) {
        return tree;
    }
    taints.push(Tree::map([("key", TAINT.into()), ("effect", Tree::from("NoSchedule"))]));
    tree.with(&["spec", "taints"], taints)
}

fn with_finalizer(tree: &Tree, finalizer: &str) -> Tree {
    let mut finalizers = tree.at(&["metadata", "finalizers"]).map_or(&[][..], Tree::items).to_vec();
    if finalizers.iter().any(|known| known.as_str() == Some(finalizer)) {
        return tree.clone();
    }
    finalizers.push(Tree::from(finalizer));
    tree.with(&["metadata", "finalizers"], finalizers)
}

fn service(
    server: &Server,
    kind: &KindInfo,
    tree: &Tree,
    old: Option<&Tree>,
) -> Result<Tree, Status> {
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    let namespace = tree.str_at(&["metadata", "namespace"]).unwrap_or_default();
    let mut taken = Taken::default();
    for other in objects(server, "", "Service") {
        if other.name() != name || other.namespace() != namespace {
            taken.add(other.tree());
        }
    }
    let mut taken = if server.is_trial { taken.tried() } else { taken };
    let assigned = address::assign(tree, old, &mut taken, server.profile().minor)
        .map_err(|errors| Status::invalid(kind, name, &errors))?;
    match old.and_then(|_| address::twice(&assigned)) {
        Some(why) => Err(Status::plain(500, why)),
        None => Ok(assigned),
    }
}

/// A pod keeps the priority it was given.
fn ranked(tree: Tree, old: &Tree) -> Tree {
    let keys = ["priority", "preemptionPolicy"];
    keys.iter().fold(tree, |tree, key| match old.at(&["spec", key]) {
        Some(value) if tree.at(&["spec", key]).is_none() => tree.with(&["spec", key], value),
        _ => tree,
    })
}

/// A job picks its pods by its own uid.
fn job(tree: &Tree, minor: u32) -> Tree {
    if tree.bool_at(&["spec", "manualSelector"]) == Some(true) {
        return tree.clone();
    }
    let uid = tree.str_at(&["metadata", "uid"]).unwrap_or_default().to_owned();
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default().to_owned();
    let mut tree = tree.clone();
    // Labels that were taken from the template are one map with those: what is added to the one is added to both.
    let template = ["spec", "template", "metadata", "labels"];
    let shared = match (tree.at(&["metadata", "labels"]), tree.at(&template)) {
        (Some(own), Some(labels)) => !own.is_empty() && own.same(labels),
        _ => false,
    };
    let labels: &[(&str, &str)] = if minor >= 27 {
        &[
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ]
    } else {
        &[("controller-uid", &uid), ("job-name", &name)]
    };
    for (key, value) in labels {
        let path = ["spec", "template", "metadata", "labels", *key];
        if tree.at(&path).is_none() {
            tree = tree.with(&path, *value);
        }
    }
    if let Some(labels) = tree.at(&template).filter(|_| shared) {
        tree = tree.with(&["metadata", "labels"], labels);
    }
    let key = if minor >= 27 { "batch.kubernetes.io/controller-uid" } else { "controller-uid" };
    tree.with(&["spec", "selector", "matchLabels", key], uid)
}

/// An object as it is read from the store: defaults that what was set on the way makes are there then.
pub(crate) fn read_back(kind: &KindInfo, tree: Tree) -> Tree {
    match (&*kind.group, &*kind.kind) {
        ("batch", "Job") | ("", "ReplicationController") => labels_from_template(&tree),
        ("", "Pod") if kind.schema.minor() >= 34 && tree.at(&["spec", "resources"]).is_some() => {
            let spec = super::pod::claims::defaulted(tree.get("spec").unwrap_or(&NOTHING));
            tree.with(&["spec"], spec)
        }
        _ => tree,
    }
}

/// What runs pods and has no labels has those of its pods.
pub(super) fn labels_from_template(tree: &Tree) -> Tree {
    let own = tree.at(&["metadata", "labels"]);
    match tree.at(&["spec", "template", "metadata", "labels"]) {
        Some(labels) if own.is_none_or(Tree::is_empty) => {
            tree.with(&["metadata", "labels"], labels)
        }
        _ => tree.clone(),
    }
}

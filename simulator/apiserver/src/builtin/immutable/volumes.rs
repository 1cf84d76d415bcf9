//! What of a claim and of a volume may not change.

use super::{IMMUTABLE, difference, take};
use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::internal;
use crate::builtin::storage::sources;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(super) fn claim((new, shown): (&Tree, &Tree), old: &Tree, minor: u32, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    if now.same(was) {
        return;
    }
    let at = Path::Root.field("spec");
    let bound = old.str_at(&["status", "phase"]) == Some("Bound");
    let storage = ["resources", "requests", "storage"];
    let mut before = was.clone();
    if text(was, "volumeName").is_empty() {
        before = take(&before, now, "volumeName");
    }
    let beta = ["metadata", "annotations", "volume.beta.kubernetes.io/storage-class"];
    let rest = |spec: &Tree| {
        let mut rest = spec.clone();
        if bound && let Some(size) = was.at(&storage) {
            rest = rest.with(&storage, size);
        }
        if minor >= 28 && was.get("storageClassName").is_none() && old.at(&beta).is_none() {
            rest = rest.without(&["storageClassName"]);
        }
        if minor >= 31 && bound {
            rest = take(&rest, was, "volumeAttributesClassName");
        }
        rest
    };
    if rest(now) != before {
        let why = match minor {
            31.. => {
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
            }
            _ => "spec is immutable after creation except resources.requests for bound claims",
        };
        let rest = rest(shown.get("spec").unwrap_or(&NOTHING));
        let shown = difference("core.PersistentVolumeClaimSpec", &before, &rest, minor);
        faults.forbidden(at, &format!("{why}\n{shown}"));
    }
    let size = |tree: &Tree, path: &[&str]| tree.str_at(path).and_then(Quantity::parse);
    let (wanted, before) = (size(now, &storage), size(was, &storage));
    if wanted < before {
        let requests = at.field("resources");
        let requests = requests.field("requests");
        let place = requests.field("storage");
        let capacity = size(old, &["status", "capacity", "storage"]);
        if minor < 32 {
            faults.forbidden(place, "field can not be less than previous value");
        } else if wanted <= capacity {
            faults.forbidden(place, "field can not be less than status.capacity");
        }
    }
    if now.get("volumeMode") != was.get("volumeMode") {
        let mode = now.get("volumeMode").cloned().unwrap_or_default();
        faults.invalid_typed(Path::Root.field("volumeMode"), mode, IMMUTABLE);
    }
    if minor >= 34
        && old.at(&["status", "currentVolumeAttributesClassName"]).is_some()
        && now.get("volumeAttributesClassName") != was.get("volumeAttributesClassName")
    {
        let place = at.field("volumeAttributesClassName");
        let what = match now.str_at(&["volumeAttributesClassName"]) {
            None => "nil",
            Some("") => "empty string",
            Some(_) => return,
        };
        let why = format!(
            "update to {what} is forbidden when status.currentVolumeAttributesClassName is not nil"
        );
        faults.forbidden(place, &why);
    }
}

pub(super) fn volume((new, shown): (&Tree, &Tree), old: &Tree, minor: u32, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    let source =
        |spec: &Tree| Tree::map(sources::of_volume(spec).map(|(key, value)| (key, value.clone())));
    let secret = ["csi", "controllerExpandSecretRef"];
    let may_add_secret = was.get("csi").is_some() && was.at(&secret).is_none();
    let after = |spec: &Tree| match source(spec) {
        source if may_add_secret => source.without(&secret),
        source => source,
    };
    if after(now) != source(was) {
        let at = Path::Root.field("spec");
        let why = "spec.persistentvolumesource is immutable after creation";
        let after = after(shown.get("spec").unwrap_or(&NOTHING));
        let shown = difference("core.PersistentVolumeSource", &source(was), &after, minor);
        faults.forbidden(at.field("persistentvolumesource"), &format!("{why}\n{shown}"));
    }
    if now.get("volumeMode") != was.get("volumeMode") {
        let mode = now.get("volumeMode").cloned().unwrap_or_default();
        faults.invalid_typed(Path::Root.field("volumeMode"), mode, IMMUTABLE);
    }
    if was.get("nodeAffinity").is_some() && with_current_labels(was) != with_current_labels(now) {
        let place = Path::Root.field("nodeAffinity");
        let why = "field is immutable, except for updating from beta label to GA";
        let affinity = shown.at(&["spec", "nodeAffinity"]).filter(|one| !one.is_null());
        let printed = affinity.map_or_else(
            || "null".to_owned(),
            |affinity| internal::json("core.VolumeNodeAffinity", affinity),
        );
        faults.0.push(FieldError::invalid_printed(place, &printed, why));
    }
    let class = "volumeAttributesClassName";
    if minor >= 34 && was.get(class).is_some() && now.get(class).is_none() {
        let spec = Path::Root.field("spec");
        faults.forbidden(spec.field(class), "update from non-nil value to nil is forbidden");
    }
}

/// Where a volume can be used, with labels of nodes by their later names: that is the one change it may take.
fn with_current_labels(spec: &Tree) -> Option<Tree> {
    const LATER: [(&str, &str); 5] = [
        ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
        ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
        ("beta.kubernetes.io/os", "kubernetes.io/os"),
        ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
        ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
    ];
    let affinity = spec.get("nodeAffinity")?;
    let path = ["required", "nodeSelectorTerms"];
    let terms = affinity.at(&path).map_or(&[][..], Tree::items).iter().map(|term| {
        let expressions = list(term, "matchExpressions").iter().map(|expression| {
            let key = text(expression, "key");
            match LATER.iter().find(|(old, _)| *old == key) {
                Some((_, later)) => expression.with(&["key"], *later),
                None => expression.clone(),
            }
        });
        term.with(&["matchExpressions"], Tree::list(expressions))
    });
    Some(affinity.with(&path, Tree::list(terms)))
}

//! The volumes of a pod.

use super::Subject;
use super::environment;
use crate::Tree;
use crate::builtin::check::{
    NOTHING, annotations, complain, labels, list, one_of, relative, required, text,
};
use crate::builtin::storage::sources;
use crate::names;
use crate::schema::{Faults, Path};

/// The volumes that break no rule: to those who mount them, the others are not there.
pub(in crate::builtin) fn check<'t>(
    pod: &Subject<'t>,
    at: &Path<'_>,
    faults: &mut Faults,
) -> Vec<(&'t str, &'t Tree)> {
    let mut sound: Vec<(&str, &Tree)> = Vec::new();
    let all = at.field("volumes");
    let volumes = list(pod.spec, "volumes");
    let owner = pod.name.filter(|name| !name.is_empty());
    let is_made = |claim: &str| {
        let made = owner.and_then(|owner| claim.strip_prefix(owner)?.strip_prefix('-'));
        made.is_some_and(|name| {
            let is_it = |one: &Tree| text(one, "name") == name && one.get("ephemeral").is_some();
            volumes.iter().any(is_it)
        })
    };
    for (index, volume) in volumes.iter().enumerate() {
        let at = all.index(index);
        let before = faults.0.len();
        source(volume, index, pod, &at, faults);
        let name = text(volume, "name");
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else {
            complain(faults, at.field("name"), name, names::dns_label(name));
        }
        if sound.iter().any(|(other, _)| *other == name) {
            faults.duplicate(at.field("name"), name);
        }
        if faults.0.len() == before {
            sound.push((name, volume));
        }
        let claim = volume.str_at(&["persistentVolumeClaim", "claimName"]).unwrap_or_default();
        if is_made(claim) {
            let why = "must not reference a PVC that gets created for an ephemeral volume";
            faults.invalid(at.field("persistentVolumeClaim").field("claimName"), claim, why);
        }
    }
    sound
}

/// The order in which the real server looks for sources.
const SOURCES: &[&str] = &[
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

fn source(volume: &Tree, index: usize, pod: &Subject<'_>, at: &Path<'_>, faults: &mut Faults) {
    let mut count = 0;
    for name in SOURCES {
        let Some(source) = volume.get(name) else { continue };
        count += 1;
        if count > 1 {
            // Some are not named as their fields are.
            let said = match *name {
                "cephfs" => "cephFS",
                "downwardAPI" => "downwarAPI",
                other => other,
            };
            faults.forbidden(at.field(said), "may not specify more than 1 volume type");
        } else {
            let said = if *name == "gcePersistentDisk" { "persistentDisk" } else { name };
            let stated = || list(pod.stated, "volumes").get(index).and_then(|one| one.get(name));
            one(name, source, &stated, pod, &at.field(said), faults);
        }
        named(name, source, volume, pod, at, faults);
    }
    if count == 0 {
        faults.required(*at, "must specify a volume type");
    }
}

/// What the name of a volume must fit.
fn named(
    kind: &str,
    source: &Tree,
    volume: &Tree,
    pod: &Subject<'_>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let name = text(volume, "name");
    if kind == "iscsi" && source.get("initiatorName").is_some() {
        let portal = text(source, "targetPortal");
        if name.len() + 1 + portal.len() > 64 {
            faults.invalid(at.field("name"), name, sources::LONG_PORTAL);
        }
    }
    let owner = pod.name.unwrap_or_default();
    let alone = SOURCES.iter().filter(|kind| volume.get(kind).is_some()).count() == 1;
    if kind == "ephemeral" && alone && !owner.is_empty() && !name.is_empty() {
        let claim = format!("{owner}-{name}");
        for complaint in names::dns_subdomain(&claim) {
            let why = format!("PVC name {claim:?}: {complaint}");
            faults.invalid(at.field("name"), name, &why);
        }
    }
}

/// `stated`: the same before what is empty was left out.
fn one<'t>(
    name: &str,
    source: &Tree,
    stated: &dyn Fn() -> Option<&'t Tree>,
    pod: &Subject<'_>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    match name {
        "emptyDir" => {
            let limit = source.str_at(&["sizeLimit"]);
            if limit.is_some_and(|limit| limit.starts_with('-')) {
                let why = "SizeLimit field must be a valid resource quantity";
                faults.forbidden(at.field("sizeLimit"), why);
            }
        }
        "secret" => {
            required(faults, source, "secretName", at);
            files(source, at, faults);
        }
        "configMap" => {
            required(faults, source, "name", at);
            files(source, at, faults);
        }
        "persistentVolumeClaim" => {
            required(faults, source, "claimName", at);
        }
        "csi" => {
            sources::driver(text(source, "driver"), at.field("driver"), faults);
            if let Some(secret) = source.get("nodePublishSecretRef") {
                let name = text(secret, "name");
                if required(faults, secret, "name", &at.field("nodePublishSecretRef")) {
                    complain(faults, at.field("name"), name, names::dns_subdomain(name));
                }
            }
        }
        "ephemeral" => match source.get("volumeClaimTemplate") {
            None => faults.required(at.field("volumeClaimTemplate"), ""),
            Some(template) => {
                let at = at.field("volumeClaimTemplate");
                let stated = stated().and_then(|source| source.get("volumeClaimTemplate"));
                let stated = stated.and_then(|template| template.get("metadata"));
                let metadata = template.get("metadata").unwrap_or(&NOTHING);
                bare_metadata(metadata, stated, &at.field("metadata"), faults);
                let claim = template.get("spec").cloned().unwrap_or_default();
                crate::builtin::storage::claim_spec(&claim, false, &at.field("spec"), faults);
            }
        },
        "downwardAPI" => {
            mode(source, at, faults);
            for item in list(source, "items") {
                downward(item, at, faults);
            }
        }
        "projected" => projected(source, at, faults),
        "gitRepo" => {
            required(faults, source, "repository", at);
            relative(faults, text(source, "directory"), at.field("directory"));
        }
        "image" => {
            if pod.name.is_some() {
                required(faults, source, "reference", at);
            }
            one_of(faults, source, "pullPolicy", at, &["Always", "IfNotPresent", "Never"]);
        }
        _ => sources::check(name, source, None, at, faults),
    }
}

/// The metadata of what will be made has labels and annotations, and nothing else.
pub(in crate::builtin) fn bare_metadata(
    metadata: &Tree,
    stated: Option<&Tree>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    // As the real server spells its own fields.
    const OTHERS: [(&str, &str); 13] = [
        ("name", "name"),
        ("generateName", "generateName"),
        ("namespace", "namespace"),
        ("selfLink", "selfLink"),
        ("uid", "uID"),
        ("resourceVersion", "resourceVersion"),
        ("generation", "generation"),
        ("creationTimestamp", "creationTimestamp"),
        ("deletionTimestamp", "deletionTimestamp"),
        ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
        ("ownerReferences", "ownerReferences"),
        ("finalizers", "finalizers"),
        ("managedFields", "managedFields"),
    ];
    annotations(faults, metadata.get("annotations"), at.field("annotations"));
    labels(faults, metadata.get("labels"), at.field("labels"));
    for (key, shown) in OTHERS {
        let is_list = |value: &Tree| value.is_list();
        let is_set = metadata.get(key).is_some_and(|value| !value.is_null())
            || stated.and_then(|stated| stated.get(key)).is_some_and(is_list);
        if is_set {
            faults.forbidden(at.field(shown), "cannot be set");
        }
    }
}

fn mode(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let number = source.int_at(&["defaultMode"]);
    if let Some(number) = number.filter(|number| !(0..=0o777).contains(number)) {
        let why = "must be a number between 0 and 0777 (octal), both inclusive";
        faults.invalid(at.field("defaultMode"), number, why);
    }
}

fn files(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    mode(source, at, faults);
    let items = at.field("items");
    for (index, item) in list(source, "items").iter().enumerate() {
        file(item, &items.index(index), faults);
    }
}

fn file(item: &Tree, at: &Path<'_>, faults: &mut Faults) {
    required(faults, item, "key", at);
    required(faults, item, "path", at);
    sources::own_path(text(item, "path"), at.field("path"), faults);
    item_mode(item, at, faults);
}

/// The real server does not say which item it means.
fn downward(item: &Tree, at: &Path<'_>, faults: &mut Faults) {
    required(faults, item, "path", at);
    sources::own_path(text(item, "path"), at.field("path"), faults);
    match (item.get("fieldRef"), item.get("resourceFieldRef")) {
        (Some(field), resource) => {
            let supported = [
                "metadata.annotations",
                "metadata.labels",
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
            ];
            environment::field_ref(field, &supported, &at.field("fieldRef"), faults);
            if resource.is_some() {
                let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                faults.invalid(*at, "resource", why);
            }
        }
        (None, Some(resource)) => {
            environment::resource_ref(resource, true, &at.field("resourceFieldRef"), faults);
        }
        (None, None) => {
            faults.required(*at, "one of fieldRef and resourceFieldRef is required");
        }
    }
    item_mode(item, at, faults);
}

fn item_mode(item: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let number = item.int_at(&["mode"]);
    if let Some(number) = number.filter(|number| !(0..=0o777).contains(number)) {
        let why = "must be a number between 0 and 0777 (octal), both inclusive";
        faults.invalid(at.field("mode"), number, why);
    }
}

/// Parts of one volume from several places, which must not take each other's paths.
struct Paths<'t> {
    taken: Vec<&'t str>,
}

impl<'t> Paths<'t> {
    /// `said`: what the complaint shows.
    fn take(&mut self, path: &'t str, said: &str, at: Path<'_>, faults: &mut Faults) {
        if self.taken.contains(&path) {
            faults.invalid(at, said, "conflicting duplicate paths");
        } else {
            self.taken.push(path);
        }
    }
}

fn projected(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    mode(source, at, faults);
    let sources = at.field("sources");
    let mut paths = Paths { taken: Vec::new() };
    for (index, source) in list(source, "sources").iter().enumerate() {
        let place = sources.index(index);
        let mut count = 0;
        for name in
            ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle"]
        {
            if let Some(inner) = source.get(name) {
                count += 1;
                projection(name, inner, (at, &place.field(name)), &mut paths, faults);
            }
        }
        if count > 1 {
            faults.forbidden(place, "may not specify more than 1 volume type per source");
        }
    }
}

/// `places`: the whole volume, which some complaints name, and the part.
fn projection<'t>(
    name: &str,
    inner: &'t Tree,
    places: (&Path<'_>, &Path<'_>),
    paths: &mut Paths<'t>,
    faults: &mut Faults,
) {
    let (at, here) = places;
    match name {
        "secret" | "configMap" => {
            required(faults, inner, "name", here);
            let all = here.field("items");
            for (index, item) in list(inner, "items").iter().enumerate() {
                file(item, &all.index(index), faults);
                if !text(item, "path").is_empty() {
                    paths.take(text(item, "path"), text(inner, "name"), *at, faults);
                }
            }
        }
        "downwardAPI" => {
            for item in list(inner, "items") {
                downward(item, here, faults);
                let path = text(item, "path");
                if !path.is_empty() {
                    paths.take(path, path, *at, faults);
                }
            }
        }
        "serviceAccountToken" => {
            let seconds = inner.int_at(&["expirationSeconds"]).unwrap_or(3600);
            let place = here.field("expirationSeconds");
            if seconds < 600 {
                faults.invalid(place, seconds, "may not specify a duration less than 10 minutes");
            }
            if seconds > 1 << 32 {
                let why = "may not specify a duration larger than 2^32 seconds";
                faults.invalid(place, seconds, why);
            }
            let path = text(inner, "path");
            if path.is_empty() {
                faults.required(at.field("path"), "");
            } else {
                sources::own_path(path, at.field("path"), faults);
            }
        }
        _ => {}
    }
}

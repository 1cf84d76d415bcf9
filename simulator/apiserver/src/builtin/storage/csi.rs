//! Drivers of storage outside of Kubernetes, and the volumes that they attach to nodes.

use super::{sources, volume};
use crate::Tree;
use crate::builtin::check::{
    NOT_NEGATIVE, NOTHING, complain, in_range, list, not_negative, one_of, required, selector, text,
};
use crate::builtin::rules::Write;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn driver(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    one_of(faults, spec, "fsGroupPolicy", &at, &["File", "None", "ReadWriteOnceWithFSType"]);
    tokens(spec, &at, faults);
    let modes = ["Persistent", "Ephemeral"];
    for mode in list(spec, "volumeLifecycleModes") {
        if !mode.as_str().is_some_and(|mode| modes.contains(&mode)) {
            faults.not_supported(at.field("volumeLifecycleModes"), mode, &modes);
        }
    }
    let key = "nodeAllocatableUpdatePeriodSeconds";
    if let Some(seconds) = spec.int_at(&[key]).filter(|seconds| *seconds < 10) {
        faults.invalid(at.field(key), seconds, "must be greater than or equal to 10 seconds");
    }
}

/// How a driver attaches volumes, and for how long they live, does not change.
pub(in crate::builtin) fn kept(new: &Tree, old: &Tree, faults: &mut Faults) {
    let spec = |tree: &Tree| tree.get("spec").cloned().unwrap_or_default();
    let (spec, was) = (spec(new), spec(old));
    let at = Path::Root.field("spec");
    for (key, name) in
        [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")]
    {
        if spec.get(key) != was.get(key) {
            let value = spec.get(key).cloned().unwrap_or_default();
            faults.invalid(at.field(name), value, "field is immutable");
        }
    }
}

fn tokens(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const TEN_MINUTES: i64 = 600;
    let all = at.field("tokenRequests");
    let requests = list(spec, "tokenRequests");
    for (index, request) in requests.iter().enumerate() {
        let at = all.index(index);
        let audience = text(request, "audience");
        if requests[..index].iter().any(|other| text(other, "audience") == audience) {
            faults.duplicate(at.field("audience"), audience);
            continue;
        }
        let Some(seconds) = request.int_at(&["expirationSeconds"]) else { continue };
        let place = at.field("expirationSeconds");
        if seconds < TEN_MINUTES {
            faults.invalid(place, seconds, "may not specify a duration less than 10 minutes");
        } else if seconds > 1 << 32 {
            faults.invalid(place, seconds, "may not specify a duration larger than 2^32 seconds");
        }
    }
}

pub(in crate::builtin) fn attachment(write: &Write<'_>, faults: &mut Faults) {
    const LARGEST: usize = 256 * 1024;
    const LONGEST_MESSAGE: usize = 1024;
    if write.changed(&["spec"]) {
        attached(write, faults);
    }
    let (status, at) = (write.part(&["status"]), Path::Root.field("status"));
    let known = status.get("attachmentMetadata").into_iter().flat_map(Tree::entries);
    if known.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum::<usize>()
        > LARGEST
    {
        faults.too_long(at.field("attachmentMetadata"), LARGEST);
    }
    for key in ["attachError", "detachError"] {
        let error = status.get(key).unwrap_or(&NOTHING);
        let at = at.field(key);
        if text(error, "message").len() > LONGEST_MESSAGE {
            // The real server names another limit than it has.
            faults.too_long(at.field("message"), LARGEST);
        }
        in_range(faults, error, "errorCode", &at, 0, i64::from(i32::MAX));
    }
}

fn attached(write: &Write<'_>, faults: &mut Faults) {
    const ONE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    let attacher = text(spec, "attacher");
    if attacher.is_empty() {
        faults.required(at.field("attacher"), "");
    }
    let source = spec.get("source").unwrap_or(&NOTHING);
    let place = at.field("source");
    let volume = source.str_at(&["persistentVolumeName"]);
    match (volume, source.get("inlineVolumeSpec")) {
        (None, None) => faults.required(place, ONE),
        (Some(_), Some(_)) => faults.forbidden(place, ONE),
        (Some(""), None) => {
            let why = "must specify non empty persistentVolumeName";
            faults.required(place.field("persistentVolumeName"), why);
        }
        (Some(_), None) => {}
        (None, Some(inline)) => {
            volume::inline(inline, write.minor, &place.field("inlineVolumeSpec"), faults);
        }
    }
    let node = text(spec, "nodeName");
    complain(faults, at.field("nodeName"), node, names::dns_subdomain(node));
    if write.old.is_some() {
        // Newer rules are for new ones only.
        return;
    }
    // That it is missing is said twice by the real server.
    sources::driver(attacher, at.field("attacher"), faults);
    if let Some(volume) = volume {
        complain(faults, place.field("persistentVolumeName"), volume, names::dns_subdomain(volume));
    }
}

/// The drivers of a node: each once, and what each calls the node.
pub(in crate::builtin) fn node(write: &Write<'_>, faults: &mut Faults) {
    const LONGEST_ID: usize = 256;
    if !write.changed(&["spec"]) {
        return;
    }
    let above = Path::Root.field("spec");
    let all = above.field("drivers");
    let drivers = list(write.part(&["spec"]), "drivers");
    for (index, driver) in drivers.iter().enumerate() {
        let at = all.index(index);
        let name = text(driver, "name");
        sources::driver(name, at.field("name"), faults);
        required(faults, driver, "nodeID", &at);
        let id = text(driver, "nodeID");
        let longest = if write.minor < 22 { 192 } else { LONGEST_ID };
        if id.len() > longest {
            let why = format!("must be {longest} characters or less");
            faults.invalid(at.field("nodeID"), id, &why);
        }
        let room = driver.get("allocatable").unwrap_or(&NOTHING);
        not_negative(faults, room, "count", &at.field("allocatable"));
        if drivers[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        }
        let keys = list(driver, "topologyKeys");
        for (index, key) in keys.iter().enumerate() {
            // The driver is blamed, not the key.
            if key.as_str() == Some("") {
                faults.required(at, "");
            }
            if keys[..index].contains(key) {
                faults.duplicate(at, key);
            }
            let key = key.as_str().unwrap_or_default();
            complain(faults, at, key, names::qualified_name(key));
        }
    }
}

/// How much room there is for volumes of a class.
pub(in crate::builtin) fn capacity(write: &Write<'_>, faults: &mut Faults) {
    let capacity = write.new;
    if let Some(nodes) = capacity.get("nodeTopology") {
        selector(faults, nodes, &Path::Root.field("nodeTopology"));
    }
    let class = text(capacity, "storageClassName");
    complain(faults, Path::Root.field("storageClassName"), class, names::dns_subdomain(class));
    let amount = text(capacity, "capacity");
    if Quantity::parse(amount).is_some_and(Quantity::is_negative) {
        faults.invalid(Path::Root.field("capacity"), amount, NOT_NEGATIVE);
    }
}

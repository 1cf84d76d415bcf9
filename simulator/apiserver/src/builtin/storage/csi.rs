//! Drivers of storage outside of Kubernetes, and the volumes that they attach to nodes.

use super::volume;
use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, one_of, text};
use crate::builtin::rules::Write;
use crate::names;
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
    const LONGEST_MESSAGE: usize = 262_144;
    if write.changed(&["spec"]) {
        attached(write, faults);
    }
    let status = Path::Root.field("status");
    for key in ["attachError", "detachError"] {
        let message = write.new.str_at(&["status", key, "message"]).unwrap_or_default();
        if message.len() > LONGEST_MESSAGE {
            let at = status.field(key);
            faults.too_long(at.field("message"), LONGEST_MESSAGE);
        }
    }
}

fn attached(write: &Write<'_>, faults: &mut Faults) {
    const ONE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    const LONGEST_NAME: usize = 63;
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
            volume::inline(inline, write.minor, &place.field("inlineVolumeSpec"), faults)
        }
    }
    let node = text(spec, "nodeName");
    complain(faults, at.field("nodeName"), node, names::dns_subdomain(node));
    if write.old.is_some() {
        // Newer rules are for new ones only.
        return;
    }
    if attacher.is_empty() {
        // Said twice by the real server.
        faults.required(at.field("attacher"), "");
    }
    if attacher.len() > LONGEST_NAME {
        faults.too_long(at.field("attacher"), LONGEST_NAME);
    }
    let lower = names::dns_subdomain(&attacher.to_lowercase());
    complain(faults, at.field("attacher"), attacher, lower);
    if let Some(volume) = volume {
        complain(faults, place.field("persistentVolumeName"), volume, names::dns_subdomain(volume));
    }
}

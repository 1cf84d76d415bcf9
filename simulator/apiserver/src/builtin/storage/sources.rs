//! Where the data of a volume is: what pods and persistent volumes have in common.

use crate::Tree;
use crate::builtin::check::{
    complain, in_range, list, no_dots_up, one_of, relative, required, text,
};
use crate::names;
use crate::schema::{Faults, Path};

pub(in crate::builtin) const LONG_PORTAL: &str = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";

/// What of the spec of a persistent volume says where its data is.
pub(in crate::builtin) fn of_volume(spec: &Tree) -> impl Iterator<Item = (&str, &Tree)> {
    const OTHERS: [&str; 9] = [
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    ];
    spec.entries().filter(|(key, _)| !OTHERS.contains(key))
}

/// A source of a kind that both know; `name` is that of its field. `persistent`: the name of a volume that stands for
/// itself, whose secrets are in a namespace.
pub(in crate::builtin) fn check(
    name: &str,
    source: &Tree,
    persistent: Option<&str>,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    match name {
        "hostPath" => host_path(source, at, faults),
        "nfs" => {
            required(faults, source, "server", at);
            required(faults, source, "path", at);
            if !text(source, "path").starts_with('/') {
                faults.invalid(at.field("path"), text(source, "path"), "must be an absolute path");
            }
        }
        "fc" => fibre(source, at, faults),
        "azureDisk" => azure_disk(source, at, faults),
        "azureFile" => {
            required(faults, source, "secretName", at);
            required(faults, source, "shareName", at);
            if persistent.is_some() && source.str_at(&["secretNamespace"]) == Some("") {
                faults.required(at.field("secretNamespace"), "");
            }
        }
        "iscsi" => iscsi(source, persistent, at, faults),
        "gcePersistentDisk" => {
            required(faults, source, "pdName", at);
            partition(source, at, faults);
        }
        "awsElasticBlockStore" => {
            required(faults, source, "volumeID", at);
            partition(source, at, faults);
        }
        "glusterfs" => {
            required(faults, source, "endpoints", at);
            required(faults, source, "path", at);
            let namespace = source.str_at(&["endpointsNamespace"]).filter(|_| persistent.is_some());
            let place = at.field("endpointsNamespace");
            match namespace {
                None => {}
                Some("") => {
                    let why = "if the endpointnamespace is set, it must be a valid namespace name";
                    faults.invalid(place, "", why);
                }
                Some(namespace) => complain(faults, place, namespace, names::dns_label(namespace)),
            }
        }
        "cinder" => {
            required(faults, source, "volumeID", at);
            secret(source, persistent, at, faults);
        }
        "cephfs" if list(source, "monitors").is_empty() => {
            faults.required(at.field("monitors"), "");
        }
        "rbd" => {
            if list(source, "monitors").is_empty() {
                faults.required(at.field("monitors"), "");
            }
            required(faults, source, "image", at);
        }
        "quobyte" => quobyte(source, at, faults),
        "flocker" => flocker(source, at, faults),
        "flexVolume" => flex(source, at, faults),
        "vsphereVolume" => {
            required(faults, source, "volumePath", at);
        }
        "portworxVolume" => {
            required(faults, source, "volumeID", at);
        }
        "photonPersistentDisk" => {
            required(faults, source, "pdID", at);
        }
        "scaleIO" => {
            required(faults, source, "gateway", at);
            required(faults, source, "system", at);
            required(faults, source, "volumeName", at);
        }
        "storageos" => {
            if required(faults, source, "volumeName", at) {
                let name = text(source, "volumeName");
                complain(faults, at.field("volumeName"), name, names::dns_label(name));
            }
            let namespace = text(source, "volumeNamespace");
            if !namespace.is_empty() {
                let why = names::dns_label(namespace);
                complain(faults, at.field("volumeNamespace"), namespace, why);
            }
            secret(source, persistent, at, faults);
        }
        _ => {}
    }
}

/// None is as good as 0, whatever is said of it.
fn partition(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if let Some(number) = source.int_at(&["partition"]).filter(|one| !(0..=255).contains(one)) {
        faults.invalid(at.field("partition"), number, "must be between 1 and 255, inclusive");
    }
}

fn host_path(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if !required(faults, source, "path", at) {
        return;
    }
    no_dots_up(faults, text(source, "path"), at.field("path"));
    let kinds = [
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    one_of(faults, source, "type", at, &kinds);
}

fn secret(source: &Tree, persistent: Option<&str>, at: &Path<'_>, faults: &mut Faults) {
    let Some(secret) = source.get("secretRef") else { return };
    let at = at.field("secretRef");
    required(faults, secret, "name", &at);
    if persistent.is_some() {
        required(faults, secret, "namespace", &at);
    }
}

/// The name of a driver of volumes.
pub(in crate::builtin) fn driver(name: &str, at: Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        faults.required(at, "");
    }
    if name.len() > 63 {
        faults.too_long(at, 63);
    }
    complain(faults, at, name, names::dns_subdomain(&name.to_lowercase()));
}

fn iscsi(source: &Tree, persistent: Option<&str>, at: &Path<'_>, faults: &mut Faults) {
    let starts = |name: &str| ["iqn", "eui", "naa"].iter().any(|lead| name.starts_with(lead));
    let lead = if persistent.is_some() {
        "must be valid format"
    } else {
        "must be valid format starting with iqn, eui, or naa"
    };
    required(faults, source, "targetPortal", at);
    let portal = text(source, "targetPortal");
    if let Some(name) = persistent
        && source.get("initiatorName").is_some()
        && name.len() + 1 + portal.len() > 64
    {
        faults.invalid(at.field("targetportal"), portal, LONG_PORTAL);
    }
    if required(faults, source, "iqn", at) {
        let name = text(source, "iqn");
        if !starts(name) {
            faults.invalid(at.field("iqn"), name, lead);
        } else if !is_initiator(name) {
            faults.invalid(at.field("iqn"), name, "must be valid format");
        }
    }
    in_range(faults, source, "lun", at, 0, 255);
    let auth = ["chapAuthDiscovery", "chapAuthSession"];
    let secret = source.get("secretRef");
    if secret.is_none() && auth.iter().any(|key| crate::builtin::check::on(source, key)) {
        faults.required(at.field("secretRef"), "");
    }
    if persistent.is_some()
        && let Some(secret) = secret
    {
        required(faults, secret, "name", &at.field("secretRef"));
    }
    if let Some(name) = source.str_at(&["initiatorName"]) {
        let place = at.field("initiatorname");
        if !starts(name) {
            faults.invalid(place, name, lead);
        } else if !is_initiator(name) {
            faults.invalid(place, name, "must be valid format");
        }
    }
}

/// `iqn.2001-04.com.example:storage`, `eui.` or `naa.` and hexadecimal digits.
fn is_initiator(name: &str) -> bool {
    let alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(rest) = name.strip_prefix("eui.") {
        return rest.len() == 16 && alphanumeric(rest);
    }
    if let Some(rest) = name.strip_prefix("naa.") {
        return rest.len() == 32 && alphanumeric(rest);
    }
    let Some(rest) = name.strip_prefix("iqn.") else { return false };
    let Some((date, rest)) = rest.split_at_checked(7) else { return false };
    let date_good = date.bytes().enumerate().all(|(at, byte)| match at {
        4 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let unit = |byte: u8| !b",;*&$|".contains(&byte) && !byte.is_ascii_whitespace();
    let named = |rest: &str| {
        rest.split_once(':').is_some_and(|(authority, name)| {
            !authority.is_empty()
                && authority.bytes().all(good)
                && !name.is_empty()
                && name.bytes().all(unit)
        })
    };
    date_good && rest.strip_prefix('.').is_some_and(named)
}

fn quobyte(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let why = "must be a host:port pair or multiple pairs separated by commas";
    let registry = text(source, "registry");
    if registry.is_empty() {
        faults.required(at.field("registry"), why);
    } else if text(source, "tenant").len() >= 65 {
        let why = "must be a UUID and may not exceed a length of 64 characters";
        faults.required(at.field("tenant"), why);
    } else {
        for _ in registry.split(',').filter(|pair| !is_pair(pair)) {
            faults.invalid(at.field("registry"), registry, why);
        }
    }
    required(faults, source, "volume", at);
}

/// `host:port`; a host with colons is in brackets.
fn is_pair(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").is_some_and(|(_, port)| !port.contains(':')),
        None => text.matches(':').count() == 1 && !text.contains(['[', ']']),
    }
}

fn flocker(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (name, uuid) = (text(source, "datasetName"), text(source, "datasetUUID"));
    if name.is_empty() && uuid.is_empty() {
        faults.required(*at, "one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !uuid.is_empty() {
        let why = "datasetName and datasetUUID can not be specified simultaneously";
        faults.invalid(*at, "resource", why);
    }
    if name.contains('/') {
        faults.invalid(at.field("datasetName"), name, "must not contain '/'");
    }
}

fn flex(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    required(faults, source, "driver", at);
    let options = at.field("options");
    for (key, _) in source.get("options").into_iter().flat_map(Tree::entries) {
        let namespace = format!(".{}", key.split('/').next().unwrap_or(key).to_lowercase());
        if namespace.ends_with(".kubernetes.io") || namespace.ends_with(".k8s.io") {
            let why = "kubernetes.io and k8s.io namespaces are reserved";
            faults.invalid(options.key(key), key, why);
        }
    }
}

/// A path inside a volume that does not begin with what a volume keeps for itself.
pub(in crate::builtin) fn own_path(path: &str, at: Path<'_>, faults: &mut Faults) {
    relative(faults, path, at);
    if path.starts_with("..") && !path.starts_with("../") {
        faults.invalid(at, path, "must not start with '..'");
    }
}

fn fibre(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (names, ids) = (list(source, "targetWWNs"), list(source, "wwids"));
    let place = at.field("targetWWNs");
    if names.is_empty() && ids.is_empty() {
        faults.required(place, "must specify either targetWWNs or wwids, but not both");
    }
    if !names.is_empty() && !ids.is_empty() {
        let value = source.get("targetWWNs").cloned().unwrap_or_default();
        faults.invalid(place, value, "targetWWNs and wwids can not be specified simultaneously");
    }
    if !names.is_empty() {
        if source.get("lun").is_none() {
            faults.required(at.field("lun"), "lun is required if targetWWNs is specified");
        }
        in_range(faults, source, "lun", at, 0, 255);
    }
}

fn azure_disk(source: &Tree, at: &Path<'_>, faults: &mut Faults) {
    required(faults, source, "diskName", at);
    required(faults, source, "diskURI", at);
    one_of(faults, source, "cachingMode", at, &["None", "ReadOnly", "ReadWrite"]);
    one_of(faults, source, "kind", at, &["Dedicated", "Managed", "Shared"]);
    let uri = text(source, "diskURI");
    let (lead, form) = match source.str_at(&["kind"]) {
        None => return,
        Some("Managed") => (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        ),
        Some(_) => (
            "https://",
            "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
        ),
    };
    if !uri.starts_with(lead) {
        faults.not_supported_text(at.field("diskURI"), uri, &[form]);
    }
}

//! The volumes of a pod.

use super::check::{complain, in_range, list, no_dots_up, one_of, relative, required, text};
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};

/// The names of volumes that break a rule: to those who mount them, they are not there.
pub(super) fn check(spec: &Tree, at: &Path<'_>, faults: &mut Faults) -> Vec<String> {
    let mut unsound = Vec::new();
    let all = at.field("volumes");
    let volumes = list(spec, "volumes");
    for (index, volume) in volumes.iter().enumerate() {
        let at = all.index(index);
        let before = faults.0.len();
        source(volume, spec, &at, faults);
        let name = text(volume, "name");
        if name.is_empty() {
            faults.required(at.field("name"), "");
            continue;
        }
        complain(faults, at.field("name"), name, names::dns_label(name));
        if volumes[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        }
        if faults.0.len() > before {
            unsound.push(name.to_owned());
        }
    }
    unsound
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
    "configMap",
    "azureFile",
    "vsphereVolume",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
    "photonPersistentDisk",
];

fn source(volume: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let mut count = 0;
    for name in SOURCES {
        let Some(source) = volume.get(name) else { continue };
        count += 1;
        if count > 1 {
            faults.forbidden(at.field(name), "may not specify more than 1 volume type");
            continue;
        }
        one(name, source, spec, &at.field(name), faults);
    }
    if count == 0 {
        faults.required(*at, "must specify a volume type");
    }
}

fn one(name: &str, source: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    match name {
        "emptyDir" => {
            let limit = source.str_at(&["sizeLimit"]);
            if limit.is_some_and(|limit| limit.starts_with('-')) {
                let why = "SizeLimit field must be a valid resource quantity";
                faults.forbidden(at.field("sizeLimit"), why);
            }
        }
        "hostPath" => {
            if required(faults, source, "path", at) {
                no_dots_up(faults, text(source, "path"), at.field("path"));
            }
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
        "nfs" => {
            required(faults, source, "server", at);
            if required(faults, source, "path", at) && !text(source, "path").starts_with('/') {
                faults.invalid(at.field("path"), text(source, "path"), "must be an absolute path");
            }
        }
        "csi" => {
            let driver = text(source, "driver");
            if driver.is_empty() {
                faults.required(at.field("driver"), "");
            }
            complain(faults, at.field("driver"), driver, names::dns_subdomain(driver));
        }
        "ephemeral" => match source.get("volumeClaimTemplate") {
            None => faults.required(at.field("volumeClaimTemplate"), ""),
            Some(template) => {
                let at = at.field("volumeClaimTemplate");
                if template.str_at(&["metadata", "name"]).is_some() {
                    faults.forbidden(at.field("metadata").field("name"), "cannot be set");
                }
                let claim = template.get("spec").cloned().unwrap_or_default();
                super::storage::claim_spec(&claim, &at.field("spec"), faults);
            }
        },
        "downwardAPI" => {
            mode(source, at, faults);
            for item in list(source, "items") {
                downward(item, at, faults);
            }
        }
        "projected" => projected(source, spec, at, faults),
        "iscsi" => {
            required(faults, source, "targetPortal", at);
            let iqn = text(source, "iqn");
            if iqn.is_empty() {
                faults.required(at.field("iqn"), "");
            } else if !["iqn", "eui", "naa"].iter().any(|lead| iqn.starts_with(lead)) {
                faults.invalid(
                    at.field("iqn"),
                    iqn,
                    "must be valid format starting with iqn, eui, or naa",
                );
            }
            in_range(faults, source, "lun", at, 0, 255);
        }
        "fc" => fibre(source, at, faults),
        "azureDisk" => azure_disk(source, at, faults),
        "azureFile" => {
            required(faults, source, "secretName", at);
            required(faults, source, "shareName", at);
        }
        "gitRepo" => {
            required(faults, source, "repository", at);
            relative(faults, text(source, "directory"), at.field("directory"));
        }
        "gcePersistentDisk" => {
            required(faults, source, "pdName", at);
            in_range(faults, source, "partition", at, 0, 255);
        }
        "awsElasticBlockStore" => {
            required(faults, source, "volumeID", at);
            in_range(faults, source, "partition", at, 0, 255);
        }
        "glusterfs" => {
            required(faults, source, "endpoints", at);
            required(faults, source, "path", at);
        }
        "cinder" => {
            required(faults, source, "volumeID", at);
            if source.get("secretRef").is_some_and(|secret| text(secret, "name").is_empty()) {
                faults.required(at.field("secretRef").field("name"), "");
            }
        }
        "cephfs" if list(source, "monitors").is_empty() => {
            faults.required(at.field("monitors"), "");
        }
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
        "image" => {
            required(faults, source, "reference", at);
            one_of(faults, source, "pullPolicy", at, &["Always", "IfNotPresent", "Never"]);
        }
        "rbd" => {
            if list(source, "monitors").is_empty() {
                faults.required(at.field("monitors"), "");
            }
            required(faults, source, "image", at);
        }
        _ => {}
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
        faults.not_supported(at.field("diskURI"), uri, &[form]);
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
        let at = items.index(index);
        required(faults, item, "key", &at);
        if required(faults, item, "path", &at) {
            relative(faults, text(item, "path"), at.field("path"));
        }
        let number = item.int_at(&["mode"]);
        if let Some(number) = number.filter(|number| !(0..=0o777).contains(number)) {
            let why = "must be a number between 0 and 0777 (octal), both inclusive";
            faults.invalid(at.field("mode"), number, why);
        }
    }
}

/// The real server does not say which item it means.
fn downward(item: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if required(faults, item, "path", at) {
        relative(faults, text(item, "path"), at.field("path"));
    }
    match (item.get("fieldRef"), item.get("resourceFieldRef")) {
        (Some(field), resource) => {
            let place = at.field("fieldRef");
            let path = text(field, "fieldPath");
            let bare = path.split('[').next().unwrap_or(path);
            let supported = [
                "metadata.annotations",
                "metadata.labels",
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
            ];
            if !supported.contains(&bare) {
                faults.not_supported(place.field("fieldPath"), path, &supported);
            }
            if resource.is_some() {
                let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                faults.invalid(*at, "resource", why);
            }
        }
        (None, Some(resource)) => {
            required(faults, resource, "containerName", &at.field("resourceFieldRef"));
        }
        (None, None) => {
            faults
                .required(at.field("fieldRef"), "one of fieldRef and resourceFieldRef is required");
        }
    }
}

fn projected(source: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    mode(source, at, faults);
    let sources = at.field("sources");
    let mut paths: Vec<&str> = Vec::new();
    for (index, source) in list(source, "sources").iter().enumerate() {
        let place = sources.index(index);
        if source.entries().len() > 1 {
            faults.forbidden(place, "may not specify more than 1 volume type per source");
            continue;
        }
        for (name, inner) in source.entries() {
            let here = place.field(name);
            match name {
                "secret" | "configMap" => {
                    required(faults, inner, "name", &here);
                    files(inner, &here, faults);
                    for path in list(inner, "items").iter().map(|item| text(item, "path")) {
                        if paths.contains(&path) {
                            let value = text(inner, "name");
                            faults.invalid(*at, value, "conflicting duplicate paths");
                        }
                        paths.push(path);
                    }
                }
                "downwardAPI" => {
                    for item in list(inner, "items") {
                        downward(item, &here, faults);
                    }
                }
                "serviceAccountToken" => {
                    let seconds = inner.int_at(&["expirationSeconds"]).unwrap_or(3600);
                    if seconds < 600 {
                        let why = "may not specify a duration less than 10 minutes";
                        faults.invalid(here.field("expirationSeconds"), seconds, why);
                    }
                    if text(inner, "path").is_empty() {
                        faults.required(at.field("path"), "");
                    }
                    if text(spec, "serviceAccountName").is_empty() {
                        let why = "must not be specified when serviceAccountName is not set";
                        faults.forbidden(here, why);
                    }
                }
                _ => {}
            }
        }
    }
}

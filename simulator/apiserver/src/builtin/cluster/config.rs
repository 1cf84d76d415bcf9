//! ConfigMaps and Secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Tree;
use crate::builtin::check::text;
use crate::builtin::names;
use crate::builtin::rules::Write;
use crate::schema::{Faults, Path};

const MOST: usize = 1024 * 1024;

pub(in crate::builtin) fn config_map(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["data"]) && !write.changed(&["binaryData"]) {
        return;
    }
    let object = write.new;
    let mut size = 0;
    for field in ["data", "binaryData"] {
        let at = Path::Root.field(field);
        for (key, value) in object.get(field).into_iter().flat_map(Tree::entries) {
            for complaint in names::config_key(key) {
                faults.invalid(at.key(key), key, &complaint);
            }
            if field == "data" && object.at(&["binaryData", key]).is_some() {
                faults.invalid(at.key(key), key, "duplicate of key present in binaryData");
            }
            size += bytes(field == "binaryData", value);
        }
    }
    if size > MOST {
        // A path of no name, which is how the real server shows it.
        faults.too_long(Path::Root.field("[]"), MOST);
    }
}

fn bytes(encoded: bool, value: &Tree) -> usize {
    let text = value.as_str().unwrap_or_default();
    if encoded { text.trim_end_matches('=').len() * 3 / 4 } else { text.len() }
}

/// What a registry wants to see is JSON; what it is not, is not shown.
fn docker(object: &Tree, key: &str, faults: &mut Faults) {
    let at = Path::Root.field("data");
    let Some(value) = object.str_at(&["data", key]) else {
        faults.required(at.key(key), "");
        return;
    };
    let bytes = STANDARD.decode(value).unwrap_or_default();
    let why = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Err(error) => crate::golang::json_error(&bytes, &error),
        Ok(value) if value.is_object() || value.is_null() => return,
        Ok(value) => {
            let found = crate::golang::type_name(&Tree::from_value(value));
            format!(
                "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            )
        }
    };
    faults.invalid(at.key(key), "<secret contents redacted>", &why);
}

pub(in crate::builtin) fn secret(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["data"]) && !write.changed(&["type"]) {
        return;
    }
    let object = write.new;
    let at = Path::Root.field("data");
    let mut size = 0;
    for (key, value) in object.get("data").into_iter().flat_map(Tree::entries) {
        for complaint in names::config_key(key) {
            faults.invalid(at.key(key), key, &complaint);
        }
        size += bytes(true, value);
    }
    if size > MOST {
        faults.too_long(at, MOST);
    }
    let mut need = |keys: &[&str]| {
        for key in keys.iter().filter(|key| object.at(&["data", key]).is_none()) {
            faults.required(at.key(key), "");
        }
    };
    match text(object, "type") {
        "kubernetes.io/tls" => need(&["tls.crt", "tls.key"]),
        "kubernetes.io/dockercfg" => docker(object, ".dockercfg", faults),
        "kubernetes.io/dockerconfigjson" => docker(object, ".dockerconfigjson", faults),
        // A key that says nothing is none.
        "kubernetes.io/ssh-auth" if text(write.part(&["data"]), "ssh-privatekey").is_empty() => {
            faults.required(at.key("ssh-privatekey"), "");
        }
        "kubernetes.io/basic-auth"
            // Either of the two will do.
            if object.at(&["data", "username"]).is_none()
                && object.at(&["data", "password"]).is_none()
            => {
                need(&["username", "password"]);
            }
        "kubernetes.io/service-account-token" => {
            let name =
                object.str_at(&["metadata", "annotations", "kubernetes.io/service-account.name"]);
            if name.is_none_or(str::is_empty) {
                let meta = Path::Root.field("metadata");
                let annotations = meta.field("annotations");
                faults.required(annotations.key("kubernetes.io/service-account.name"), "");
            }
        }
        _ => {}
    }
}

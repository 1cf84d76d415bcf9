//! The rules of what a version of a definition has besides its schema, and of conversion between versions.

use crate::Tree;
use crate::builtin::cluster::webhooks;
use crate::schema::{Faults, Path};

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] =
    ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

pub(super) fn check(definition: &Tree, spec: &Path<'_>, faults: &mut Faults) {
    let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
    let same = |key: &str| versions.windows(2).all(|pair| pair[0].get(key) == pair[1].get(key));
    let all = spec.field("versions");
    for (index, version) in versions.iter().enumerate() {
        let own = all.index(index);
        // What all versions have in common is looked at once, where it once stood.
        let place =
            |key: &str| (!same(key) || index == 0).then_some(if same(key) { spec } else { &own });
        if let Some(at) = place("additionalPrinterColumns") {
            columns(version, at, faults);
        }
        if let Some(at) = place("subresources") {
            scale(version, at, faults);
        }
    }
    conversion(definition, &spec.field("conversion"), faults);
    if definition.bool_at(&["spec", "preserveUnknownFields"]) == Some(true) {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        faults.invalid(spec.field("preserveUnknownFields"), true, detail);
    }
}

fn columns(version: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("additionalPrinterColumns");
    let list = version.get("additionalPrinterColumns").map_or(&[][..], Tree::items);
    for (index, column) in list.iter().enumerate() {
        let at = all.index(index);
        let get = |key: &str| column.str_at(&[key]).unwrap_or_default();
        if get("name").is_empty() {
            faults.required(at.field("name"), "");
        }
        let types = format!("must be one of {}", TYPES.join(","));
        match get("type") {
            "" => faults.required(at.field("type"), &types),
            known if TYPES.contains(&known) => {}
            other => faults.invalid(at.field("type"), other, &types),
        }
        let format = get("format");
        if !format.is_empty() && !FORMATS.contains(&format) {
            let formats = format!("must be one of {}", FORMATS.join(","));
            faults.invalid(at.field("format"), format, &formats);
        }
        match get("jsonPath") {
            "" => faults.required(at.field("JSONPath"), ""),
            path => simple_path(path, &at.field("JSONPath"), faults),
        }
    }
}

fn simple_path(path: &str, at: &Path<'_>, faults: &mut Faults) {
    if !path.starts_with('.') {
        faults.invalid(*at, path, "must be a simple json path starting with .");
    }
}

fn scale(version: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(scale) = version.at(&["subresources", "scale"]) else { return };
    let above = at.field("subresources");
    let at = above.field("scale");
    let get = |key: &str| scale.str_at(&[key]).unwrap_or_default();
    let under = |path: &str, root: &str| path.starts_with(&format!("{root}."));
    for (key, root) in [("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")] {
        let path = get(key);
        if path.is_empty() {
            faults.required(at.field(key), "");
        } else if !under(path, root) {
            faults.invalid(at.field(key), path, &format!("should be a json path under {root}"));
        }
    }
    let path = get("labelSelectorPath");
    if !path.is_empty() && !under(path, ".spec") && !under(path, ".status") {
        let detail = "should be a json path under either .spec or .status";
        faults.invalid(at.field("labelSelectorPath"), path, detail);
    }
}

fn conversion(definition: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let nothing = Tree::null();
    let conversion = definition.at(&["spec", "conversion"]).unwrap_or(&nothing);
    let (client, reviewed) =
        (at.field("webhookClientConfig"), at.field("conversionReviewVersions"));
    let webhook = conversion.get("webhook");
    let config = webhook.and_then(|webhook| webhook.get("clientConfig"));
    let reviews = webhook.and_then(|webhook| webhook.get("conversionReviewVersions"));
    let strategy = conversion.str_at(&["strategy"]).unwrap_or_default();
    match strategy {
        "" => {}
        "None" => {
            let why = "should not be set when strategy is not set to Webhook";
            if config.is_some() {
                faults.forbidden(client, why);
            }
            if reviews.is_some_and(|reviews| !reviews.is_empty()) {
                faults.forbidden(reviewed, why);
            }
        }
        "Webhook" => {
            match config {
                None => faults.required(client, "required when strategy is set to Webhook"),
                Some(config) => webhooks::client(config, &client, faults),
            }
            let list = reviews.map_or(&[][..], Tree::items);
            let known = list.iter().any(|one| matches!(one.as_str(), Some("v1" | "v1beta1")));
            if list.is_empty() {
                faults.required(reviewed, "");
            } else if !known {
                let value = reviews.cloned().unwrap_or_default();
                faults.invalid(reviewed, value, "must include at least one of v1, v1beta1");
            }
        }
        other => faults.not_supported(at.field("strategy"), other, &["None", "Webhook"]),
    }
}

//! The rules of what a version of a definition has besides its schema, and of conversion between versions.

use super::openapi;
use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::cluster::webhooks;
use crate::names;
use crate::schema::{Faults, Path};

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] =
    ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// What a version has besides its schema, as far as `is_here` says that it is looked at here. `at`: where it stands.
pub(super) fn of_version(
    version: &Tree,
    is_here: &dyn Fn(&str) -> bool,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    if is_here("subresources") {
        scale(version, at, faults);
    }
    if is_here("additionalPrinterColumns") {
        columns(version, at, faults);
    }
    if is_here("selectableFields") {
        selectable(version, is_here(SCHEMA[0]), at, faults);
    }
}

const SCHEMA: [&str; 2] = ["schema", "openAPIV3Schema"];

/// Members that lists can be narrowed by. `has_schema`: the schema stands where they do.
fn selectable(version: &Tree, has_schema: bool, at: &Path<'_>, faults: &mut Faults) {
    const MOST: usize = 8;
    let all = at.field("selectableFields");
    let schema = version.at(&SCHEMA).filter(|_| has_schema);
    let mut seen: Vec<String> = Vec::new();
    if list(version, "selectableFields").is_empty() {
        return;
    }
    if schema.is_none() {
        // In the words of the real server.
        let why = match at {
            Path::Field(Path::Root, _) => "may only be set when validations.schema is included",
            _ => "may only be set when `version.schema.openAPIV3Schema` is not included",
        };
        faults.invalid(all, "", why);
        return;
    }
    if let Some(why) = schema.and_then(openapi::unsupported) {
        let place = at.field(SCHEMA[0]);
        faults.invalid(place.field(SCHEMA[1]), "", &why);
    }
    for (index, one) in list(version, "selectableFields").iter().enumerate() {
        let at = all.index(index);
        let (place, path) = (at.field("jsonPath"), text(one, "jsonPath"));
        if path.is_empty() {
            faults.required(place, "");
            continue;
        }
        let (found, clean) = match field_at(schema.unwrap_or(&NOTHING), path, false) {
            Ok(found) => found,
            Err(why) => {
                faults.invalid(place, path, &format!("is an invalid path: {why}"));
                continue;
            }
        };
        if clean.split('.').next() == Some("metadata") {
            faults.invalid(place, path, "must not point to fields in metadata");
        }
        if !matches!(text(found, "type"), "string" | "boolean" | "integer") {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            faults.invalid(place, path, why);
        }
        if seen.contains(&clean) {
            faults.duplicate(place, path);
        } else {
            seen.push(clean);
        }
    }
    if seen.len() > MOST {
        faults.too_many(all, seen.len(), MOST);
    }
}

/// The schema at `path` (`.spec.name`, `['a b']`) of a schema, and the path without its signs.
pub(super) fn field_at<'t>(
    schema: &'t Tree,
    path: &str,
    brackets: bool,
) -> Result<(&'t Tree, String), String> {
    let mut at = schema;
    let mut clean = String::new();
    let mut rest = path;
    while let Some(sign) = rest.chars().next() {
        let end = "unexpected end of JSON path";
        let name = match sign {
            '[' if !brackets => return Err("array notation is not allowed".to_owned()),
            '[' => {
                let quoted = rest[1..].strip_prefix('\'').ok_or(end)?;
                let (name, more) = quoted.split_once('\'').ok_or(end)?;
                rest = more.strip_prefix(']').ok_or(end)?;
                name
            }
            '.' => {
                let more = &rest[1..];
                if more.is_empty() {
                    return Err(end.to_owned());
                }
                let stop = more.find(['.', '[', ']']).unwrap_or(more.len());
                rest = &more[stop..];
                &more[..stop]
            }
            _ => {
                let stop = rest.find(['.', '[', ']']).unwrap_or(rest.len()).max(1);
                return Err(format!("expected [ or . but got: {}", &rest[..stop]));
            }
        };
        let properties = at.get("properties").filter(|properties| !properties.is_empty());
        let found = match properties {
            Some(properties) => properties.get(name),
            None => at.get("additionalProperties").filter(|values| values.is_map()),
        };
        at = found.ok_or("does not refer to a valid field")?;
        if !clean.is_empty() {
            clean.push('.');
        }
        clean += name;
    }
    Ok((at, clean))
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
    for (key, roots, why) in [
        ("specReplicasPath", &[".spec."][..], "should be a json path under .spec"),
        ("statusReplicasPath", &[".status."], "should be a json path under .status"),
        (
            "labelSelectorPath",
            &[".spec.", ".status."],
            "should be a json path under either .spec or .status",
        ),
    ] {
        let (place, path) = (at.field(key), text(scale, key));
        if path.is_empty() {
            if key != "labelSelectorPath" {
                faults.required(place, "");
            }
        } else if !path.starts_with('.') {
            simple_path(path, &place, faults);
        } else if !roots.iter().any(|root| path.starts_with(root)) {
            faults.invalid(place, path, why);
        }
    }
}

pub(super) fn conversion(definition: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (client, reviewed) =
        (at.field("webhookClientConfig"), at.field("conversionReviewVersions"));
    let webhook = definition.at(&["spec", "conversion", "webhook"]);
    let config = webhook.and_then(|webhook| webhook.get("clientConfig"));
    let reviews = webhook.and_then(|webhook| webhook.get("conversionReviewVersions"));
    let Some(conversion) = definition.at(&["spec", "conversion"]) else { return };
    match text(conversion, "strategy") {
        "" => faults.required(at.field("strategy"), ""),
        "None" | "Webhook" => {}
        other => faults.not_supported(at.field("strategy"), other, &["None", "Webhook"]),
    }
    if text(conversion, "strategy") == "Webhook" {
        match config {
            None => faults.required(client, "required when strategy is set to Webhook"),
            Some(config) => webhooks::client(config, &client, faults),
        }
        review_versions(reviews.unwrap_or(&NOTHING), &reviewed, faults);
        return;
    }
    let why = "should not be set when strategy is not set to Webhook";
    if config.is_some() {
        faults.forbidden(client, why);
    }
    if reviews.is_some_and(|reviews| !reviews.is_empty()) {
        faults.forbidden(reviewed, why);
    }
}

fn review_versions(versions: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let list = versions.items();
    if list.is_empty() {
        faults.required(*at, "");
        return;
    }
    for (index, version) in list.iter().enumerate() {
        let name = version.as_str().unwrap_or_default();
        if list[..index].contains(version) {
            faults.invalid(at.index(index), name, "duplicate version");
            continue;
        }
        for complaint in names::dns_1035_label(name) {
            faults.invalid(at.index(index), name, &complaint);
        }
    }
    if !list.iter().any(|one| matches!(one.as_str(), Some("v1" | "v1beta1"))) {
        faults.invalid(*at, versions, "must include at least one of v1, v1beta1");
    }
}

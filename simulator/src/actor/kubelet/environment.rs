//! What a container sees of the API: its environment, its volumes, and what of both is missing.

use std::sync::Arc;

use drydock_apiserver::Object;
use drydock_operator_core::base64;

use super::super::Ctx;
use super::super::objects::{Container, EnvSource, KeyRef};
use super::Run;

/// `$(X)` in `$(Y)` in ...: deeper than any chart nests.
const DEPTH: usize = 8;

/// Why the container cannot be made, as the kubelet says it.
pub fn missing(ctx: &Ctx<'_>, run: &Run, container: &Container) -> Option<String> {
    for from in &container.env_from {
        let sources = [
            ("configmap", "ConfigMap", &from.config_map_ref),
            ("secret", "Secret", &from.secret_ref),
        ];
        for (word, kind, source) in sources {
            if let Some(source) = source.as_ref().filter(|source| !source.optional)
                && ctx.get("", kind, &run.namespace, &source.name).is_none()
            {
                return Some(format!("{word} \"{}\" not found", source.name));
            }
        }
    }
    for source in container.env.iter().filter_map(|var| var.value_from.as_ref()) {
        let sources = [
            ("configmap", "ConfigMap", &source.config_map_key_ref),
            ("secret", "Secret", &source.secret_key_ref),
        ];
        for (word, kind, reference) in sources {
            let Some(reference) = reference.as_ref().filter(|reference| !reference.optional) else {
                continue;
            };
            let Some(object) = ctx.get("", kind, &run.namespace, &reference.name) else {
                return Some(format!("{word} \"{}\" not found", reference.name));
            };
            if object.tree().at(&["data", &reference.key]).is_none() {
                let (key, name) = (&reference.key, &reference.name);
                return Some(format!("couldn't find key {key} in {kind} {}/{name}", run.namespace));
            }
        }
    }
    None
}

/// Why the pod's volumes cannot be mounted.
pub fn missing_volume(ctx: &Ctx<'_>, run: &Run) -> Option<String> {
    run.pod.spec.volumes.iter().find_map(|volume| {
        let found = |kind: &str, name: &str| ctx.get("", kind, &run.namespace, name);
        let failed = |what: String| {
            format!("MountVolume.SetUp failed for volume \"{}\" : {what}", volume.name)
        };
        if let Some(source) = volume.config_map.as_ref().filter(|source| !source.optional)
            && found("ConfigMap", &source.name).is_none()
        {
            return Some(failed(format!("configmap \"{}\" not found", source.name)));
        }
        if let Some(source) = volume.secret.as_ref().filter(|source| !source.optional)
            && found("Secret", &source.secret_name).is_none()
        {
            return Some(failed(format!("secret \"{}\" not found", source.secret_name)));
        }
        let claim = &volume.persistent_volume_claim.as_ref()?.claim_name;
        match found("PersistentVolumeClaim", claim) {
            None => Some(failed(format!("persistentvolumeclaim \"{claim}\" not found"))),
            Some(found) if found.tree().str_at(&["status", "phase"]) != Some("Bound") => {
                Some(failed(format!("persistentvolumeclaim \"{claim}\" is not bound")))
            }
            Some(_) => None,
        }
    })
}

/// The uid of the claim behind the volume in which a container's model keeps its data.
pub fn claim_of(ctx: &Ctx<'_>, run: &Run, place: usize) -> Option<Arc<str>> {
    let volume = run.processes.get(place)?.model.store.as_ref()?;
    let volume = run.pod.spec.volumes.iter().find(|one| one.name == *volume)?;
    let claim = &volume.persistent_volume_claim.as_ref()?.claim_name;
    Some(ctx.get("", "PersistentVolumeClaim", &run.namespace, claim)?.uid().into())
}

/// One environment variable of a container, as its process sees it.
pub fn value_of(ctx: &Ctx<'_>, run: &Run, container: &Container, name: &str) -> Option<String> {
    value_at(ctx, run, container, name, 0)
}

fn value_at(
    ctx: &Ctx<'_>,
    run: &Run,
    container: &Container,
    name: &str,
    depth: usize,
) -> Option<String> {
    if depth > DEPTH {
        return None;
    }
    // What `env` says beats `envFrom`, and the later entry beats the earlier one.
    if let Some(var) = container.env.iter().rev().find(|var| var.name == name) {
        if let Some(source) = &var.value_from {
            return sourced(ctx, run, source);
        }
        let text = var.value.as_deref().unwrap_or_default();
        return Some(expand(text, &|inner| value_at(ctx, run, container, inner, depth + 1)));
    }
    container.env_from.iter().rev().find_map(|from| {
        let key = name.strip_prefix(&from.prefix)?;
        let object = |kind: &str, name: &str| ctx.get("", kind, &run.namespace, name);
        if let Some(source) = &from.config_map_ref {
            return plain(&object("ConfigMap", &source.name)?, key);
        }
        secret(&object("Secret", &from.secret_ref.as_ref()?.name)?, key)
    })
}

fn sourced(ctx: &Ctx<'_>, run: &Run, source: &EnvSource) -> Option<String> {
    let object =
        |kind: &str, reference: &KeyRef| ctx.get("", kind, &run.namespace, &reference.name);
    if let Some(reference) = &source.config_map_key_ref {
        return plain(&object("ConfigMap", reference)?, &reference.key);
    }
    if let Some(reference) = &source.secret_key_ref {
        return secret(&object("Secret", reference)?, &reference.key);
    }
    match source.field_ref.as_ref()?.field_path.as_str() {
        "metadata.name" => Some(run.name.to_string()),
        "metadata.namespace" => Some(run.namespace.to_string()),
        "metadata.uid" => Some(run.uid.to_string()),
        "status.podIP" => run.ip.as_ref().map(ToString::to_string),
        "spec.nodeName" => run.pod.spec.node_name.clone(),
        _ => None,
    }
}

fn plain(object: &Object, key: &str) -> Option<String> {
    object.tree().str_at(&["data", key]).map(str::to_owned)
}

fn secret(object: &Object, key: &str) -> Option<String> {
    String::from_utf8(base64::decode(object.tree().str_at(&["data", key])?)?).ok()
}

/// `$(NAME)` is replaced if the variable is known and stays as it is if not; `$$` is a dollar.
fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        if let Some(after) = tail.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) =
            tail.strip_prefix("$(").and_then(|tail| tail.split_once(')'))
        {
            match value(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&tail[..name.len() + 3]),
            }
            rest = after;
        } else {
            out.push('$');
            rest = &tail[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_where_they_are_known_and_stay_where_they_are_not() {
        let value = |name: &str| (name == "A").then(|| "1".to_owned());

        assert_eq!(expand("x-$(A)-$(B)-$$(A)-$", &value), "x-1-$(B)-$(A)-$");
    }
}

//! What the objects of two worlds have in common when they mean the same.

use std::collections::BTreeMap;

use drydock_simulator::World;
use serde_json::Value;

/// Fields that say when, where or how often, and not what.
const LEFT_OUT: &[&str] = &[
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "lastTransitionTime",
    "lastProbeTime",
    "startTime",
    "startedAt",
    "podIP",
    "podIPs",
    "clusterIP",
    "clusterIPs",
    "containerID",
];

/// Objects by kind, namespace and name, without what differs from run to run; a uid is told as the object that has it.
pub fn of(world: &World, kinds: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let mut names = BTreeMap::new();
    let mut objects = BTreeMap::new();
    for (group, kind) in kinds {
        for object in world.objects(group, kind) {
            let name = format!("{kind} {}/{}", object.namespace(), object.name());
            names.insert(object.uid().to_owned(), format!("<uid of {name}>"));
            objects.insert(name, object.tree().to_value());
        }
    }
    for (name, object) in &mut objects {
        strip(object, &names);
        if name.starts_with("Secret ") {
            hide(object);
        }
    }
    objects.into_iter().map(|(name, object)| (told(&name, &names), object)).collect()
}

fn strip(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            map.retain(|field, _| !LEFT_OUT.contains(&field.as_str()));
            map.values_mut().for_each(|value| strip(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, names)),
        Value::String(text) => *text = told(text, names),
        _ => {}
    }
}

/// Passwords are random; they are as long as they were asked for.
fn hide(secret: &mut Value) {
    for value in secret["data"].as_object_mut().into_iter().flatten() {
        *value.1 = Value::from(value.1.as_str().map(str::len));
    }
}

/// A volume has the uid of its claim in its name.
fn told(text: &str, names: &BTreeMap<String, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (uid, name)| text.replace(uid, name))
}

//! The table of controllers: what each one looks after, what wakes it, and what it decides with.
//! Every driver reads this table, so a missing watch is the same bug in simulation and production.

use drydock_operator_api::{Kind, ObjectMeta};
use jiff::Timestamp;
use serde_json::Value;

use crate::plan::Plan;
use crate::settings::Settings;
use crate::view::{Key, View};
use crate::{
    cluster, cluster_definition, component, component_definition, component_version, event,
    instance_set, labels, plain_definition,
};

pub struct Controller {
    /// As in its Events: `cluster-controller`.
    pub name: &'static str,
    pub root: fn() -> &'static Kind,
    pub watches: Vec<Watch>,
    /// Loads the tree of `key` and reconciles it; a missing root gives an empty plan.
    pub plan: Box<Planner>,
}

pub type Planner = dyn Fn(&dyn View, &Key, Timestamp, &Settings) -> Plan + Send + Sync;

/// An event of `kind` wakes the keys that `map` gives.
#[derive(Clone)]
pub struct Watch {
    pub kind: fn() -> &'static Kind,
    pub map: Map,
}

#[derive(Clone, Copy)]
pub enum Map {
    /// The object itself.
    Root,
    /// The controller owner, where it is of the root kind.
    Owner,
    /// What the function makes of the object's metadata.
    By(MapBy),
}

pub type MapBy = fn(&dyn View, &ObjectMeta) -> Vec<Key>;

/// An object that has changed, as far as the table asks.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    /// `apiVersion`, `kind` and `name` of the owner that controls it.
    pub owner: Option<(&'a str, &'a str, &'a str)>,
}

impl<'a> Changed<'a> {
    pub fn new(kind: &'static Kind, meta: &'a ObjectMeta) -> Self {
        Self {
            group: kind.group,
            kind: kind.kind,
            namespace: &meta.namespace,
            name: &meta.name,
            owner: meta.controller().map(|owner| (&*owner.api_version, &*owner.kind, &*owner.name)),
        }
    }

    /// The keys that the change wakes, each with the place of its controller in the table. `by` applies a function of
    /// the table to the object.
    pub fn wakes(
        &self,
        controllers: &[Controller],
        by: impl Fn(MapBy) -> Vec<Key>,
    ) -> Vec<(u16, Key)> {
        let mut keys = Vec::new();
        for (index, controller) in (0..).zip(controllers) {
            let root = (controller.root)();
            for watch in &controller.watches {
                let kind = (watch.kind)();
                if (kind.kind, kind.group) != (self.kind, self.group) {
                    continue;
                }
                match watch.map {
                    Map::Root => keys.push((index, Key::new(self.namespace, self.name))),
                    Map::Owner => keys.extend(
                        self.owner
                            .filter(|(version, kind, _)| is_of(version, kind, root))
                            .map(|(_, _, name)| (index, Key::new(self.namespace, name))),
                    ),
                    Map::By(map) => keys.extend(by(map).into_iter().map(|key| (index, key))),
                }
            }
        }
        keys
    }
}

fn is_of(api_version: &str, name: &str, kind: &Kind) -> bool {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    name == kind.kind && group == kind.group
}

/// What a controller decides with that loads a tree and runs its steps over it.
pub fn planner<T: 'static>(
    load: fn(&dyn View, &Key) -> Option<T>,
    reconcile: fn(&T, Timestamp, &Settings) -> Plan,
) -> Box<Planner> {
    Box::new(move |view, key, now, settings| {
        load(view, key).map(|tree| reconcile(&tree, now, settings)).unwrap_or_default()
    })
}

/// Annotations by which a pass remembers what it has handled. Only the passes of their own objects'
/// writer read them, and it does not wait for them: a change of nothing else wakes nobody.
pub const MARKS: &[&str] =
    &[labels::EVENT_HANDLED, labels::ROLE_SNAPSHOT_VERSION, labels::ROLE_AUTHORITATIVE_VERSION];

/// Takes out of an object in wire form what is no news when it alone changes.
pub fn leave_out_marks(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("resourceVersion");
    metadata.remove("managedFields");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| !MARKS.contains(&name.as_str()));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// All controllers. The order is that in which an event wakes them.
pub fn all() -> Vec<Controller> {
    let mut all = vec![
        cluster_definition::controller(),
        component_definition::controller(),
        component_version::controller(),
    ];
    all.extend(plain_definition::controllers());
    all.push(cluster::controller());
    all.push(component::controller());
    all.push(instance_set::controller());
    all.push(event::controller());
    all
}

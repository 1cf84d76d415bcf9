//! Which Clusters an event may matter to.

use drydock_operator_api::ObjectMeta;
use drydock_operator_api::apps::Cluster;

use super::PROVISIONING_STARTED;
use crate::view::{Key, Selection, View};
use crate::{condition, draft, labels};

/// The Cluster that an object says it belongs to.
pub(super) fn by_label(_view: &dyn View, object: &ObjectMeta) -> Vec<Key> {
    // A component's objects are the component's business.
    if object.controller().is_some_and(|controller| controller.kind != "Cluster") {
        return Vec::new();
    }
    let name = object.label(labels::INSTANCE);
    name.map(|name| Key::new(object.namespace.as_str(), name)).into_iter().collect()
}

/// Clusters carry the name of their definition as a label even before it is there.
pub(super) fn of_cluster_definition(view: &dyn View, definition: &ObjectMeta) -> Vec<Key> {
    let label = [(labels::CLUSTER_DEFINITION, definition.name.as_str())];
    let clusters = view.list::<Cluster>("", Selection::Labels(&label));
    clusters.iter().map(|cluster| draft::key(&**cluster)).collect()
}

/// Clusters that could not start, or were not looked at yet: this may be what they wait for.
pub(super) fn waiting(view: &dyn View, _definition: &ObjectMeta) -> Vec<Key> {
    let clusters = view.list::<Cluster>("", Selection::All);
    clusters
        .iter()
        .filter(|cluster| !condition::is_true(&cluster.status.conditions, PROVISIONING_STARTED))
        .map(|cluster| draft::key(&**cluster))
        .collect()
}

pub(super) fn all(view: &dyn View, _definition: &ObjectMeta) -> Vec<Key> {
    let clusters = view.list::<Cluster>("", Selection::All);
    clusters.iter().map(|cluster| draft::key(&**cluster)).collect()
}

//! What every Cluster carries before anything is made for it.

use drydock_operator_api::apps::Cluster;

use super::Tree;
use crate::draft::{Draft, Flow, Pass};
use crate::labels;

pub(super) fn meta(tree: &Tree, draft: &mut Draft<Cluster>, _pass: &Pass<'_>) -> Flow {
    let metadata = &mut draft.root.metadata;
    if !metadata.is_deleting() && !metadata.has_finalizer(labels::CLUSTER_FINALIZER) {
        metadata.finalizers.push(labels::CLUSTER_FINALIZER.to_owned());
    }
    let definition = &tree.cluster.spec.cluster_def;
    if metadata.label(labels::CLUSTER_DEFINITION).unwrap_or_default() != definition {
        metadata.labels.insert(labels::CLUSTER_DEFINITION.to_owned(), definition.clone());
    }
    Flow::Continue
}

//! Objects of a Cluster carry its finalizer; deleting one means letting go of it too.

use drydock_operator_api::Resource;
use drydock_operator_api::apps::Cluster;

use crate::draft::Draft;
use crate::labels;

/// Lets go of an object and deletes it, where that has not been done.
pub(super) fn delete<T: Resource + Clone>(draft: &mut Draft<Cluster>, object: &T) {
    release(draft, object);
    if !object.meta().is_deleting() {
        draft.delete(object);
    }
}

pub(super) fn release<T: Resource + Clone>(draft: &mut Draft<Cluster>, object: &T) {
    let mut released = object.clone();
    released.meta_mut().finalizers.retain(|finalizer| finalizer != labels::CLUSTER_FINALIZER);
    draft.patch(object, &released);
}

//! Last touches: what stands in a stored template although nobody wrote it.

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceFieldSelector, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::all_containers;

/// Resources that nobody limits have the limit 0, which means none; and the defaults that the
/// schema of the `InstanceSet` would fill in.
pub(super) fn apply(pod: &mut PodSpec) {
    for container in all_containers(pod) {
        zero_resources(container);
        fill_schema_defaults(container);
        let fields =
            container.env.iter_mut().flatten().filter_map(|variable| variable.value_from.as_mut());
        fields.for_each(|source| write_divisor(source.resource_field_ref.as_mut()));
    }
    let volumes =
        pod.volumes.iter_mut().flatten().filter_map(|volume| volume.downward_api.as_mut());
    for item in volumes.flat_map(|source| source.items.iter_mut().flatten()) {
        write_divisor(item.resource_field_ref.as_mut());
    }
    if pod.init_containers.as_ref().is_some_and(Vec::is_empty) {
        pod.init_containers = None;
    }
}

/// No divisor is written as 0, which means 1.
fn write_divisor(field: Option<&mut ResourceFieldSelector>) {
    if let Some(field) = field {
        field.divisor.get_or_insert_with(|| Quantity("0".to_owned()));
    }
}

fn zero_resources(container: &mut Container) {
    let resources = container.resources.get_or_insert_with(ResourceRequirements::default);
    for name in ["cpu", "memory"] {
        let given = [&resources.limits, &resources.requests]
            .iter()
            .any(|map| map.as_ref().is_some_and(|map| map.contains_key(name)));
        if !given {
            resources
                .limits
                .get_or_insert_default()
                .insert(name.to_owned(), Quantity("0".to_owned()));
        }
    }
}

fn fill_schema_defaults(container: &mut Container) {
    for port in container.ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    for probe in probes.into_iter().flatten() {
        if let Some(grpc) = &mut probe.grpc {
            grpc.service.get_or_insert_default();
        }
    }
}

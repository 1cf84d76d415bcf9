//! Names of resources, and amounts of them.

use super::check::{NOT_NEGATIVE, complain};
use crate::Tree;
use crate::names;
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

/// What is counted in a namespace.
const COUNTED: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// What a container, or all of a namespace together, asks for.
const MEASURED: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "requests.storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

pub(super) fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn is_huge_page_of_quota(name: &str) -> bool {
    is_huge_page(name) || name.strip_prefix("requests.").is_some_and(is_huge_page)
}

/// Of Kubernetes itself.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Of a device plugin, say.
fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// Whether more of it can be promised than there is.
pub(super) fn can_be_overcommitted(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

/// Whether quotas know a name without a domain.
pub(super) fn is_of_quota(name: &str) -> bool {
    COUNTED.contains(&name) || MEASURED.contains(&name) || is_huge_page_of_quota(name)
}

/// Any name; whether it is good.
pub(super) fn any_name(name: &str, at: Path<'_>, faults: &mut Faults) -> bool {
    let complaints = names::qualified_name(name);
    let good = complaints.is_empty();
    complain(faults, at, name, complaints);
    if good && !name.contains('/') && name != "storage" && !is_of_quota(name) {
        faults.invalid(at, name, "must be a standard resource type or fully qualified");
        return false;
    }
    good
}

/// That of something a container may ask for.
pub(super) fn of_container(name: &str, at: Path<'_>, faults: &mut Faults) {
    any_name(name, at, faults);
    if !name.contains('/') {
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_page(name) {
            faults.invalid_typed(at, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        faults.invalid_typed(at, name, "doesn't follow extended resource name standard");
    }
}

/// That of something a quota may limit.
pub(super) fn of_quota(name: &str, at: Path<'_>, faults: &mut Faults) {
    any_name(name, at, faults);
    if !name.contains('/') && !is_of_quota(name) {
        faults.invalid_typed(at, name, "must be a standard resource for quota");
    }
}

/// An amount of pages is one of whole pages.
pub(super) fn whole_pages(name: &str, value: &Tree, at: Path<'_>, faults: &mut Faults) {
    let Some(size) = name.strip_prefix("hugepages-") else { return };
    let Some(amount) = value.as_str().and_then(Quantity::parse) else { return };
    let size = Quantity::parse(size).filter(|size| size.is_whole()).map_or(0, Quantity::ceil);
    if size <= 0 || amount.ceil() % size != 0 {
        let shown = value.as_str().unwrap_or_default();
        let why = format!("{shown} is not positive integer multiple of {name}");
        faults.invalid(at, value, &why);
    }
}

/// Not below zero, and whole if it is counted.
pub(super) fn amount(name: &str, value: &Tree, at: Path<'_>, faults: &mut Faults) {
    let Some(quantity) = value.as_str().and_then(Quantity::parse) else { return };
    if quantity.is_negative() {
        faults.invalid(at, value, NOT_NEGATIVE);
    }
    if (COUNTED.contains(&name) || is_extended(name)) && !quantity.is_whole() {
        faults.invalid(at, value, "must be an integer");
    }
}

//! What a pod claims of devices, and of its node as a whole.

use super::{Subject, container};
use crate::Tree;
use crate::builtin::check::{complain, list, text};
use crate::builtin::{internal, resource};
use crate::names::{dns_label, dns_subdomain};
use crate::quantity::Quantity;
use crate::schema::{Faults, Path};

/// The claims of a pod: each names one, or a template of one.
pub(in crate::builtin) fn of_pod(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("resourceClaims");
    let claims = list(spec, "resourceClaims");
    for (index, claim) in claims.iter().enumerate() {
        let at = all.index(index);
        let name = text(claim, "name");
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else if claims[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        } else {
            complain(faults, at.field("name"), name, dns_label(name));
        }
        let keys = ["resourceClaimName", "resourceClaimTemplateName"];
        let why = match keys.iter().filter(|key| claim.get(key).is_some()).count() {
            0 => "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            1 => "",
            _ => {
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            }
        };
        if !why.is_empty() {
            internal::invalid(faults, at, "core.PodResourceClaim", claim, why);
        }
        for key in keys {
            if let Some(name) = claim.str_at(&[key]) {
                complain(faults, at.field(key), name, dns_subdomain(name));
            }
        }
    }
}

/// What a container uses of the claims of its pod.
pub(in crate::builtin) fn used(resources: &Tree, spec: &Tree, all: &Path<'_>, faults: &mut Faults) {
    let claims = list(resources, "claims");
    if claims.is_empty() {
        return;
    }
    let mut known: Vec<&str> =
        list(spec, "resourceClaims").iter().map(|claim| text(claim, "name")).collect();
    known.retain(|name| !name.is_empty());
    known.sort_unstable();
    known.dedup();
    let mut taken: Vec<(&str, &str)> = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let place = all.index(index);
        let (name, request) = (text(claim, "name"), text(claim, "request"));
        if name.is_empty() {
            faults.required(place, "");
            continue;
        }
        if taken.contains(&(name, "")) {
            faults.duplicate(place, name);
        } else {
            if !request.is_empty() {
                complain(faults, place.field("request"), request, dns_label(request));
            }
            if taken.contains(&(name, request)) {
                faults.duplicate(place, format!("{name}/{request}"));
            } else if request.is_empty() {
                for _ in taken.iter().filter(|(other, _)| *other == name) {
                    faults.duplicate(place, name);
                }
            }
            if !taken.contains(&(name, request)) {
                taken.push((name, request));
            }
        }
        if !known.contains(&name) {
            let more = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", known.join(", "))
            };
            faults.not_found(place, name);
            let error = faults.0.last_mut().expect("one was added");
            error.body += ": must be one of the names in pod.spec.resourceClaims";
            error.body += &more;
        }
    }
}

/// What a pod asks for as a whole covers what its containers ask for.
pub(in crate::builtin) fn resources(pod: &Subject<'_>, at: &Path<'_>, faults: &mut Faults) {
    let spec = pod.spec;
    let Some(resources) = spec.get("resources") else { return };
    let above = *at;
    let at = at.field("resources");
    if spec.str_at(&["os", "name"]) == Some("windows") {
        faults.forbidden(at, "may not be set for a windows pod");
        return;
    }
    if pod.stated.at(&["resources", "claims"]).is_some_and(Tree::is_list) {
        faults.forbidden(at.field("claims"), "claims may not be set for Resources at pod-level");
    }
    container::amounts(resources, &at, &of_pods, faults);
    used(resources, spec, &at.field("claims"), faults);
    let requests = at.field("requests");
    for (name, sum) in total(spec, "requests") {
        let Some(own) = resources.str_at(&["requests", &name]) else { continue };
        if Quantity::parse(own).is_some_and(|own| sum > own) {
            let why =
                format!("must be greater than or equal to aggregate container requests of {sum}");
            faults.invalid(requests.key(&name), own, &why);
        }
    }
    let limits = at.field("limits");
    for (name, sum) in total(spec, "limits") {
        let Some(own) = resources.str_at(&["limits", &name]) else { continue };
        if name.starts_with("hugepages-") && Quantity::parse(own).is_some_and(|own| sum > own) {
            let why =
                format!("must be greater than or equal to aggregate container limits of {sum}");
            faults.invalid(limits.key(&name), own, &why);
        }
    }
    let containers = above.field("resources");
    let containers = containers.field("containers");
    for (index, one) in list(spec, "containers").iter().enumerate() {
        let limits = one.at(&["resources", "limits"]);
        for (name, limit) in limits.into_iter().flat_map(Tree::entries) {
            let parsed = |value: &Tree| value.as_str().and_then(Quantity::parse);
            let Some(whole) = resources.at(&["limits", name]) else { continue };
            if parsed(limit) > parsed(whole) {
                let shown = whole.as_str().unwrap_or_default();
                let why = format!("must be less than or equal to pod limits of {shown}");
                let place = containers.index(index);
                faults.invalid(place.key(name).field("limits"), limit, &why);
            }
        }
    }
}

/// The names that a pod as a whole can ask for.
fn of_pods(name: &str, at: Path<'_>, faults: &mut Faults) {
    let named = matches!(name, "cpu" | "memory") || resource::is_huge_page(name);
    if resource::any_name(name, at, faults) && !named {
        faults.not_supported(at, name, &["cpu", "hugepages-", "memory"]);
    }
}

/// What all containers ask for together: those that run beside each other added up, or the most that one needs to
/// begin.
fn total(spec: &Tree, side: &str) -> Vec<(String, Quantity)> {
    let mut running: Vec<(String, Quantity)> = Vec::new();
    let mut most: Vec<(String, Quantity)> = Vec::new();
    let amounts = |one: &Tree| -> Vec<(String, Quantity)> {
        let all = one.at(&["resources", side]);
        let parsed = |(name, value): (&str, &Tree)| {
            Some((name.to_owned(), Quantity::parse(value.as_str()?)?))
        };
        all.into_iter().flat_map(Tree::entries).filter_map(parsed).collect()
    };
    let add = |into: &mut Vec<(String, Quantity)>, name: String, amount: Quantity| match into
        .iter_mut()
        .find(|(known, _)| *known == name)
    {
        Some((_, sum)) => *sum = sum.plus(amount),
        None => into.push((name, amount)),
    };
    for one in list(spec, "containers") {
        for (name, amount) in amounts(one) {
            add(&mut running, name, amount);
        }
    }
    let mut beside: Vec<(String, Quantity)> = Vec::new();
    for one in list(spec, "initContainers") {
        let stays = text(one, "restartPolicy") == "Always";
        for (name, amount) in amounts(one) {
            if stays {
                add(&mut running, name.clone(), amount);
                add(&mut beside, name, amount);
                continue;
            }
            let already = beside.iter().find(|(known, _)| *known == name);
            let needed = already.map_or(amount, |(_, sum)| sum.plus(amount));
            match most.iter_mut().find(|(known, _)| *known == name) {
                Some((_, top)) => *top = (*top).max(needed),
                None => most.push((name, needed)),
            }
        }
    }
    for (name, needed) in most {
        match running.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum = (*sum).max(needed),
            None => running.push((name, needed)),
        }
    }
    running.sort_by(|a, b| a.0.cmp(&b.0));
    running
}

/// A pod that says what it may have at most asks for what its containers ask for, or for all it may have.
pub(in crate::builtin) fn defaulted(spec: &Tree) -> Tree {
    if spec.get("resources").is_none_or(Tree::is_empty) {
        return spec.clone();
    }
    let mut spec = spec.clone();
    for (name, sum) in total(&spec, "limits") {
        let stated = ["limits", "requests"]
            .iter()
            .any(|side| spec.at(&["resources", side, &name]).is_some());
        if name.starts_with("hugepages-") && !stated {
            spec = spec.with(&["resources", "limits", &name], sum.to_string());
        }
    }
    let Some(limits) =
        spec.at(&["resources", "limits"]).filter(|limits| !limits.is_empty()).cloned()
    else {
        return spec;
    };
    for (name, sum) in total(&spec, "requests") {
        let path = ["resources", "requests", &name];
        if matches!(&*name, "cpu" | "memory") && spec.at(&path).is_none() {
            spec = spec.with(&path, sum.to_string());
        }
    }
    for (name, limit) in limits.entries() {
        let path = ["resources", "requests", name];
        let known = matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
        if known && spec.at(&path).is_none() {
            spec = spec.with(&path, limit);
        }
    }
    spec
}

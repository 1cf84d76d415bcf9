//! What the status of a pod may say.

use std::net::IpAddr;

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, in_range, ip, list, loose_ip, text};
use crate::builtin::immutable::same;
use crate::builtin::rules::Write;
use crate::names::{dns_subdomain, qualified_name};
use crate::schema::{Faults, Path};
use crate::status::{FieldError, FieldErrorKind};

const CONTAINERS: [&str; 3] =
    ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];

/// In the order of the real server.
pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let Some(old) = write.old else { return };
    super::annotations::of_update(write, faults);
    if !write.changed(&["status"]) {
        return;
    }
    let (status, spec) = (write.part(&["status"]), write.part(&["spec"]));
    let was = old.get("status").unwrap_or(&NOTHING);
    let at = Path::Root.field("status");
    conditions(status, &at, faults);
    nominated(write, was, &at, faults);
    if let Some(count @ ..0) = status.int_at(&["observedGeneration"]) {
        faults.invalid(at.field("observedGeneration"), count, NEGATIVE);
    }
    same(write.new, old, &["status", "qosClass"], faults);
    for key in CONTAINERS {
        ended(key, (status, was), spec, &at, faults);
    }
    claims(status, spec, &at, faults);
    addresses(list(status, "podIPs"), list(was, "podIPs"), &at.field("podIPs"), faults);
    let place = at.field("hostIPs");
    if let Some(first) = list(status, "hostIPs").first().map(|first| text(first, "ip"))
        && first != text(status, "hostIP")
    {
        let first_place = place.index(0);
        faults.invalid(first_place.field("ip"), first, "must be equal to `hostIP`");
    }
    addresses(list(status, "hostIPs"), list(was, "hostIPs"), &place, faults);
    for key in CONTAINERS {
        users(list(status, key), spec, &at.field(key), faults);
    }
}

const NEGATIVE: &str = "must be a non-negative integer";

fn conditions(status: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("conditions");
    for (index, condition) in list(status, "conditions").iter().enumerate() {
        let at = all.index(index);
        if let Some(count @ ..0) = condition.int_at(&["observedGeneration"]) {
            faults.invalid(at.field("observedGeneration"), count, NEGATIVE);
        }
        let kind = text(condition, "type");
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            // Named with a capital by the real server.
            complain(faults, at.field("Type"), kind, qualified_name(kind));
        }
    }
}

/// The node that is to be made free for the pod.
fn nominated(write: &Write<'_>, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let name = text(write.part(&["status"]), "nominatedNodeName");
    if name.is_empty() || name == text(was, "nominatedNodeName") {
        return;
    }
    let place = at.field("nominatedNodeName");
    complain(faults, place, name, dns_subdomain(name));
    let bound = !text(write.part(&["spec"]), "nodeName").is_empty();
    if bound && write.minor >= 34 {
        faults.forbidden(place, "may not be set on pods that are already bound to a node");
    }
}

/// A container that ended and is not to be started again stays so.
fn ended(
    key: &str,
    (status, was): (&Tree, &Tree),
    spec: &Tree,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let policy = text(spec, "restartPolicy");
    let restarts = |name: &str, code: i64| {
        let own = match key {
            "initContainerStatuses" => list(spec, "initContainers"),
            _ => &[],
        };
        let runs_beside = own
            .iter()
            .any(|one| text(one, "name") == name && text(one, "restartPolicy") == "Always");
        key != "ephemeralContainerStatuses"
            && (runs_beside || policy == "Always" || policy == "OnFailure" && code != 0)
    };
    let all = at.field(key);
    for (index, old) in list(was, key).iter().enumerate() {
        let Some(end) = old.at(&["state", "terminated"]) else { continue };
        let name = text(old, "name");
        let now = list(status, key).iter().find(|one| text(one, "name") == name);
        let goes_on = now.is_some_and(|now| now.at(&["state", "terminated"]).is_none());
        if goes_on && !restarts(name, end.int_at(&["exitCode"]).unwrap_or(0)) {
            let place = all.index(index);
            let why = "may not be transitioned to non-terminated state";
            faults.forbidden(place.field("state"), why);
        }
    }
}

fn claims(status: &Tree, spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all = at.field("resourceClaimStatuses");
    let stated = list(status, "resourceClaimStatuses");
    for (index, claim) in stated.iter().enumerate() {
        let at = all.index(index);
        let (place, name) = (at.field("name"), text(claim, "name"));
        if !list(spec, "resourceClaims").iter().any(|one| text(one, "name") == name) {
            let why = "must match the name of an entry in `spec.resourceClaims`";
            faults.invalid(place, name, why);
        }
        if stated[..index].iter().any(|one| text(one, "name") == name) {
            faults.duplicate(place, name);
        }
        if let Some(name) = claim.str_at(&["resourceClaimName"]) {
            complain(faults, place, name, dns_subdomain(name));
        }
    }
}

/// New ones are addresses, and no two are of one family.
fn addresses(all: &[Tree], was: &[Tree], at: &Path<'_>, faults: &mut Faults) {
    for (index, one) in all.iter().enumerate() {
        if !was.iter().any(|old| text(old, "ip") == text(one, "ip")) {
            ip(faults, text(one, "ip"), at.index(index));
        }
    }
    if all.len() < 2 {
        return;
    }
    let texts: Vec<&str> = all.iter().map(|one| text(one, "ip")).collect();
    let parsed: Vec<Option<IpAddr>> = texts.iter().map(|text| loose_ip(text)).collect();
    let of = |is: fn(&IpAddr) -> bool| parsed.iter().flatten().any(is);
    let bad = parsed.iter().position(Option::is_none);
    if let Some(bad) = bad {
        let why = format!("invalid IP[{bad}]: {}", texts[bad]);
        faults.0.push(FieldError {
            kind: FieldErrorKind::Internal,
            field: String::from(*at),
            body: format!("Internal error: failed to check for dual stack with error:{why}"),
        });
    }
    let both = bad.is_none() && of(IpAddr::is_ipv4) && of(IpAddr::is_ipv6);
    if !both || all.len() > 2 {
        let shown = texts.iter().map(|text| Tree::map([("IP", Tree::from(*text))]));
        let why = "may specify no more than one IP for each IP family";
        faults.invalid(*at, Tree::list(shown), why);
    }
}

fn users(containers: &[Tree], spec: &Tree, all: &Path<'_>, faults: &mut Faults) {
    let system = spec.str_at(&["os", "name"]).unwrap_or("linux");
    for (index, one) in containers.iter().enumerate() {
        let Some(user) = one.at(&["user", "linux"]) else { continue };
        let at = all.index(index);
        let at = at.field("user");
        let at = at.field("linux");
        match system {
            "windows" => faults.forbidden(at, "cannot be set for a windows pod"),
            "linux" => {
                const MOST: i64 = i32::MAX as i64;
                in_range(faults, user, "uid", &at, 0, MOST);
                in_range(faults, user, "gid", &at, 0, MOST);
                let groups = at.field("supplementalGroups");
                for (index, group) in list(user, "supplementalGroups").iter().enumerate() {
                    if !group.as_i64().is_some_and(|group| (0..=MOST).contains(&group)) {
                        let why = format!("must be between 0 and {MOST}, inclusive");
                        faults.invalid(groups.index(index), group, &why);
                    }
                }
            }
            _ => {}
        }
    }
}

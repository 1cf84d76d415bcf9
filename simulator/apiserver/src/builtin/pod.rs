//! Pods, and the templates of pods.

use super::check::{NOTHING, complain, in_range, ip, labels, list, on, one_of, text};
use super::container::{self, Pod};
use super::rules::Write;
use super::{scheduling, volume};
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};

pub(super) fn check(write: &Write<'_>, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    if write.old.is_none() {
        if spec.get("ephemeralContainers").is_some() {
            faults.forbidden(at.field("ephemeralContainers"), "cannot be set on create");
        }
        if !list(spec, "schedulingGates").is_empty() && !text(spec, "nodeName").is_empty() {
            let why = "cannot be set until all schedulingGates have been cleared";
            faults.forbidden(at.field("nodeName"), why);
        }
    }
    self::spec(spec, write.minor, &at, faults);
}

/// A template, which says by `kind` what its owner can run: `Always`, or what ends.
pub(super) fn template(template: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let meta = at.field("metadata");
    labels(faults, template.at(&["metadata", "labels"]), meta.field("labels"));
    let at = at.field("spec");
    let spec = template.get("spec").unwrap_or(&NOTHING);
    self::spec(spec, minor, &at, faults);
    if !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden(
            at.field("ephemeralContainers"),
            "ephemeral containers not allowed in pod template",
        );
    }
}

fn spec(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let unsound = volume::check(spec, at, faults);
    containers(spec, &unsound, minor, at, faults);
    one_of(faults, spec, "restartPolicy", at, &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(faults, spec, "dnsPolicy", at, &policies);
    selector_labels(spec, at, faults);
    security(spec, at, faults);
    dns(spec, at, faults);
    readiness_gates(spec, at, faults);
    scheduling_parts(spec, at, faults);
    names_of(spec, at, faults);
    in_range(faults, spec, "activeDeadlineSeconds", at, 1, i64::from(i32::MAX));
    if on(spec, "hostNetwork") && spec.bool_at(&["hostUsers"]) == Some(false) {
        faults.forbidden(at.field("hostNetwork"), "when `hostUsers` is false");
    }
    if let Some(os) = spec.str_at(&["os", "name"]).filter(|os| !matches!(*os, "linux" | "windows"))
    {
        faults.not_supported(at.field("os"), os, &["linux", "windows"]);
    }
}

fn containers(spec: &Tree, unsound: &[String], minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let main = list(spec, "containers");
    let all = at.field("containers");
    if main.is_empty() {
        faults.required(all, "");
    }
    let pod = Pod { spec, unsound, minor, init: false };
    for (index, one) in main.iter().enumerate() {
        let at = all.index(index);
        container::check(one, &pod, &at, faults);
        let name = text(one, "name");
        if !name.is_empty() && main[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        }
    }
    container::host_ports(spec, at, faults);
    let init = list(spec, "initContainers");
    let all = at.field("initContainers");
    let pod = Pod { spec, unsound, minor, init: true };
    for (index, one) in init.iter().enumerate() {
        let at = all.index(index);
        container::check(one, &pod, &at, faults);
        let name = text(one, "name");
        let taken = main.iter().chain(&init[..index]).any(|other| text(other, "name") == name);
        if !name.is_empty() && taken {
            faults.duplicate(at.field("name"), name);
        }
    }
}

fn selector_labels(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let at = at.field("nodeSelector");
    for (key, value) in spec.get("nodeSelector").into_iter().flat_map(Tree::entries) {
        complain(faults, at, key, names::qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        complain(faults, at, value, names::label_value(value));
    }
}

fn security(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(context) = spec.get("securityContext") else { return };
    let at = at.field("securityContext");
    container::ids(context, &["fsGroup", "runAsUser", "runAsGroup"], &at, faults);
    one_of(faults, context, "fsGroupChangePolicy", &at, &["Always", "OnRootMismatch"]);
    one_of(faults, context, "supplementalGroupsPolicy", &at, &["Merge", "Strict"]);
    container::profiles(context, &at, faults);
    let sysctls = at.field("sysctls");
    for (index, sysctl) in list(context, "sysctls").iter().enumerate() {
        let at = sysctls.index(index);
        let name = text(sysctl, "name");
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_./".contains(&b);
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else if name.len() > 253 || !name.bytes().all(good) {
            let why = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            faults.invalid(at.field("name"), name, why);
        }
    }
}

fn dns(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let at = at.field("dnsConfig");
    let Some(config) = spec.get("dnsConfig") else {
        if text(spec, "dnsPolicy") == "None" {
            faults.required(at, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let servers = list(config, "nameservers");
    let place = at.field("nameservers");
    if text(spec, "dnsPolicy") == "None" && servers.is_empty() {
        faults.required(place, "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
    if servers.len() > 3 {
        let value = config.get("nameservers").cloned().unwrap_or_default();
        faults.invalid(place, value, "must not have more than 3 nameservers");
    }
    for (index, server) in servers.iter().enumerate() {
        ip(faults, server.as_str().unwrap_or_default(), place.index(index));
    }
    let searches = at.field("searches");
    for (index, search) in list(config, "searches").iter().enumerate() {
        let search = search.as_str().unwrap_or_default();
        let bare = search.strip_suffix('.').unwrap_or(search);
        complain(faults, searches.index(index), search, names::dns_subdomain(bare));
    }
    let options = at.field("options");
    for (index, option) in list(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            faults.required(options.index(index), "must not be empty");
        }
    }
}

fn readiness_gates(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let gates = at.field("readinessGates");
    for (index, gate) in list(spec, "readinessGates").iter().enumerate() {
        let kind = text(gate, "conditionType");
        let at = gates.index(index);
        complain(faults, at.field("conditionType"), kind, names::qualified_name(kind));
    }
    let all = at.field("schedulingGates");
    let gates = list(spec, "schedulingGates");
    for (index, gate) in gates.iter().enumerate() {
        let name = text(gate, "name");
        complain(faults, all.index(index), name, names::qualified_name(name));
        if gates[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(all.index(index), name);
        }
    }
}

fn scheduling_parts(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    scheduling::check(spec, at, faults);
    let aliases = at.field("hostAliases");
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        let at = aliases.index(index);
        ip(faults, text(alias, "ip"), at.field("ip"));
        let hostnames = at.field("hostnames");
        for (index, host) in list(alias, "hostnames").iter().enumerate() {
            let host = host.as_str().unwrap_or_default();
            complain(faults, hostnames.index(index), host, names::dns_subdomain(host));
        }
    }
}

fn names_of(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    for key in ["serviceAccountName", "nodeName"] {
        let name = text(spec, key);
        if !name.is_empty() {
            complain(faults, at.field(key), name, names::dns_subdomain(name));
        }
    }
    for key in ["hostname", "subdomain"] {
        let name = text(spec, key);
        if !name.is_empty() {
            complain(faults, at.field(key), name, names::dns_label(name));
        }
    }
    for key in ["priorityClassName", "runtimeClassName"] {
        let name = text(spec, key);
        if !name.is_empty() {
            complain(faults, at.field(key), name, names::dns_subdomain(name));
        }
    }
}

//! Pods, and the templates of pods.

mod annotations;
pub(super) mod claims;
pub(super) mod container;
pub(super) mod environment;
pub(super) mod mounts;
pub(crate) mod parts;
pub(super) mod platform;
pub(super) mod scheduling;
pub(super) mod status;
pub(super) mod volume;

use super::check::{
    NOTHING, annotations, chosen, complain, in_range, ip, labels, list, on, one_of, text,
};
use super::resource;
use super::rules::Write;
use crate::Tree;
use crate::names;
use crate::schema::{Faults, Path};
use container::Pod;

/// The spec of a pod, or of a template of pods.
pub(super) struct Subject<'a> {
    pub spec: &'a Tree,
    /// The same before what is empty was left out: some rules see the difference.
    pub stated: &'a Tree,
    /// That of a pod; a template has none.
    pub name: Option<&'a str>,
    pub minor: u32,
    /// It said before how its volumes get their labels: only then may it choose the way that is not on yet.
    pub relabels: bool,
}

const RELABELS: [&str; 2] = ["securityContext", "seLinuxChangePolicy"];

pub(super) fn check(write: &Write<'_>, faults: &mut Faults) {
    annotations::of_pod(write, faults);
    if write.changed(&["spec"]) {
        self::whole(write, faults);
    }
    if write.old.is_some() {
        annotations::of_update(write, faults);
    }
}

fn whole(write: &Write<'_>, faults: &mut Faults) {
    let at = Path::Root.field("spec");
    let metadata = write.new.get("metadata").unwrap_or(&NOTHING);
    let subject = Subject {
        spec: write.new.get("spec").unwrap_or(&NOTHING),
        stated: write.stated.get("spec").unwrap_or(&NOTHING),
        name: Some(text(metadata, "name")),
        minor: write.minor,
        relabels: write.old.and_then(|old| old.get("spec")?.at(&RELABELS)).is_some(),
    };
    let spec = subject.spec;
    self::spec(&subject, &at, faults);
    only_for_pods(spec, &at, faults);
    if write.old.is_some() {
        return;
    }
    if !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden(at.field("ephemeralContainers"), "cannot be set on create");
    }
    if !list(spec, "schedulingGates").is_empty() && !text(spec, "nodeName").is_empty() {
        let why = "cannot be set until all schedulingGates have been cleared";
        faults.forbidden(at.field("nodeName"), why);
    }
    if write.minor >= 30 {
        let annotations = metadata.get("annotations").unwrap_or(&NOTHING);
        platform::annotated_profiles(annotations, spec, &at, faults);
    }
}

/// The template at `path` of an object.
pub(super) fn template(write: &Write<'_>, path: &[&str], at: &Path<'_>, faults: &mut Faults) {
    with_template(write, path, write.part(path), at, faults);
}

/// Another template in place of the one at `path`.
pub(super) fn with_template(
    write: &Write<'_>,
    path: &[&str],
    template: &Tree,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let minor = write.minor;
    metadata_of_template(template, at, faults);
    let spec = template.get("spec").unwrap_or(&NOTHING);
    let stated = write.stated(path).get("spec").unwrap_or(&NOTHING);
    let old = write.old.and_then(|old| old.at(path));
    let relabels = old.and_then(|old| old.get("spec")?.at(&RELABELS)).is_some();
    let subject = Subject { spec, stated, name: None, minor, relabels };
    let before = old.and_then(|old| old.at(&annotations::PATH));
    let annotated = (template.at(&annotations::PATH), before);
    annotations::check(annotated, spec, minor, &at.field("annotations"), faults);
    let at = at.field("spec");
    self::spec(&subject, &at, faults);
    if minor >= 30 {
        let annotations = template.at(&["metadata", "annotations"]).unwrap_or(&NOTHING);
        platform::annotated_profiles(annotations, spec, &at, faults);
    }
    if !list(spec, "ephemeralContainers").is_empty() {
        faults.forbidden(
            at.field("ephemeralContainers"),
            "ephemeral containers not allowed in pod template",
        );
    }
}

/// Named without the metadata that they stand in, as the real server does.
pub(super) fn metadata_of_template(template: &Tree, at: &Path<'_>, faults: &mut Faults) {
    labels(faults, template.at(&["metadata", "labels"]), at.field("labels"));
    annotations(faults, template.at(&["metadata", "annotations"]), at.field("annotations"));
}

/// In the order of the real server, which tells all that is wrong.
fn spec(pod: &Subject<'_>, at: &Path<'_>, faults: &mut Faults) {
    let Subject { spec, minor, .. } = *pod;
    let volumes = volume::check(pod, at, faults);
    if minor >= 26 {
        claims::of_pod(spec, at, faults);
    }
    containers(pod, &volumes, at, faults);
    if minor >= 23 {
        parts::containers(pod, &volumes, at, faults);
    }
    if minor >= 34 {
        claims::resources(pod, at, faults);
    }
    if minor >= 25 {
        container::ports_of_node(spec, pod.name.is_some(), at, faults);
    }
    one_of(faults, spec, "restartPolicy", at, &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(faults, spec, "dnsPolicy", at, &policies);
    labels(faults, spec.get("nodeSelector"), at.field("nodeSelector"));
    security(pod, at, faults);
    scheduling::affinity(spec, at, faults);
    dns(spec, minor, at, faults);
    readiness_gates(spec, at, faults);
    scheduling::spread(spec, &at.field("topologySpreadConstraints"), faults);
    platform::host_processes(spec, at, faults);
    platform::host_users(spec, at, faults);
    of_form(spec, &["serviceAccountName", "nodeName"], at, names::dns_subdomain, faults);
    in_range(faults, spec, "activeDeadlineSeconds", at, 1, i64::from(i32::MAX));
    of_form(spec, &["hostname", "subdomain"], at, names::dns_label, faults);
    scheduling::tolerations(spec, at, faults);
    aliases(spec, minor, at, faults);
    of_form(spec, &["priorityClassName"], at, names::dns_subdomain, faults);
    if let Some(class) = spec.str_at(&["runtimeClassName"]) {
        complain(faults, at.field("runtimeClassName"), class, names::dns_subdomain(class));
    }
    if minor >= 24 {
        chosen(faults, spec, "preemptionPolicy", at, &["PreemptLowerPriority", "Never"]);
    }
    if let Some(overhead) = spec.get("overhead") {
        // Looked at as limits, and named as such.
        let limits = Tree::map([("limits", overhead.clone())]);
        container::amounts(&limits, &at.field("overhead"), &resource::of_container, faults);
    }
    platform::system(spec, at, faults);
}

/// What holds for pods and not for what they are made from.
fn only_for_pods(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if text(spec, "serviceAccountName").is_empty() {
        let volumes = at.field("volumes");
        for (index, volume) in list(spec, "volumes").iter().enumerate() {
            let Some(projected) = volume.get("projected") else { continue };
            let volume = volumes.index(index);
            let projection = volume.field("projected");
            let sources = projection.field("sources");
            let tokens = list(projected, "sources").iter().enumerate();
            for (index, _) in tokens.filter(|(_, it)| it.get("serviceAccountToken").is_some()) {
                let why = "must not be specified when serviceAccountName is not set";
                faults.forbidden(sources.index(index).field("serviceAccountToken"), why);
            }
        }
    }
    for key in ["containers", "initContainers"] {
        let all = at.field(key);
        for (index, one) in list(spec, key).iter().enumerate() {
            parts::untrimmed(one, &all.index(index), faults);
        }
    }
}

fn containers(pod: &Subject<'_>, volumes: &[(&str, &Tree)], at: &Path<'_>, faults: &mut Faults) {
    let Subject { spec, minor, .. } = *pod;
    let main = list(spec, "containers");
    let all = at.field("containers");
    if main.is_empty() {
        faults.required(all, "");
    }
    let named = |all: &[Tree], name: &str| all.iter().any(|other| text(other, "name") == name);
    let around = Pod { spec, volumes, minor };
    for (index, one) in main.iter().enumerate() {
        let at = all.index(index);
        container::common(one, &around, &at, faults);
        let name = text(one, "name");
        if named(&main[..index], name) {
            faults.duplicate(at.field("name"), name);
        }
        container::life(one, spec, &at, faults);
    }
    container::host_ports(main, &all, faults);
    let init = list(spec, "initContainers");
    let all = at.field("initContainers");
    for (index, one) in init.iter().enumerate() {
        let at = all.index(index);
        container::common(one, &around, &at, faults);
        let name = text(one, "name");
        if named(main, name) || !name.is_empty() && named(&init[..index], name) {
            faults.duplicate(at.field("name"), name);
        }
        // Each alone, and named as the first.
        container::host_ports(std::slice::from_ref(one), &all, faults);
        if text(one, "restartPolicy") == "Always" {
            container::life(one, spec, &at, faults);
        } else {
            container::lifeless(one, &at, faults);
        }
    }
}

fn security(pod: &Subject<'_>, at: &Path<'_>, faults: &mut Faults) {
    let Subject { spec, minor, .. } = *pod;
    let Some(context) = spec.get("securityContext") else { return };
    let at = at.field("securityContext");
    container::ids(context, &["fsGroup", "runAsUser", "runAsGroup"], &at, faults);
    let groups = at.field("supplementalGroups");
    for (index, group) in list(context, "supplementalGroups").iter().enumerate() {
        let bad = group.as_i64().filter(|group| !(0..=i64::from(i32::MAX)).contains(group));
        if let Some(group) = bad {
            let why = "must be between 0 and 2147483647, inclusive";
            faults.invalid(groups.index(index), group, why);
        }
    }
    if on(spec, "shareProcessNamespace") && on(spec, "hostPID") {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        faults.invalid(at.field("shareProcessNamespace"), true, why);
    }
    sysctls(spec, context, minor, &at, faults);
    one_of(faults, context, "fsGroupChangePolicy", &at, &["Always", "OnRootMismatch"]);
    container::seccomp(context, &at, faults);
    platform::windows_options(context, &at, faults);
    container::app_armor(context, &at, faults);
    one_of(faults, context, "supplementalGroupsPolicy", &at, &["Merge", "Strict"]);
    let ways: &[&str] = if pod.relabels { &["MountOption", "Recursive"] } else { &["Recursive"] };
    one_of(faults, context, "seLinuxChangePolicy", &at, ways);
}

fn sysctls(spec: &Tree, context: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let sysctls = at.field("sysctls");
    let all = list(context, "sysctls");
    for (index, sysctl) in all.iter().enumerate() {
        let at = sysctls.index(index);
        let name = text(sysctl, "name");
        let is_end =
            |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let is_part = |part: &str| {
            let bytes = || part.bytes();
            is_end(bytes().next())
                && is_end(bytes().next_back())
                && bytes().all(|b| is_end(Some(b)) || b"-_".contains(&b))
        };
        if name.is_empty() {
            faults.required(at.field("name"), "");
        } else if name.len() > 253
            || !name.split(['.', '/']).all(is_part)
            || minor < 23 && name.contains('/')
        {
            let form = if minor < 23 {
                r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
            } else {
                r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
            };
            let why = format!("must have at most 253 characters and match regex {form}");
            faults.invalid(at.field("name"), name, &why);
        } else if all[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        }
        if minor >= 29 {
            let dotted = name.replace('/', ".");
            let of_ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."]
                .iter()
                .any(|lead| dotted.starts_with(lead))
                || dotted == "kernel.sem";
            let shared = if dotted.starts_with("net.") && on(spec, "hostNetwork") {
                "hostNetwork"
            } else if of_ipc && on(spec, "hostIPC") {
                "hostIPC"
            } else {
                continue;
            };
            let why = format!("may not be specified when '{shared}' is true");
            faults.invalid(at.field("name"), name, &why);
        }
    }
}

fn dns(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
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
        return;
    }
    if servers.len() > 3 {
        let value = config.get("nameservers").cloned().unwrap_or_default();
        faults.invalid(place, value, "must not have more than 3 nameservers");
    }
    for (index, server) in servers.iter().enumerate() {
        ip(faults, server.as_str().unwrap_or_default(), place.index(index));
    }
    let searches = at.field("searches");
    let all: Vec<&str> = list(config, "searches").iter().filter_map(Tree::as_str).collect();
    let (most, longest) = if minor >= 22 { (32, 2048) } else { (6, 256) };
    let value = || config.get("searches").cloned().unwrap_or_default();
    if all.len() > most {
        faults.invalid(searches, value(), &format!("must not have more than {most} search paths"));
    }
    if all.join(" ").len() > longest {
        let why = format!(
            "must not have more than {longest} characters (including spaces) in the search list"
        );
        faults.invalid(searches, value(), &why);
    }
    for (index, search) in all.into_iter().enumerate() {
        let bare = search.strip_suffix('.').unwrap_or(search);
        if minor < 34 {
            complain(faults, searches.index(index), bare, names::dns_subdomain(bare));
        } else if search != "." {
            complain(faults, searches.index(index), bare, names::dns_search(bare));
        }
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

fn aliases(spec: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let aliases = at.field("hostAliases");
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        // Older servers did not say which.
        let at = if minor < 22 { aliases } else { aliases.index(index) };
        let address = text(alias, "ip");
        if minor >= 22 {
            ip(faults, address, at.field("ip"));
        } else if address.parse::<std::net::IpAddr>().is_err() {
            faults.invalid(at.field("ip"), address, "must be valid IP address");
        }
        let hostnames = at.field("hostnames");
        for (index, host) in list(alias, "hostnames").iter().enumerate() {
            let host = host.as_str().unwrap_or_default();
            let place = if minor < 22 { hostnames } else { hostnames.index(index) };
            complain(faults, place, host, names::dns_subdomain(host));
        }
    }
}

type Form = fn(&str) -> Vec<String>;

fn of_form(spec: &Tree, keys: &[&str], at: &Path<'_>, form: Form, faults: &mut Faults) {
    for key in keys {
        let name = text(spec, key);
        if !name.is_empty() {
            complain(faults, at.field(key), name, form(name));
        }
    }
}

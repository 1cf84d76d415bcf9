//! What pods of an operating system, and such that see more or less of their node, may not ask for.

use crate::Tree;
use crate::builtin::check::{NOTHING, list, on, text};
use crate::names;
use crate::schema::{Faults, Path};

const GROUPS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Each container of a pod with its place, in the order in which the real server visits them.
fn visit(spec: &Tree, at: &Path<'_>, mut look: impl FnMut(&Tree, &Path<'_>)) {
    for group in GROUPS {
        let all = at.field(group);
        for (index, container) in list(spec, group).iter().enumerate() {
            look(container, &all.index(index));
        }
    }
}

/// Windows containers that are processes of their host: all of a pod or none.
pub(in crate::builtin) fn host_processes(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const FLAG: [&str; 3] = ["securityContext", "windowsOptions", "hostProcess"];
    let of_pod = spec.bool_at(&FLAG);
    let (mut count, mut on_host) = (0, 0);
    visit(spec, at, |container, at| {
        count += 1;
        let own = container.bool_at(&FLAG);
        if let (Some(pod), Some(own)) = (of_pod, own)
            && pod != own
        {
            let why =
                format!("pod hostProcess value must be identical if both are specified, was {pod}");
            let context = at.field("securityContext");
            let options = context.field("windowsOptions");
            faults.invalid(options.field("hostProcess"), own, &why);
        }
        on_host += i32::from(own.or(of_pod) == Some(true));
    });
    if on_host == 0 {
        return;
    }
    if on_host != count {
        let why = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        faults.invalid(*at, "", why);
    }
    if !on(spec, "hostNetwork") {
        let why = "hostNetwork must be true if pod contains any hostProcess containers";
        faults.invalid(at.field("hostNetwork"), false, why);
    }
}

/// A pod with its own users shares nothing else with its node.
pub(in crate::builtin) fn host_users(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if spec.bool_at(&["hostUsers"]) != Some(false) {
        return;
    }
    let why = "when `hostUsers` is false";
    // The real server spells two of them otherwise than the API.
    for (key, shown) in
        [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")]
    {
        if on(spec, key) {
            faults.forbidden(at.field(shown), why);
        }
    }
    visit(spec, at, |container, at| {
        if !list(container, "volumeDevices").is_empty() {
            faults.forbidden(at.field("volumeDevices"), why);
        }
    });
}

/// What the pod's own operating system has not.
pub(in crate::builtin) fn system(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(os) = spec.get("os") else { return };
    match text(os, "name") {
        "" => faults.required(at.field("os").field("name"), ""),
        "linux" => linux(spec, at, faults),
        "windows" => windows(spec, at, faults),
        other => faults.not_supported(at.field("os"), other, &["linux", "windows"]),
    }
}

fn linux(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let why = "windows options cannot be set for a linux pod";
    let mut look = |tree: &Tree, at: &Path<'_>| {
        if tree.at(&["securityContext", "windowsOptions"]).is_some() {
            faults.forbidden(at.field("securityContext").field("windowsOptions"), why);
        }
    };
    look(spec, at);
    visit(spec, at, look);
}

fn windows(spec: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const OF_POD: [(&str, bool); 15] = [
        ("appArmorProfile", true),
        ("seLinuxOptions", true),
        ("hostUsers", false),
        ("hostPID", false),
        ("hostIPC", false),
        ("seccompProfile", true),
        ("fsGroup", true),
        ("fsGroupChangePolicy", true),
        ("sysctls", true),
        ("shareProcessNamespace", false),
        ("runAsUser", true),
        ("runAsGroup", true),
        ("supplementalGroups", true),
        ("supplementalGroupsPolicy", true),
        ("seLinuxChangePolicy", true),
    ];
    const OF_CONTAINER: [&str; 10] = [
        "appArmorProfile",
        "seLinuxOptions",
        "seccompProfile",
        "capabilities",
        "readOnlyRootFilesystem",
        "privileged",
        "allowPrivilegeEscalation",
        "procMount",
        "runAsUser",
        "runAsGroup",
    ];
    let why = "cannot be set for a windows pod";
    let context = spec.get("securityContext").unwrap_or(&NOTHING);
    for (key, of_context) in OF_POD {
        let (value, place) = if of_context {
            (context.get(key), at.field("securityContext"))
        } else {
            (spec.get(key), *at)
        };
        let plain = matches!(key, "hostPID" | "hostIPC");
        let is_set = |value: &Tree| match key {
            "sysctls" => !value.is_empty(),
            _ => value.as_bool() != Some(false) || !plain,
        };
        if value.is_some_and(is_set) {
            faults.forbidden(place.field(key), why);
        }
    }
    visit(spec, at, |container, at| {
        let context = container.get("securityContext").unwrap_or(&NOTHING);
        let place = at.field("securityContext");
        for key in OF_CONTAINER {
            if context.get(key).is_some() {
                faults.forbidden(place.field(key), why);
            }
        }
    });
}

/// The older annotations say the same of AppArmor as the fields.
pub(in crate::builtin) fn annotated_profiles(
    annotations: &Tree,
    spec: &Tree,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    if spec.str_at(&["os", "name"]) == Some("windows") {
        return;
    }
    visit(spec, at, |container, at| {
        let Some(profile) = container.at(&PROFILE).or_else(|| spec.at(&PROFILE)) else { return };
        let Some(said) = annotated(annotations, container) else { return };
        let context = at.field("securityContext");
        let place = context.field("appArmorProfile");
        let alike = match text(profile, "type") {
            "Unconfined" => said == "unconfined",
            "RuntimeDefault" => said == "runtime/default",
            "Localhost" => said.starts_with("localhost/"),
            _ => true,
        };
        if !alike {
            let why = "apparmor type in annotation and field must match";
            faults.forbidden(place.field("type"), why);
        } else if let Some(name) =
            said.strip_prefix("localhost/").filter(|_| text(profile, "type") == "Localhost")
            && name != text(profile, "localhostProfile")
        {
            let why = "apparmor profile in annotation and field must match";
            faults.forbidden(place.field("localhostProfile"), why);
        }
    });
}

const PROFILE: [&str; 2] = ["securityContext", "appArmorProfile"];

/// The AppArmor profile that an annotation names for a container.
fn annotated<'t>(annotations: &'t Tree, container: &Tree) -> Option<&'t str> {
    let name = text(container, "name");
    annotations.str_at(&[&format!("container.apparmor.security.beta.kubernetes.io/{name}")])
}

/// A new pod with the profiles that its annotations name in the fields that took their place.
pub(in crate::builtin) fn with_annotated_profiles(pod: &Tree) -> Tree {
    let mut tree = pod.clone();
    let Some(annotations) = pod.at(&["metadata", "annotations"]) else { return tree };
    if pod.str_at(&["spec", "os", "name"]) == Some("windows") {
        return tree;
    }
    let of_all = pod.at(&["spec", "securityContext", "appArmorProfile"]);
    for kind in ["initContainers", "containers"] {
        let containers = pod.at(&["spec", kind]).map_or(&[][..], Tree::items);
        let copied = containers.iter().map(|container| {
            match annotated(annotations, container).and_then(profile) {
                Some(new) if container.at(&PROFILE).is_none() && Some(&new) != of_all => {
                    container.with(&PROFILE, new)
                }
                _ => container.clone(),
            }
        });
        let copied = Tree::list(copied);
        if copied.items() != containers {
            tree = tree.with(&["spec", kind], copied);
        }
    }
    tree
}

/// `None` for one that is no good profile.
fn profile(annotation: &str) -> Option<Tree> {
    let of = |kind: &str| Tree::map([("type", Tree::from(kind))]);
    match annotation {
        "unconfined" => Some(of("Unconfined")),
        "runtime/default" => Some(of("RuntimeDefault")),
        local => {
            let name = local.strip_prefix("localhost/").filter(|name| !name.is_empty())?;
            let is_good = name.trim() == name && name.len() <= 4095;
            is_good.then(|| of("Localhost").with(&["localhostProfile"], name))
        }
    }
}

/// Whom a Windows container runs as.
pub(in crate::builtin) fn windows_options(context: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let Some(options) = context.get("windowsOptions") else { return };
    let at = at.field("windowsOptions");
    if let Some(name) = options.str_at(&["gmsaCredentialSpecName"]) {
        for why in names::dns_subdomain(name) {
            faults.invalid_typed(at.field("gmsaCredentialSpecName"), name, &why);
        }
    }
    if let Some(spec) = options.str_at(&["gmsaCredentialSpec"]) {
        let place = at.field("gmsaCredentialSpec");
        if spec.is_empty() {
            faults.invalid_typed(place, spec, "gmsaCredentialSpec cannot be an empty string");
        } else if spec.len() > 64 * 1024 {
            faults.invalid_typed(place, spec, "gmsaCredentialSpec size must be under 64 KiB");
        }
    }
    if let Some(user) = options.str_at(&["runAsUserName"]) {
        for why in user_faults(user) {
            faults.invalid_typed(at.field("runAsUserName"), user, why);
        }
    }
}

/// `DOMAIN\user`, or a user alone.
fn user_faults(name: &str) -> Vec<&'static str> {
    if name.is_empty() {
        return vec!["runAsUserName cannot be an empty string"];
    }
    if name.chars().any(|letter| letter.is_ascii_control()) {
        return vec!["runAsUserName cannot contain control characters"];
    }
    let parts: Vec<&str> = name.split('\\').collect();
    let (domain, user) = match parts.as_slice() {
        [user] => (None, *user),
        [domain, user] => (Some(*domain), *user),
        _ => return vec!["runAsUserName cannot contain more than one backslash"],
    };
    let mut faults = Vec::new();
    if let Some(domain) = domain {
        if domain.len() >= 256 {
            faults.push("runAsUserName's Domain length must be under 256 characters");
        }
        if !is_netbios(domain) && !is_windows_domain(domain) {
            faults.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
        }
    }
    if user.is_empty() {
        faults.push("runAsUserName's User cannot be empty");
    } else if user.len() > 104 {
        faults.push("runAsUserName's User length must not be longer than 104 characters");
    }
    if !user.is_empty() && user.bytes().all(|byte| matches!(byte, b'.' | b' ')) {
        faults.push("runAsUserName's User cannot contain only periods or spaces");
    }
    if user.contains(|letter| "\"/\\:;|=,+*?<>@[]".contains(letter)) {
        faults.push(
            "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]",
        );
    }
    faults
}

fn is_netbios(domain: &str) -> bool {
    (1..=15).contains(&domain.chars().count())
        && !domain.starts_with('.')
        && !domain.contains(|letter: char| "\\/:*?\"<>|".contains(letter))
}

fn is_windows_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

//! Configurations of admission webhooks.

use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, one_of, selector, text};
use crate::builtin::names::port_number;
use crate::builtin::rules::Write;
use crate::golang;
use crate::names;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(write: &Write<'_>, mutating: bool, faults: &mut Faults) {
    if !write.changed(&["webhooks"]) {
        return;
    }
    let all = Path::Root.field("webhooks");
    let webhooks = list(write.new, "webhooks");
    for (index, webhook) in webhooks.iter().enumerate() {
        let at = all.index(index);
        self::webhook(webhook, mutating, &at, faults);
        reviews(webhook, &at.field("admissionReviewVersions"), faults);
        let name = text(webhook, "name");
        if !name.is_empty() && webhooks[..index].iter().any(|other| text(other, "name") == name) {
            faults.duplicate(at.field("name"), name);
        }
    }
}

fn webhook(webhook: &Tree, mutating: bool, at: &Path<'_>, faults: &mut Faults) {
    let name = text(webhook, "name");
    let complaints = names::dns_subdomain(name);
    if name.is_empty() {
        faults.required(at.field("name"), "");
    } else if !complaints.is_empty() {
        faults.invalid(at.field("name"), name, &complaints.join(","));
    } else if name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        faults.invalid(at.field("name"), name, why);
    }
    let rules = at.field("rules");
    for (index, rule) in list(webhook, "rules").iter().enumerate() {
        self::rule(rule, &rules.index(index), faults);
    }
    one_of(faults, webhook, "failurePolicy", at, &["Fail", "Ignore"]);
    one_of(faults, webhook, "matchPolicy", at, &["Equivalent", "Exact"]);
    if webhook.get("sideEffects").is_none_or(Tree::is_null) {
        faults.required(at.field("sideEffects"), "must specify one of None, NoneOnDryRun");
    } else {
        one_of(faults, webhook, "sideEffects", at, &["None", "NoneOnDryRun"]);
    }
    let seconds = webhook.int_at(&["timeoutSeconds"]);
    if let Some(seconds) = seconds.filter(|seconds| !(1..=30).contains(seconds)) {
        let why = "the timeout value must be between 1 and 30 seconds";
        faults.invalid(at.field("timeoutSeconds"), seconds, why);
    }
    for key in ["namespaceSelector", "objectSelector"] {
        if let Some(chosen) = webhook.get(key) {
            selector(faults, chosen, &at.field(key));
        }
    }
    if mutating {
        one_of(faults, webhook, "reinvocationPolicy", at, &["IfNeeded", "Never"]);
    }
    client(webhook.get("clientConfig").unwrap_or(&NOTHING), &at.field("clientConfig"), faults);
    super::policies::conditions(webhook, false, at, faults);
}

/// In which versions a webhook is asked: each once, and one that a server knows.
fn reviews(webhook: &Tree, all: &Path<'_>, faults: &mut Faults) {
    let versions = list(webhook, "admissionReviewVersions");
    if versions.is_empty() {
        faults.required(*all, "must specify one of v1, v1beta1");
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        if versions[..index].contains(version) {
            faults.invalid(all.index(index), version, "duplicate version");
        } else {
            let name = version.as_str().unwrap_or_default();
            complain(faults, all.index(index), name, names::dns_1035_label(name));
        }
    }
    if !versions.iter().any(|one| matches!(one.as_str(), Some("v1" | "v1beta1"))) {
        let why = "must include at least one of v1, v1beta1";
        faults.invalid(*all, Tree::list(versions.iter().cloned()), why);
    }
}

/// What a webhook or a policy looks at.
pub(in crate::builtin) fn rule(rule: &Tree, at: &Path<'_>, faults: &mut Faults) {
    for (key, what) in
        [("operations", "operations"), ("apiGroups", ""), ("apiVersions", ""), ("resources", "")]
    {
        let values = list(rule, key);
        if values.is_empty() {
            faults.required(at.field(key), "");
            continue;
        }
        let has_all = values.iter().any(|value| value.as_str() == Some("*"));
        if has_all && values.len() > 1 && key != "resources" {
            let others = if what.is_empty() {
                match key {
                    "apiGroups" => "API groups",
                    _ => "API versions",
                }
            } else {
                what
            };
            let why = format!("if '*' is present, must not specify other {others}");
            faults.invalid(at.field(key), rule.get(key).cloned().unwrap_or_default(), &why);
        }
        if key == "operations" {
            let known = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
            let place = at.field(key);
            for (index, value) in values.iter().enumerate() {
                if !value.as_str().is_some_and(|value| known.contains(&value)) {
                    faults.not_supported(place.index(index), value, &known);
                }
            }
        }
        if key == "apiVersions" {
            let place = at.field(key);
            for (index, _) in
                values.iter().enumerate().filter(|(_, value)| value.as_str() == Some(""))
            {
                faults.required(place.index(index), "");
            }
        }
    }
    resources(rule, &at.field("resources"), faults);
    one_of(faults, rule, "scope", at, &["*", "Cluster", "Namespaced"]);
}

/// `pods`, `pods/log`, `*`, `*/scale`: none that another one has already.
fn resources(rule: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let all: Vec<&str> = list(rule, "resources").iter().filter_map(Tree::as_str).collect();
    let (mut whole, mut below): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut bare = false;
    for (index, one) in all.iter().enumerate() {
        if one.is_empty() {
            faults.required(at.index(index), "");
            continue;
        }
        let Some((resource, sub)) = one.split_once('/') else {
            bare = *one != "*";
            continue;
        };
        if whole.contains(&resource) {
            let why = format!("if '{resource}/*' is present, must not specify {one}");
            faults.invalid(at.index(index), *one, &why);
        }
        if below.contains(&sub) {
            let why = format!("if '*/{sub}' is present, must not specify {one}");
            faults.invalid(at.index(index), *one, &why);
        }
        if sub == "*" {
            whole.push(resource);
        }
        if resource == "*" {
            below.push(sub);
        }
    }
    let value = || rule.get("resources").cloned().unwrap_or_default();
    if all.len() > 1 && all.contains(&"*/*") {
        faults.invalid(*at, value(), "if '*/*' is present, must not specify other resources");
    }
    if bare && all.contains(&"*") {
        let why = "if '*' is present, must not specify other resources without subresources";
        faults.invalid(*at, value(), why);
    }
}

/// Where a webhook is asked: at a URL or a service.
pub(crate) fn client(config: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (address, service) = (config.str_at(&["url"]), config.get("service"));
    if address.is_some() == service.is_some() {
        faults.required(*at, "exactly one of url or service is required");
        return;
    }
    if let Some(address) = address {
        url(address, &at.field("url"), faults);
    }
    if let Some(service) = service {
        self::service(service, &at.field("service"), faults);
    }
}

fn url(address: &str, at: &Path<'_>, faults: &mut Faults) {
    const FORM: &str = "; desired format: https://host[/path]";
    let url = match golang::url::parse(address) {
        Ok(url) => url,
        Err(why) => {
            return faults.required(*at, &format!("url must be a valid URL: {why}{FORM}"));
        }
    };
    if url.scheme != "https" {
        let why = format!("'https' is the only allowed URL scheme{FORM}");
        faults.invalid(*at, url.scheme, &why);
    }
    if url.host.is_empty() {
        faults.invalid(*at, "", &format!("host must be specified{FORM}"));
    }
    if let Some(user) = url.user {
        let shown = golang::url::user(user);
        faults.invalid(*at, shown, "user information is not permitted in the URL");
    }
    for (value, what) in [(url.fragment, "fragments"), (url.query, "query parameters")] {
        if !value.is_empty() {
            faults.invalid(*at, value, &format!("{what} are not permitted in the URL"));
        }
    }
}

fn service(service: &Tree, at: &Path<'_>, faults: &mut Faults) {
    // The real server takes the one for the other.
    for (missing, said) in [("namespace", "name"), ("name", "namespace")] {
        if text(service, missing).is_empty() {
            faults.required(at.field(said), "");
        }
    }
    if let Some(port) = service.int_at(&["port"]) {
        let complaints = port_number(port);
        if !complaints.is_empty() {
            let why = format!("port is not valid: {}", complaints.join(", "));
            faults.invalid(at.field("port"), port, &why);
        }
    }
    let Some(path) = service.str_at(&["path"]) else { return };
    let place = at.field("path");
    if path == "/" || path.is_empty() {
        return;
    }
    if path == "//" {
        faults.invalid(place, path, "segment[0] may not be empty");
        return;
    }
    if !path.starts_with('/') {
        faults.invalid(place, path, "must start with a '/'");
    }
    // The first byte is taken for the slash, whatever it is.
    let below = String::from_utf8_lossy(&path.as_bytes()[1..]);
    let steps: Vec<&str> = below.strip_suffix('/').unwrap_or(&below).split('/').collect();
    for (index, step) in steps.iter().enumerate() {
        if step.is_empty() {
            faults.invalid(place, path, &format!("segment[{index}] may not be empty"));
            continue;
        }
        for fault in names::dns_subdomain(step) {
            faults.invalid(place, path, &format!("segment[{index}]: {fault}"));
        }
    }
}

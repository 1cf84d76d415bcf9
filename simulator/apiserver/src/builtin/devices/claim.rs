//! What a claim asks for: requests, what holds between the devices that they get, and how these are set up.

use std::collections::{BTreeMap, BTreeSet};

use super::{MOST_CONFIGURATIONS, MOST_REQUESTS, class_name, configuration, each, once, selector};
use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, one_of, text};
use crate::builtin::pod::volume;
use crate::builtin::rules::Write;
use crate::names::{dns_label, label_value, qualified_name};
use crate::schema::{Faults, Path};

const MOST_CONSTRAINTS: usize = 32;
/// Ways to fulfil a request, of which the first that can be is taken.
const MOST_WAYS: usize = 8;

/// `stored`: as what is there already.
pub(in crate::builtin) fn claim(write: &Write<'_>, stored: bool, faults: &mut Faults) {
    if write.changed(&["spec"]) {
        spec(write.part(&["spec"]), &Path::Root.field("spec"), stored, faults);
    }
}

/// Claims that are made of a template have its labels and annotations.
pub(in crate::builtin) fn template(write: &Write<'_>, stored: bool, faults: &mut Faults) {
    if !write.changed(&["spec"]) {
        return;
    }
    let at = Path::Root.field("spec");
    let path = ["spec", "metadata"];
    let metadata = write.part(&path);
    volume::bare_metadata(metadata, write.stated.at(&path), &at.field("metadata"), faults);
    spec(write.part(&["spec", "spec"]), &at.field("spec"), stored, faults);
}

fn spec(spec: &Tree, at: &Path<'_>, stored: bool, faults: &mut Faults) {
    let at = at.field("devices");
    let devices = spec.get("devices").unwrap_or(&NOTHING);
    let named = Requests::of(devices);
    let requests = list(devices, "requests");
    let all = at.field("requests");
    each(requests, all, MOST_REQUESTS, faults, |one, at, faults| request(one, &at, faults));
    once(requests, Some("name"), &all, faults);
    let constraints = list(devices, "constraints");
    each(constraints, at.field("constraints"), MOST_CONSTRAINTS, faults, |one, at, faults| {
        constraint(one, &at, &named, faults);
    });
    let config = list(devices, "config");
    each(config, at.field("config"), MOST_CONFIGURATIONS, faults, |one, at, faults| {
        named.mentioned(list(one, "requests"), &at.field("requests"), faults);
        configuration(one, &at, stored, faults);
    });
}

/// Behind the name of a class, what a quota calls its devices.
pub(in crate::builtin) const OF_CLASS: &str = ".deviceclass.resource.k8s.io/devices";

/// How many devices of each class a claim may get: of several ways to fulfil a request, the most of any.
pub(in crate::builtin) fn wanted(claim: &Tree) -> BTreeMap<String, i128> {
    let requests = claim.at(&["spec", "devices", "requests"]);
    let mut sum = BTreeMap::new();
    for request in requests.into_iter().flat_map(Tree::items) {
        let ways = list(request, "firstAvailable").iter().chain(request.get("exactly"));
        let mut most = BTreeMap::new();
        for way in ways {
            let count = match text(way, "allocationMode") {
                "All" => i128::try_from(MOST_REQUESTS).unwrap_or(i128::MAX),
                _ => way.int_at(&["count"]).unwrap_or(0).into(),
            };
            let known = most.entry(text(way, "deviceClassName")).or_insert(count);
            *known = count.max(*known);
        }
        for (class, count) in most {
            *sum.entry(format!("{class}{OF_CLASS}")).or_insert(0) += count;
        }
    }
    sum
}

/// The names of requests, each with those of the ways to fulfil it.
pub(super) struct Requests<'t>(BTreeMap<&'t str, BTreeSet<&'t str>>);

impl<'t> Requests<'t> {
    pub(super) fn of(devices: &'t Tree) -> Self {
        let ways = |request: &'t Tree| {
            list(request, "firstAvailable").iter().map(|way| text(way, "name")).collect()
        };
        let requests = list(devices, "requests").iter();
        Self(requests.map(|request| (text(request, "name"), ways(request))).collect())
    }

    /// `request`, or `request/way`.
    pub(super) fn mention(&self, name: &str, at: Path<'_>, faults: &mut Faults) {
        const UNKNOWN: &str = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
        let parts: Vec<&str> = name.split('/').collect();
        if parts.len() > 2 {
            return faults.invalid(at, name, UNKNOWN);
        }
        for part in &parts {
            complain(faults, at, *part, dns_label(part));
        }
        let ways = self.0.get(parts[0]);
        let way = parts.get(1);
        if !ways.is_some_and(|ways| way.is_none_or(|way| ways.contains(way))) {
            faults.invalid(at, name, UNKNOWN);
        }
    }

    /// Names, each once.
    pub(super) fn mentioned(&self, names: &[Tree], all: &Path<'_>, faults: &mut Faults) {
        each(names, *all, MOST_REQUESTS, faults, |name, at, faults| {
            self.mention(name.as_str().unwrap_or_default(), at, faults);
        });
        once(names, None, all, faults);
    }
}

fn request(request: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let name = text(request, "name");
    complain(faults, at.field("name"), name, dns_label(name));
    let ways = list(request, "firstAvailable");
    if !ways.is_empty() {
        let all = at.field("firstAvailable");
        each(ways, all, MOST_WAYS, faults, |way, at, faults| {
            let name = text(way, "name");
            complain(faults, at.field("name"), name, dns_label(name));
            choice(way, &at, faults);
        });
        once(ways, Some("name"), &all, faults);
    }
    let exactly = request.get("exactly").filter(|exactly| !exactly.is_null());
    if let Some(exactly) = exactly {
        choice(exactly, &at.field("exactly"), faults);
    }
    let one = "exactly one of `exactly` or `firstAvailable` is required";
    match (exactly.is_some(), ways.is_empty()) {
        (false, true) => faults.required(*at, one),
        (true, false) => {
            let why = format!("{one}, but multiple fields are set");
            faults.invalid(*at, Tree::null(), &why);
        }
        _ => {}
    }
}

/// Devices of a class: which, how many, and what they may be tainted with.
fn choice(request: &Tree, at: &Path<'_>, faults: &mut Faults) {
    class_name(request, at, faults);
    selector::each(list(request, "selectors"), at.field("selectors"), faults);
    let count = request.int_at(&["count"]).unwrap_or(0);
    match text(request, "allocationMode") {
        "All" if count != 0 => {
            let why = "must not be specified when allocationMode is 'All'";
            faults.invalid(at.field("count"), count, why);
        }
        "ExactCount" if count <= 0 => {
            faults.invalid(at.field("count"), count, "must be greater than zero");
        }
        _ => one_of(faults, request, "allocationMode", at, &["All", "ExactCount"]),
    }
    let all = at.field("tolerations");
    for (index, one) in list(request, "tolerations").iter().enumerate() {
        toleration(one, &all.index(index), faults);
    }
}

fn toleration(toleration: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (key, value) = (text(toleration, "key"), text(toleration, "value"));
    if !key.is_empty() {
        complain(faults, at.field("key"), key, qualified_name(key));
    }
    match text(toleration, "operator") {
        "Exists" if value.is_empty() => {}
        "Exists" => {
            faults.invalid(at.field("value"), value, "must be empty for operator `Exists`");
        }
        "Equal" => complain(faults, at.field("value"), value, label_value(value)),
        _ => one_of(faults, toleration, "operator", at, &["Equal", "Exists"]),
    }
    if !text(toleration, "effect").is_empty() {
        one_of(faults, toleration, "effect", at, &["NoExecute", "NoSchedule"]);
    }
}

fn constraint(constraint: &Tree, at: &Path<'_>, named: &Requests<'_>, faults: &mut Faults) {
    named.mentioned(list(constraint, "requests"), &at.field("requests"), faults);
    let keys = ["matchAttribute", "distinctAttribute"];
    let stated = keys.into_iter().find_map(|key| Some((key, constraint.str_at(&[key])?)));
    match stated {
        Some((key, name)) => super::names::fully_qualified(name, at.field(key), faults),
        None => faults.required(at.field(keys[0]), ""),
    }
}

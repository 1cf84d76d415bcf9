//! Which server answers for a version of a group: this one, or a Service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::Tree;
use crate::builtin::check::{complain, list, on, required, text};
use crate::builtin::names::port_number;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};

pub(in crate::builtin) fn check(write: &Write<'_>, only_status: bool, faults: &mut Faults) {
    if only_status {
        conditions(write.part(&["status"]), faults);
        return;
    }
    let (spec, at) = (write.part(&["spec"]), Path::Root.field("spec"));
    let (group, version) = (text(spec, "group"), text(spec, "version"));
    if group.is_empty() && version != "v1" {
        let why = "only v1 may have an empty group and it better be legacy kube";
        faults.required(at.field("group"), why);
    }
    if !group.is_empty() {
        complain(faults, at.field("group"), group, names::dns_subdomain(group));
    }
    complain(faults, at.field("version"), version, names::dns_1035_label(version));
    for (key, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
        let priority = spec.int_at(&[key]).unwrap_or(0);
        if !(1..=most).contains(&priority) {
            let why = format!("must be positive and less than {most}");
            faults.invalid(at.field(key), priority, &why);
        }
    }
    // What stands in the table of the real server is counted, not shown.
    let bundle = STANDARD.decode(text(spec, "caBundle")).map_or(0, |bytes| bytes.len());
    let trusts_any = on(spec, "insecureSkipTLSVerify");
    let trust = at.field("insecureSkipTLSVerify");
    let Some(service) = spec.get("service").filter(|service| !service.is_null()) else {
        if bundle > 0 {
            let why = "local APIServices may not have a caBundle";
            faults.invalid(at.field("caBundle"), format!("{bundle} bytes"), why);
        }
        if trusts_any {
            faults.invalid(trust, true, "local APIServices may not have insecureSkipTLSVerify");
        }
        return;
    };
    let place = at.field("service");
    required(faults, service, "namespace", &place);
    required(faults, service, "name", &place);
    let port = service.int_at(&["port"]).unwrap_or(0);
    let complaints = port_number(port);
    if !complaints.is_empty() {
        let why = format!("port is not valid: {}", complaints.join(", "));
        faults.invalid(place.field("port"), port, &why);
    }
    if trusts_any && bundle > 0 {
        faults.invalid(trust, true, "may not be true if caBundle is present");
    }
}

fn conditions(status: &Tree, faults: &mut Faults) {
    let above = Path::Root.field("status");
    let all = above.field("conditions");
    for (index, condition) in list(status, "conditions").iter().enumerate() {
        if !matches!(text(condition, "status"), "True" | "False" | "Unknown") {
            let stated = text(condition, "status");
            let at = all.index(index);
            faults.not_supported(at.field("status"), stated, &["True", "False", "Unknown"]);
        }
    }
}

/// What there is to say of one that this server answers itself.
pub(crate) const LOCAL: Availability<'static> = Availability {
    status: "True",
    reason: "Local",
    message: "Local APIServices are always available",
};

pub(crate) struct Availability<'a> {
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

/// The object with the condition of whether it is available: of an old one, members that are not said stay.
pub(crate) fn with_availability(tree: &Tree, said: &Availability<'_>, now: Timestamp) -> Tree {
    let path = ["status", "conditions"];
    let mut all = tree.at(&path).map_or(&[][..], Tree::items).to_vec();
    let known = all.iter_mut().find(|known| text(known, "type") == "Available");
    if let Some(known) = known {
        if text(known, "status") != said.status {
            *known = known.with(&["lastTransitionTime"], now).with(&["status"], said.status);
        }
        *known = known.with(&["reason"], said.reason).with(&["message"], said.message);
    } else {
        all.push(Tree::map([
            ("type", Tree::from("Available")),
            ("status", said.status.into()),
            ("lastTransitionTime", now.into()),
            ("reason", said.reason.into()),
            ("message", said.message.into()),
        ]));
    }
    tree.with(&path, all)
}

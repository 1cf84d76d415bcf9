//! What of a service may not change: the first of its addresses, and of which family they are.

use super::IMMUTABLE;
use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::builtin::network::service::balancer_class;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

const ONCE: &str = "may not change once set";

pub(super) fn check(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    if now.same(was) {
        return;
    }
    let at = Path::Root.field("spec");
    let external = |spec: &Tree| text(spec, "type") == "ExternalName";
    if !external(now) && !external(was) {
        let headless = |spec: &Tree| {
            let addresses = list(spec, "clusterIPs");
            addresses.len() == 1 && addresses[0].as_str() == Some("None")
        };
        let (now_headless, was_headless) = (headless(now), headless(was));
        if !(now_headless && was_headless) {
            addresses(now, was, minor, &at, faults);
        }
        if !now_headless && !was_headless {
            families(now, was, &at, faults);
        }
    }
    let balanced = |spec: &Tree| text(spec, "type") == "LoadBalancer";
    let class = "loadBalancerClass";
    if balanced(now) && balanced(was) && now.get(class) != was.get(class) {
        let value = now.get(class).cloned().unwrap_or_default();
        faults.invalid(at.field(class), value, ONCE);
    }
    if minor >= 21 {
        balancer_class(now, &at, faults);
    }
    let local = |spec: &Tree| balanced(spec) && text(spec, "externalTrafficPolicy") == "Local";
    if local(now) && local(was) {
        let port = |spec: &Tree| spec.int_at(&["healthCheckNodePort"]).unwrap_or(0);
        if port(now) != port(was) {
            faults.forbidden(at.field("healthCheckNodePort"), IMMUTABLE);
        }
    }
}

fn addresses(now: &Tree, was: &Tree, minor: u32, at: &Path<'_>, faults: &mut Faults) {
    let (new, old) = (list(now, "clusterIPs"), list(was, "clusterIPs"));
    let all = at.field("clusterIPs");
    let shown = || now.get("clusterIPs").cloned().unwrap_or_default();
    if old.len() == new.len() {
        for (index, _) in new.iter().zip(old).enumerate().filter(|(_, (new, old))| new != old) {
            faults.invalid(all.index(index), shown(), ONCE);
        }
        return;
    }
    if new.is_empty() {
        let printed = if minor < 21 { "[]string(nil)" } else { "null" };
        let why = "primary clusterIP can not be unset";
        faults.0.push(FieldError::invalid_printed(all.index(0), printed, why));
    } else if !old.is_empty() && new[0] != old[0] {
        faults.invalid(all.index(0), shown(), ONCE);
    }
    if old.len() > new.len() && new.len() == 1 {
        single(now, "clusterIP", at, faults);
    }
}

fn families(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (new, old) = (list(now, "ipFamilies"), list(was, "ipFamilies"));
    let all = at.field("ipFamilies");
    let shown = |key: &str| now.get(key).cloned().unwrap_or_default();
    if old.len() == new.len() {
        for _ in new.iter().zip(old).filter(|(new, old)| new != old) {
            faults.invalid(all.index(0), shown("ipFamilies"), ONCE);
        }
        return;
    }
    if old.len() > new.len() && list(now, "clusterIPs").is_empty() {
        faults.invalid(all.index(0), shown("ipFamilies"), "primary ipFamily can not be unset");
    }
    if !old.is_empty() && !new.is_empty() && new[0] != old[0] {
        // The real server shows the addresses here.
        faults.invalid(all.index(0), shown("clusterIPs"), ONCE);
    }
    if old.len() > new.len() && new.len() == 1 {
        single(now, "ipFamily", at, faults);
    }
}

/// Who gives up the second of two says that one is enough.
fn single(now: &Tree, what: &str, at: &Path<'_>, faults: &mut Faults) {
    if text(now, "ipFamilyPolicy") != "SingleStack" {
        let value = now.get("ipFamilyPolicy").cloned().unwrap_or_default();
        let why = format!("must be set to 'SingleStack' when releasing the secondary {what}");
        faults.invalid(at.field("ipFamilyPolicy"), value, &why);
    }
}

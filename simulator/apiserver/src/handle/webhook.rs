//! Webhooks of admission. Nobody listens at the addresses that they name, so all there is to find out is whether that
//! matters. Those that name a Service are taken to agree: what would run behind it is not simulated.

use std::net::IpAddr;

use super::Call;
use super::policy::{Change, GROUP, Names, covers, selected};
use crate::builtin::check::{list, text};
use crate::object::{Object, Tree};
use crate::status::Status;

/// Calls the webhooks of all configurations of this kind that are about such a write.
pub(super) fn ask(call: &Call<'_>, change: &Change<'_>, kind: &str) -> Result<(), Status> {
    // Nobody can keep anybody from mending them.
    if &*call.info().group == GROUP {
        return Ok(());
    }
    let kind = call.server.kind(GROUP, kind);
    let configurations: Vec<Object> =
        kind.into_iter().flat_map(|kind| call.server.table(kind).iter()).cloned().collect();
    for configuration in &configurations {
        for hook in list(configuration.tree(), "webhooks") {
            let url = hook.str_at(&["clientConfig", "url"]).unwrap_or_default();
            if url.is_empty() || !is_meant(call, change, hook)? {
                continue;
            }
            if text(hook, "failurePolicy") != "Ignore" {
                return Err(unreachable(call.server.profile().minor, hook, url));
            }
        }
    }
    Ok(())
}

fn is_meant(call: &Call<'_>, change: &Change<'_>, hook: &Tree) -> Result<bool, Status> {
    let rules = list(hook, "rules");
    if !selected(call, change, hook) || !rules.iter().any(|rule| covers(call, change, hook, rule)) {
        return Ok(false);
    }
    if list(hook, "matchConditions").is_empty() {
        return Ok(true);
    }
    match Names::new(call, change, None, hook).conditions(hook) {
        Ok(is_meant) => Ok(is_meant),
        Err(_) if text(hook, "failurePolicy") == "Ignore" => Ok(false),
        Err(why) => Err(Status::forbidden(call.info(), change.name, &why)),
    }
}

fn unreachable(minor: u32, hook: &Tree, url: &str) -> Status {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (host, "443"),
    };
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let why = if is_address {
        format!("dial tcp {name}:{port}: connect: connection refused")
    } else {
        format!("dial tcp: lookup {name}: no such host")
    };
    let seconds = hook.int_at(&["timeoutSeconds"]).unwrap_or(10);
    let mark = if url.contains('?') { '&' } else { '?' };
    let failed = if minor < 22 { "" } else { "failed to call webhook: " };
    Status::internal(&format!(
        "failed calling webhook {:?}: {failed}Post \"{url}{mark}timeout={seconds}s\": {why}",
        text(hook, "name")
    ))
}

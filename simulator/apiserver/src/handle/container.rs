//! What is asked of a pod's containers: logs, a shell, a port. Nobody runs them here, so all there is to say is why not.

use super::{Answered, Call};
use crate::object::{Object, Tree};
use crate::request::Response;
use crate::status::{Details, FieldError, Status};

pub(super) fn log(call: &mut Call<'_>) -> Answered {
    let pod = call.stored()?;
    check_log(call, pod.name())?;
    container(call, &pod)?;
    if node(&pod).is_empty() {
        return Ok(Response { code: 204, ..Status::default().into() });
    }
    Err(away(&pod))
}

pub(super) fn session(call: &mut Call<'_>) -> Answered {
    let pod = call.stored()?;
    if call.request.subresource.as_deref() != Some("portforward") {
        container(call, &pod)?;
    }
    if node(&pod).is_empty() {
        let why = format!("pod {} does not have a host assigned", pod.name());
        return Err(Status::bad_request(why));
    }
    Err(away(&pod))
}

/// A request that is passed on to a pod, of which no more is known here than its address.
pub(super) fn proxy(call: &mut Call<'_>) -> Answered {
    // `name`, `name:port` or `scheme:name:port`.
    let asked = call.request.name.clone();
    let parts: Vec<&str> = asked.split(':').collect();
    let (name, port) = match *parts.as_slice() {
        [name] => (name, ""),
        [name, port] | ["http" | "https", name, port] => (name, port),
        _ => return Err(Status::bad_request(format!("invalid pod request {asked:?}"))),
    };
    let found = call.server.table(call.kind.id).get(&call.request.namespace, name);
    let pod = found.cloned().ok_or_else(|| Status::not_found(call.info(), name))?;
    let ip = pod.tree().str_at(&["status", "podIP"]).unwrap_or_default();
    let Ok(ip) = ip.parse::<std::net::IpAddr>() else {
        return Err(Status::bad_request("address not allowed"));
    };
    let containers = pod.tree().at(&["spec", "containers"]).map_or(&[][..], Tree::items);
    let first = containers.iter().find_map(|one| {
        one.at(&["ports"])?.items().first()?.int_at(&["containerPort"]).map(|port| port.to_string())
    });
    let port = if port.is_empty() { first.unwrap_or_else(|| "80".to_owned()) } else { port.into() };
    let address = match ip {
        std::net::IpAddr::V4(ip) => format!("{ip}:{port}"),
        std::net::IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    };
    let why =
        format!("error trying to reach service: dial tcp {address}: connect: no route to host");
    Err(Status::unavailable(why))
}

fn node(pod: &Object) -> &str {
    pod.tree().str_at(&["spec", "nodeName"]).unwrap_or_default()
}

/// What a server says that cannot reach the kubelet of a node.
fn away(pod: &Object) -> Status {
    let node = node(pod);
    Status::plain(
        500,
        format!("Get \"https://{node}:10250\": dial tcp: lookup {node}: no such host"),
    )
}

fn check_log(call: &Call<'_>, name: &str) -> Result<(), Status> {
    let options = &call.request.options;
    let get = |key: &str| options.others.get(key).map_or("", String::as_str);
    let mut errors = Vec::new();
    for key in ["tailLines", "limitBytes", "sinceSeconds"] {
        let least = i64::from(key != "tailLines");
        if let Some(number) = get(key).parse::<i64>().ok().filter(|number| *number < least) {
            let detail = format!("must be greater than or equal to {least}");
            errors.push(FieldError::invalid(key, &number.into(), &detail));
        }
    }
    if !get("sinceSeconds").is_empty() && !get("sinceTime").is_empty() {
        let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(FieldError::forbidden("[]", detail));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let details =
        Details { name: name.to_owned(), kind: "PodLogOptions".into(), ..Details::default() };
    Err(Status::invalid_object("PodLogOptions", details, &errors))
}

/// That the container asked for is there, or there is only one.
fn container(call: &Call<'_>, pod: &Object) -> Result<(), Status> {
    let names = |group: &str| -> Vec<&str> {
        let list = pod.tree().at(&["spec", group]).map_or(&[][..], Tree::items);
        list.iter().filter_map(|container| container.str_at(&["name"])).collect()
    };
    let (main, first) = (names("containers"), names("initContainers"));
    let wanted = call.request.options.others.get("container").map_or("", String::as_str);
    let name = pod.name();
    if !wanted.is_empty() {
        let known = main.contains(&wanted)
            || first.contains(&wanted)
            || names("ephemeralContainers").contains(&wanted);
        let why = format!("container {wanted} is not valid for pod {name}");
        return if known { Ok(()) } else { Err(Status::bad_request(why)) };
    }
    if main.len() + first.len() <= 1 {
        return Ok(());
    }
    let mut why = format!(
        "a container name must be specified for pod {name}, choose one of: [{}]",
        main.join(" ")
    );
    if !first.is_empty() {
        why += &format!(" or one of the init containers: [{}]", first.join(" "));
    }
    Err(Status::bad_request(why))
}

use super::*;

const QUOTAS: Gvr = Gvr::new("", "v1", "resourcequotas");
const LIMIT_RANGES: Gvr = Gvr::new("", "v1", "limitranges");

fn asking(name: &str, resources: &Value) -> Request {
    let container = json!({ "name": "main", "image": "image", "resources": resources });
    create(PODS, json!({ "metadata": { "name": name }, "spec": { "containers": [container] } }))
}

/// A quota that was counted already.
fn counted(server: &mut Server, name: &str, spec: &Value, used: &Value) {
    let quota = json!({ "metadata": { "name": name }, "spec": spec });
    ok(server, &create(QUOTAS, quota));
    let status = json!({ "status": { "hard": spec["hard"], "used": used } });
    ok(server, &merge(QUOTAS, name, status).subresource("status"));
}

#[test]
fn what_a_namespace_has_no_room_for_is_refused_and_what_it_has_is_counted_at_once() {
    let mut server = server();
    let hard = json!({ "hard": { "requests.cpu": "1", "limits.cpu": "2" } });
    counted(&mut server, "cpu", &hard, &json!({ "requests.cpu": "0", "limits.cpu": "0" }));
    let best = json!({ "hard": { "pods": "1" }, "scopes": ["BestEffort"] });
    counted(&mut server, "best", &best, &json!({ "pods": "1" }));
    let cpu = json!({ "requests": { "cpu": "600m" }, "limits": { "cpu": "1" } });

    let silent = refused(&mut server, &asking("silent", &json!({})));
    ok(&mut server, &asking("first", &cpu));
    let second = refused(&mut server, &asking("second", &cpu));
    let used = ok(&mut server, &Request::get(QUOTAS, "default", "cpu"));
    let of_best = ok(&mut server, &Request::get(QUOTAS, "default", "best"));

    assert_eq!(
        silent.message,
        "pods \"silent\" is forbidden: exceeded quota: best, requested: pods=1, used: pods=1, limited: pods=1"
    );
    assert_eq!(
        second.message,
        "pods \"second\" is forbidden: exceeded quota: cpu, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1"
    );
    assert_eq!(
        used.at(&["status", "used"]),
        Some(&json!({ "requests.cpu": "600m", "limits.cpu": "1" }).into())
    );
    assert_eq!(of_best.str_at(&["status", "used", "pods"]), Some("1"));
    ok(&mut server, &Request::delete(QUOTAS, "default", "best"));
    let silent = refused(&mut server, &asking("silent", &json!({})));
    assert_eq!(
        silent.message,
        "pods \"silent\" is forbidden: failed quota: cpu: must specify limits.cpu for: main; requests.cpu for: main"
    );
}

#[test]
fn a_change_is_charged_for_what_it_needs_more() {
    let mut server = server();
    let hard = json!({ "hard": { "services": "5", "services.nodeports": "2" } });
    let used = json!({ "services": "0", "services.nodeports": "0" });
    counted(&mut server, "ports", &hard, &used);
    let services = Gvr::new("", "v1", "services");
    let ports = |count: i64| {
        (1..=count).map(|n| json!({ "name": format!("p{n}"), "port": n })).collect::<Vec<_>>()
    };
    let service =
        json!({ "metadata": { "name": "a" }, "spec": { "type": "NodePort", "ports": ports(1) } });
    ok(&mut server, &create(services.clone(), service));

    ok(&mut server, &merge(services.clone(), "a", json!({ "spec": { "ports": ports(2) } })));
    let three = json!({ "spec": { "ports": ports(3) } });
    let more = refused(&mut server, &merge(services.clone(), "a", three));
    ok(&mut server, &merge(services, "a", json!({ "spec": { "ports": ports(1) } })));
    let used = ok(&mut server, &Request::get(QUOTAS, "default", "ports"));

    assert_eq!(
        more.message,
        "services \"a\" is forbidden: exceeded quota: ports, requested: services.nodeports=1, used: services.nodeports=2, limited: services.nodeports=2"
    );
    // What is needed less is noticed when the quota is counted again.
    let wanted = json!({ "services": "1", "services.nodeports": "2" });
    assert_eq!(used.at(&["status", "used"]), Some(&wanted.into()));
}

#[test]
fn who_asks_for_nothing_gets_what_is_usual_and_who_asks_for_too_much_is_refused() {
    let mut server = server();
    let range = json!({
        "metadata": { "name": "usual" },
        "spec": { "limits": [{
            "type": "Container", "default": { "cpu": "200m" }, "defaultRequest": { "cpu": "100m" },
            "max": { "cpu": "1" }, "min": { "cpu": "50m" }, "maxLimitRequestRatio": { "cpu": "4" },
        }] },
    });
    ok(&mut server, &create(LIMIT_RANGES, range));

    let given = ok(&mut server, &asking("silent", &json!({})));
    let mut why = |resources: &Value| refused(&mut server, &asking("x", resources)).message;

    let note = ["metadata", "annotations", "kubernetes.io/limit-ranger"];
    assert_eq!(
        given.str_at(&note),
        Some(
            "LimitRanger plugin set: cpu request for container main; cpu limit for container main"
        )
    );
    let containers = given.at(&["spec", "containers"]).expect("a pod has containers").items();
    let wanted = json!({ "requests": { "cpu": "100m" }, "limits": { "cpu": "200m" } });
    assert_eq!(containers[0].get("resources"), Some(&wanted.into()));
    assert_eq!(
        why(&json!({ "limits": { "cpu": "2" } })),
        "pods \"x\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"
    );
    assert_eq!(
        why(&json!({ "requests": { "cpu": "100m" }, "limits": { "cpu": "500m" } })),
        "pods \"x\" is forbidden: cpu max limit to request ratio per Container is 4, but provided ratio is 5.000000"
    );
}

#[test]
fn claims_count_by_the_most_devices_of_a_class_that_they_may_get() {
    const CLAIMS: Gvr = Gvr::new("resource.k8s.io", "v1", "resourceclaims");
    let mut server = server();
    let of_a = "a.deviceclass.resource.k8s.io/devices";
    counted(&mut server, "q", &json!({ "hard": { of_a: "3" } }), &json!({ of_a: "0" }));
    let claim = |name: &str, request: Value| {
        let devices = json!({ "requests": [request] });
        create(CLAIMS, json!({ "metadata": { "name": name }, "spec": { "devices": devices } }))
    };
    let all =
        json!({ "name": "a", "exactly": { "deviceClassName": "a", "allocationMode": "All" } });
    let ways = json!({ "name": "a", "firstAvailable": [
        { "name": "c", "deviceClassName": "a", "count": 2 },
        { "name": "d", "deviceClassName": "a" },
        { "name": "e", "deviceClassName": "b", "count": 9 },
    ] });

    let of_all = refused(&mut server, &claim("all", all));
    ok(&mut server, &claim("ways", ways));
    let used = ok(&mut server, &Request::get(QUOTAS, "default", "q"));

    assert_eq!(
        of_all.message,
        "resourceclaims.resource.k8s.io \"all\" is forbidden: exceeded quota: q, requested: a.deviceclass.resource.k8s.io/devices=32, used: a.deviceclass.resource.k8s.io/devices=0, limited: a.deviceclass.resource.k8s.io/devices=3"
    );
    assert_eq!(used.at(&["status", "used"]), Some(&json!({ of_a: "2" }).into()));
}

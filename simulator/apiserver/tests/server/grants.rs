use drydock_apiserver::User;

use super::*;

const GROUP: &str = "rbac.authorization.k8s.io";
const ROLES: Gvr = Gvr::new(GROUP, "v1", "roles");
const ROLE_BINDINGS: Gvr = Gvr::new(GROUP, "v1", "rolebindings");
const CLUSTER_ROLES: Gvr = Gvr::new(GROUP, "v1", "clusterroles");

fn role(name: &str, rules: &Value) -> Value {
    json!({ "metadata": { "name": name }, "rules": rules })
}

fn to_jane(name: &str, kind: &str, role: &str) -> Request {
    let binding = json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": GROUP, "kind": kind, "name": role },
        "subjects": [{ "apiGroup": GROUP, "kind": "User", "name": "jane" }],
    });
    create(ROLE_BINDINGS, binding)
}

fn by_jane(mut request: Request) -> Request {
    request.user = User::new("jane", ["dev", "system:authenticated"]);
    request
}

/// A server on which Jane may read pods and the logs of everything.
fn with_jane() -> Server {
    let mut server = server();
    let rules =
        json!([{ "apiGroups": [""], "resources": ["pods", "*/log"], "verbs": ["get", "list"] }]);
    ok(&mut server, &create(ROLES, role("held", &rules)));
    ok(&mut server, &to_jane("held", "Role", "held"));
    server
}

#[test]
fn nobody_grants_what_he_does_not_hold() {
    let mut server = with_jane();
    let small = json!([{ "apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"] }]);
    let large = json!([
        { "apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": ["get", "watch"] },
        { "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["delete"] },
    ]);

    ok(&mut server, &by_jane(create(ROLES, role("small", &small))));
    let created = refused(&mut server, &by_jane(create(ROLES, role("large", &large))));
    let changed = refused(&mut server, &by_jane(merge(ROLES, "small", json!({ "rules": large }))));
    ok(&mut server, &create(ROLES, role("large", &large)));
    let bound = refused(&mut server, &by_jane(to_jane("large", "Role", "large")));
    let absent = refused(&mut server, &by_jane(to_jane("absent", "Role", "absent")));

    let why = "user \"jane\" (groups=[\"dev\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"get\" \"watch\"]}\n{APIGroups:[\"\"], Resources:[\"pods\"], ResourceNames:[\"a\"], Verbs:[\"delete\"]}\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\"]}";
    let of = |kind: &str, name: &str| format!("{kind}.{GROUP} {name:?} is forbidden: {why}");
    assert_eq!((created.code, created.message), (403, of("roles", "large")));
    assert_eq!(changed.message, of("roles", "small"));
    assert_eq!(bound.message, of("rolebindings", "large"));
    assert_eq!(absent.message, format!("rolebindings.{GROUP} \"absent\" not found"));
}

#[test]
fn who_may_escalate_or_bind_grants_what_he_does_not_hold() {
    let mut server = with_jane();
    let all = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let may =
        json!([{ "apiGroups": [GROUP], "resources": ["roles"], "verbs": ["escalate", "bind"] }]);
    ok(&mut server, &create(ROLES, role("may", &may)));
    ok(&mut server, &create(ROLES, role("all", &all)));
    ok(&mut server, &to_jane("may", "Role", "may"));

    ok(&mut server, &by_jane(create(ROLES, role("mine", &all))));
    ok(&mut server, &by_jane(to_jane("all", "Role", "all")));
    let gathers = json!({
        "metadata": { "name": "gathers" },
        "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] },
    });
    // What is granted in a namespace is worth nothing outside of it.
    let outside = Request::create(CLUSTER_ROLES, "", gathers.into());
    let outside = refused(&mut server, &by_jane(outside));

    assert!(
        outside.message.ends_with("must have cluster-admin privileges to use the aggregationRule")
    );
}

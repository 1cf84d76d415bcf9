//! Devices that are in use, for who looks after them: a claim may ask for them in namespaces that are labelled so.

use crate::Tree;
use crate::schema::Path;
use crate::status::FieldError;
use crate::store::Server;

const LABEL: &str = "resource.kubernetes.io/admin-access";

/// Of a new claim, or a template of claims.
pub(crate) fn requested(server: &Server, namespace: &str, tree: &Tree) -> Option<FieldError> {
    let of_template = tree.at(&["spec", "spec", "devices", "requests"]);
    let requests = of_template.or_else(|| tree.at(&["spec", "devices", "requests"]))?;
    let asks = |request: &Tree| request.bool_at(&["exactly", "adminAccess"]) == Some(true);
    let index = requests.items().iter().position(asks)?;
    // The place is the real server's, of a template as well.
    refused(server, namespace, &["spec", "devices", "requests"], index)
}

/// Of the devices that a claim got, unless it had such before.
pub(crate) fn granted(
    server: &Server,
    namespace: &str,
    tree: &Tree,
    old: &Tree,
) -> Option<FieldError> {
    const RESULTS: [&str; 4] = ["status", "allocation", "devices", "results"];
    let first = |tree: &Tree| {
        let has = |result: &Tree| result.bool_at(&["adminAccess"]) == Some(true);
        tree.at(&RESULTS)?.items().iter().position(has)
    };
    match first(old) {
        Some(_) => None,
        None => refused(server, namespace, &RESULTS, first(tree)?),
    }
}

fn refused(server: &Server, namespace: &str, path: &[&str], index: usize) -> Option<FieldError> {
    let namespaces = server.kind("", "Namespace")?;
    let found = server.table(namespaces).get("", namespace);
    let label = found.and_then(|found| found.tree().str_at(&["metadata", "labels", LABEL]));
    if label == Some("true") {
        return None;
    }
    let all = path.join(".");
    let all = Path::Root.field(&all);
    let at = all.index(index);
    let why = format!(
        "admin access to devices requires the `{LABEL}: true` label on the containing namespace"
    );
    Some(FieldError::forbidden(at.field("adminAccess"), &why))
}

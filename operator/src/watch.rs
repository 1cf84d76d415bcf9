//! The watches: one per kind, for as long as the operator runs.

use std::time::Duration;

use drydock_operator_api::Kind;
use drydock_operator_core::controllers::leave_out_marks;
use drydock_operator_core::hash::fnv1a_64_of;
use futures::StreamExt;
use http::Request;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::client::Body;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Client, Error};
use tokio::sync::mpsc;

use crate::cache::{Change, Told};

/// A kind that is not served may come with a definition that is installed later.
const NOT_SERVED: Duration = Duration::from_secs(30);
/// A server that does not answer is asked again.
const NOT_ANSWERED: Duration = Duration::from_secs(1);

pub type Heard = (&'static Kind, Change);

/// Tells what happens to objects of a kind, until nobody listens. A connection that breaks is mended, and only told
/// of as a new list.
pub async fn follow(
    client: Client,
    kind: &'static Kind,
    namespace: Option<String>,
    tell: mpsc::Sender<Heard>,
) {
    let mut is_told = false;
    while !is_served(&client, kind).await {
        if !is_told && tell.send((kind, Change::NotServed)).await.is_err() {
            return;
        }
        is_told = true;
        tokio::time::sleep(NOT_SERVED).await;
    }
    let api = api(client, kind, namespace.as_deref());
    let mut events = watcher::watcher(api, watcher::Config::default()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(event) => change(kind, event),
            Err(error) => {
                tracing::warn!(kind = kind.kind, %error, "a watch broke off");
                None
            }
        };
        if let Some(change) = change
            && tell.send((kind, change)).await.is_err()
        {
            return;
        }
    }
}

fn change(kind: &'static Kind, event: Event<DynamicObject>) -> Option<Change> {
    Some(match event {
        Event::Init => Change::List,
        Event::InitApply(object) => Change::Found(told(kind, &object)?),
        Event::InitDone => Change::Listed,
        Event::Apply(object) => Change::Stored(told(kind, &object)?),
        Event::Delete(object) => Change::Deleted(told(kind, &object)?),
    })
}

/// None for an object that does not have the shape of its kind: it is as if it were not there.
fn told(kind: &'static Kind, object: &DynamicObject) -> Option<Told> {
    let mut value = serde_json::to_value(object).ok()?;
    let decoded = drydock_operator_api::decode(kind, &value)
        .inspect_err(|error| {
            let (namespace, name) = (&object.metadata.namespace, &object.metadata.name);
            tracing::error!(kind = kind.kind, ?namespace, ?name, %error, "an object of another shape");
        })
        .ok()?;
    leave_out_marks(&mut value);
    Some(Told { object: decoded, news: fnv1a_64_of(&value.to_string()) })
}

fn api(client: Client, kind: &Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        api_version: kind.api_version(),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    };
    match namespace.filter(|_| kind.namespaced) {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    }
}

async fn is_served(client: &Client, kind: &Kind) -> bool {
    loop {
        let path = crate::request::group_path(kind);
        let request = Request::get(path).body(Body::empty()).expect("the path is a good one");
        match crate::request::send(client, request).await {
            Ok((200, resources)) => {
                let mut resources = resources["resources"].as_array().into_iter().flatten();
                return resources.any(|resource| resource["name"] == kind.plural);
            }
            Ok((404, _)) => return false,
            Ok((code, body)) => {
                let message = body["message"].as_str().unwrap_or_default();
                tracing::warn!(
                    kind = kind.kind,
                    code,
                    message,
                    "the server does not say what it serves"
                );
            }
            Err(error) => not_answered(kind, &error),
        }
        tokio::time::sleep(NOT_ANSWERED).await;
    }
}

fn not_answered(kind: &Kind, error: &Error) {
    tracing::warn!(kind = kind.kind, %error, "the server does not say what it serves");
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::Resource;
    use drydock_operator_api::core::ConfigMap;
    use drydock_operator_api::rbac::ClusterRole;
    use drydock_operator_core::controllers::MARKS;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_that_go_wrote_as_null_is_empty() {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": "admin" }, "rules": null,
        });
        let role: DynamicObject = serde_json::from_value(role).expect("an object");

        let told = told(ClusterRole::kind(), &role).expect("of the right shape");

        let role: &ClusterRole = told.object.downcast_ref().expect("a ClusterRole");
        assert_eq!(role.rules, []);
    }

    #[test]
    fn a_mark_and_a_revision_are_no_news() {
        let news = |revision: &str, annotations: &[&str]| {
            let annotations: serde_json::Map<_, _> =
                annotations.iter().map(|name| ((*name).to_owned(), json!("1"))).collect();
            let object = serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": "a", "resourceVersion": revision, "annotations": annotations },
            }));
            let object: DynamicObject = object.expect("an object");
            told(ConfigMap::kind(), &object).expect("of the right shape").news
        };

        assert_eq!(news("1", &[]), news("2", MARKS));
        assert_eq!(news("1", &["else"]), news("2", &["else", MARKS[0]]));
        assert_ne!(news("1", &[]), news("1", &["else"]));
    }
}

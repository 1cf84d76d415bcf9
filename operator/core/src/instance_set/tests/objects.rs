//! What is made, and what it carries.

use drydock_operator_api::Resource;
use drydock_operator_api::core::Service;
use serde_json::json;

use super::{settle, settled};
use crate::fixture::{at, instance_set};
use crate::instance_set::{naming, object};
use crate::view::Key;

#[test]
fn a_headless_service_deleted_by_hand_is_made_anew() {
    let mut objects = settled(&instance_set("demo").replicas(1));
    let key = Key::new("default", "demo-headless");
    let service = objects.value(Service::kind(), &key).expect("a Service");
    service["metadata"]["deletionTimestamp"] = json!(at(1));
    let before = service["metadata"]["uid"].clone();

    settle(&mut objects);

    assert_ne!(objects.value(Service::kind(), &key).expect("a Service")["metadata"]["uid"], before);
}

#[test]
fn a_pod_carries_what_identifies_it() {
    let set = instance_set("demo").replicas(1).claim("data", "1Gi").set();

    let mut pod = object::pod(&set, &naming::Name::new("demo", 0), "");

    pod["spec"]["containers"].take();
    insta::assert_yaml_snapshot!(pod, @r#"
    apiVersion: v1
    kind: Pod
    metadata:
      labels:
        app.kubernetes.io/instance: demo
        app.kubernetes.io/managed-by: kubeblocks
        apps.kubeblocks.io/component-name: redis
        apps.kubeblocks.io/instance-template: ""
        apps.kubeblocks.io/pod-name: demo-0
        apps.kubeblocks.io/release-phase: stable
        controller-revision-hash: 6f98797f
        workloads.kubeblocks.io/instance: demo
        workloads.kubeblocks.io/managed-by: InstanceSet
        workloads.kubeblocks.io/template-name: ""
      name: demo-0
      namespace: default
      ownerReferences:
        - apiVersion: workloads.kubeblocks.io/v1
          blockOwnerDeletion: true
          controller: true
          kind: InstanceSet
          name: demo
          uid: set-uid
    spec:
      containers: ~
      hostname: demo-0
      subdomain: demo-headless
      volumes:
        - name: data
          persistentVolumeClaim:
            claimName: data-demo-0
    "#);
}

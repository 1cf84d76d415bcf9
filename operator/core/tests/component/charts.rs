//! Real charts through the Component controller. Skipped, loudly, where the data folder is absent.

use drydock_operator_core::view::Key;

use crate::store::Store;

#[test]
fn weaviate_and_qdrant_come_up_and_are_left_alone() {
    for (chart, version) in [("weaviate", "1.19.6"), ("qdrant", "1.10.0")] {
        let Some(mut store) = Store::of_chart(chart, version) else { return };

        store.settle();
        store.pretend_pods();
        store.settle();

        for key in store.components() {
            let name = key.name.clone();
            assert_eq!(store.at("Component", &key)["status"]["phase"], "Running", "{name}");
        }
        store.dump(chart);
    }
}

#[test]
fn every_chart_gives_a_workload_or_says_what_it_waits_for() {
    let versions =
        [("redis", "7.2.10"), ("etcd", "3.6.1"), ("zookeeper", "3.9.2"), ("postgresql", "17.5.0")];
    for (chart, version) in versions {
        let Some(mut store) = Store::of_chart(chart, version) else { return };

        let plans = store.settle();

        for (key, plan) in plans {
            let has_workload = store.objects.contains_key(&("InstanceSet".to_owned(), key.clone()));
            assert!(
                has_workload || !plan.waits.is_empty() || !plan.findings.is_empty(),
                "{key}: a silent gap"
            );
        }
        store.fill_external_configs();
        store.settle();
        store.pretend_pods();
        store.settle();
        // Roles are known now, and variables speak of them.
        store.pretend_pods();
        store.settle();
        for key in store.components() {
            let status = &store.at("Component", &key)["status"];
            assert_eq!(status["phase"], "Running", "{key} {status:#} {:#?}", store.plan(&key));
        }
        store.dump(chart);
    }
}

#[test]
fn a_deleted_component_leaves_nothing() {
    let Some(mut store) = Store::of_chart("qdrant", "1.10.0") else { return };
    store.settle();
    store.pretend_pods();
    store.settle();
    let before = store.objects.len();

    let key = store.components().remove(0);
    store.delete("Component", &key);
    store.settle();
    let workload = ("InstanceSet".to_owned(), key.clone());
    assert!(store.objects.contains_key(&workload), "the workload has a finalizer of its own");
    let waits = store.plan(&key).waits;
    assert!(
        waits.iter().any(|wait| wait.on.to_string() == "instanceset/mycluster-qdrant"),
        "{waits:?}"
    );
    store.objects.remove(&workload);
    store.settle();

    assert!(!store.objects.contains_key(&("Component".to_owned(), key)));
    assert!(before > 8);
    let left: Vec<_> = store
        .objects
        .keys()
        .filter(|(kind, key)| key.namespace == "demo" && kind != "Pod" && kind != "Cluster")
        .collect();
    assert_eq!(left, Vec::<&(String, Key)>::new());
}

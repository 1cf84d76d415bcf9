use drydock_operator_api::Resource;
use drydock_operator_api::core::{Event, Pod};

use super::{Tree, load, reconcile};
use crate::fixture::{Objects, ReportFixture, at, instance_set, pod, report};
use crate::plan::{Call, Plan};
use crate::settings::Settings;
use crate::view::{Key, View};

/// Three ready pods of a set with an exclusive primary.
fn pods() -> Objects {
    let set = instance_set("demo").replicas(3).roles(&["secondary", "primary"]).set();
    let mut objects = Objects::default();
    objects.insert(&set);
    for ordinal in 0..3 {
        objects.insert(&pod(ordinal).ready().of_set(&set));
    }
    objects
}

fn tree(objects: &Objects, event: &Event) -> Tree {
    load(objects, &Key::new("default", event.metadata.name.as_str()))
        .expect("the Event was inserted")
}

fn plan(objects: &Objects, event: &Event) -> Plan {
    reconcile(&tree(objects, event), at(1000), &Settings::default())
}

/// The report comes, and is handled. The first plan is returned.
fn tell(objects: &mut Objects, report: &ReportFixture) -> Plan {
    let event = report.build();
    objects.insert(&event);
    let first = plan(objects, &event);
    objects.execute(first.clone(), usize::MAX, at(1000));
    handle(objects, &event);
    first
}

/// Passes until the Event counts as handled.
fn handle(objects: &mut Objects, event: &Event) {
    for _ in 0..3 {
        let plan = plan(objects, event);
        if plan == Plan::default() {
            return;
        }
        objects.execute(plan, usize::MAX, at(1001));
    }
    panic!("it is never handled");
}

/// The role of each pod.
fn roles(objects: &Objects) -> [String; 3] {
    let view: &dyn View = objects;
    ["demo-0", "demo-1", "demo-2"].map(|name| {
        let pod = view.get::<Pod>("default", name).expect("it was inserted");
        pod.metadata.label("kubeblocks.io/role").unwrap_or("-").to_owned()
    })
}

fn pod_patches(plan: &Plan) -> Vec<&str> {
    plan.actions
        .iter()
        .filter_map(|action| match &action.call {
            Call::Patch { kind, key, .. } if *kind == Pod::kind() => Some(&*key.name),
            _ => None,
        })
        .collect()
}

#[test]
fn a_reported_role_becomes_the_label_in_lower_case() {
    let mut objects = pods();

    tell(&mut objects, &report("demo-0", "Primary\n").at(1));

    assert_eq!(roles(&objects), ["primary", "-", "-"]);
}

#[test]
fn a_report_is_handled_once_for_each_count() {
    let mut objects = pods();
    let first = report("demo-0", "primary").at(1);
    tell(&mut objects, &first);
    let view: &dyn View = &objects;
    let told = view.get::<Event>("default", "demo-0.1").expect("it was inserted");
    assert_eq!(told.metadata.annotation("kubeblocks.io/event-handled"), Some("1"));

    assert_eq!(plan(&objects, &told), Plan::default());

    let mut repeated = Event::clone(&told);
    repeated.count = 2;
    objects.insert(&repeated);
    assert_ne!(plan(&objects, &repeated), Plan::default());
}

#[test]
fn an_event_of_somebody_else_is_left_alone() {
    let mut objects = pods();
    let mut event = report("demo-0", "primary").build();
    event.reporting_component = "kubelet".to_owned();
    objects.insert(&event);

    assert_eq!(plan(&objects, &event), Plan::default());
}

#[test]
fn no_role_and_an_unknown_one_take_the_label_away() {
    for output in ["", "mayor"] {
        let mut objects = pods();
        tell(&mut objects, &report("demo-0", "primary").at(1));

        tell(&mut objects, &report("demo-0", output).at(2));

        assert_eq!(roles(&objects), ["-", "-", "-"]);
    }
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_not_read_again() {
    let mut objects = pods();
    tell(&mut objects, &report("demo-0", "primary").at(1));

    let plan = tell(&mut objects, &report("demo-0", "secondary of many").at(2));

    assert_eq!(pod_patches(&plan), [""; 0]);
    assert_eq!(plan.actions.len(), 1);
    assert_eq!(roles(&objects), ["primary", "-", "-"]);
}

#[test]
fn an_older_report_changes_nothing() {
    let mut objects = pods();
    tell(&mut objects, &report("demo-0", "secondary").at(5));

    tell(&mut objects, &report("demo-0", "primary").at(4));

    assert_eq!(roles(&objects), ["secondary", "-", "-"]);
}

#[test]
fn a_version_is_compared_as_a_number_and_beats_every_clock() {
    let mut objects = pods();
    tell(&mut objects, &report("demo-0", "secondary 10").at(1));

    tell(&mut objects, &report("demo-0", "primary 9").at(2));
    tell(&mut objects, &report("demo-0", "primary").at(3));
    assert_eq!(roles(&objects), ["secondary", "-", "-"]);

    tell(&mut objects, &report("demo-0", "primary 11").at(4));
    assert_eq!(roles(&objects), ["primary", "-", "-"]);
}

#[test]
fn an_exclusive_role_moves_to_the_pod_that_reported_it_last() {
    let mut objects = pods();
    tell(&mut objects, &report("demo-0", "primary").at(1));

    let plan = tell(&mut objects, &report("demo-1", "primary").at(2));

    assert_eq!(pod_patches(&plan), ["demo-0", "demo-1"]);
    assert_eq!(roles(&objects), ["-", "primary", "-"]);
    // The old primary comes back with what it last knew.
    tell(&mut objects, &report("demo-0", "primary").at(1).count(2));
    assert_eq!(roles(&objects), ["-", "primary", "-"]);
    tell(&mut objects, &report("demo-0", "secondary").at(3));
    assert_eq!(roles(&objects), ["secondary", "primary", "-"]);
}

#[test]
fn a_claim_that_is_older_than_that_of_the_holder_is_refused() {
    let mut objects = pods();
    tell(&mut objects, &report("demo-0", "primary").at(5));
    tell(&mut objects, &report("demo-1", "primary").at(4));
    assert_eq!(roles(&objects), ["primary", "-", "-"]);

    tell(&mut objects, &report("demo-0", "primary 7").at(6));
    tell(&mut objects, &report("demo-1", "primary 7").at(7));
    tell(&mut objects, &report("demo-2", "primary").at(8));
    assert_eq!(roles(&objects), ["primary", "-", "-"]);
}

#[test]
fn a_report_of_a_pod_that_has_gone_is_not_about_its_successor() {
    let mut objects = pods();
    let mut event = report("demo-0", "primary").build();
    event.involved_object.uid = "another".to_owned();
    objects.insert(&event);

    let plan = plan(&objects, &event);

    assert_eq!(pod_patches(&plan), [""; 0]);
    assert_eq!(plan.actions.len(), 1);
}

#[test]
fn a_failed_probe_leaves_the_label_and_is_told_of_the_component() {
    let mut objects = pods();
    tell(&mut objects, &report("demo-0", "primary").at(1));

    let plan = tell(&mut objects, &report("demo-0", "").failed(-1).at(2));

    assert_eq!(roles(&objects), ["primary", "-", "-"]);
    let Some(Call::Event(event)) =
        plan.actions.iter().map(|it| &it.call).find(|it| matches!(it, Call::Event(_)))
    else {
        panic!("no Event: {plan:?}")
    };
    assert_eq!((event.reason.as_str(), event.warning), ("RoleProbeFailed", true));
    assert_eq!(event.regarding.to_string(), "component/demo");
}

#[test]
fn two_pods_never_have_the_exclusive_role_wherever_the_operator_dies() {
    let mut start = pods();
    tell(&mut start, &report("demo-0", "primary").at(1));
    let event = report("demo-1", "primary").at(2).build();
    start.insert(&event);
    let whole = plan(&start, &event);

    for crash in 0..=whole.actions.len() {
        let mut objects = start.clone();
        objects.execute(whole.clone(), crash, at(1000));
        let primaries = roles(&objects).iter().filter(|role| *role == "primary").count();
        assert!(primaries <= 1, "after {crash} calls");

        handle(&mut objects, &event);
        assert_eq!(roles(&objects), ["-", "primary", "-"], "after {crash} calls");
    }
}

#[test]
fn of_two_reports_that_are_handled_at_the_same_time_the_newer_one_stays() {
    // The last pair is equal: one of them has to give way.
    for (first, second, stays) in [
        (report("demo-0", "primary").at(1), report("demo-1", "primary").at(2), "demo-1"),
        (report("demo-0", "primary 7").at(9), report("demo-1", "primary 8").at(1), "demo-1"),
        (report("demo-0", "primary").at(9), report("demo-1", "primary 1").at(1), "demo-1"),
        (report("demo-0", "primary 7").at(1), report("demo-1", "primary 7").at(1), "demo-0"),
    ] {
        let events = [first.build(), second.build()];
        let mut start = pods();
        for event in &events {
            start.insert(event);
        }
        let blind = [plan(&start, &events[0]), plan(&start, &events[1])];

        for order in [[0, 1], [1, 0]] {
            let mut objects = start.clone();
            for one in order {
                objects.execute(blind[one].clone(), usize::MAX, at(1000));
            }
            assert_eq!(roles(&objects).iter().filter(|role| *role == "primary").count(), 2);
            for one in order {
                handle(&mut objects, &events[one]);
            }

            let expected = ["demo-0", "demo-1", "demo-2"]
                .map(|name| if name == stays { "primary" } else { "-" });
            assert_eq!(roles(&objects), expected, "{order:?}");
        }
    }
}

#[test]
fn a_label_is_not_written_to_a_pod_that_has_changed_since() {
    let mut objects = pods();
    let event = report("demo-0", "primary").at(1).build();
    objects.insert(&event);
    let old = plan(&objects, &event);
    tell(&mut objects, &report("demo-0", "secondary").at(2));

    objects.execute(old, usize::MAX, at(1000));

    assert_eq!(roles(&objects), ["secondary", "-", "-"]);
}

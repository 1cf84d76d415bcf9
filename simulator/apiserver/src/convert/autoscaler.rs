//! HorizontalPodAutoscalers in their versions. `v2` (and `v2beta2`) says all there is to say. `v2beta1` has flat metrics;
//! `v1` knows only how busy the processors are. What a version cannot say stands in annotations there, so that nothing
//! is lost on the way through it.

use crate::Tree;
use crate::builtin::internal;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// What the processors are to be used at when nothing is said, in percent.
const USUAL: i64 = 80;

/// A member of a flat metric, and where it is in one of `v2`; `{}` is `target` of what is wanted, `current` of what is.
type Place = (&'static str, &'static [&'static str]);

const SOURCES: [(&str, &[Place]); 5] = [
    (
        "resource",
        &[
            ("name", &["name"]),
            ("{}AverageUtilization", &["{}", "averageUtilization"]),
            ("{}AverageValue", &["{}", "averageValue"]),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", &["name"]),
            ("container", &["container"]),
            ("{}AverageUtilization", &["{}", "averageUtilization"]),
            ("{}AverageValue", &["{}", "averageValue"]),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", &["metric", "name"]),
            ("selector", &["metric", "selector"]),
            ("{}AverageValue", &["{}", "averageValue"]),
        ],
    ),
    (
        "object",
        &[
            ("target", &["describedObject"]),
            ("metricName", &["metric", "name"]),
            ("selector", &["metric", "selector"]),
            ("{}Value", &["{}", "value"]),
            ("averageValue", &["{}", "averageValue"]),
        ],
    ),
    (
        "external",
        &[
            ("metricName", &["metric", "name"]),
            ("metricSelector", &["metric", "selector"]),
            ("{}Value", &["{}", "value"]),
            ("{}AverageValue", &["{}", "averageValue"]),
        ],
    ),
];

/// The autoscaler in another version than the one it is in.
pub(crate) fn converted(tree: &Tree, from: &str, to: &str) -> Tree {
    let full = match from {
        "v1" => from_v1(tree),
        "v2beta1" => with_behavior(&with_metrics(tree, deep)),
        _ => tree.clone(),
    };
    match to {
        "v1" => to_v1(&full),
        "v2beta1" => without_behavior(&with_metrics(&full, flat)),
        _ => full,
    }
}

fn from_v1(tree: &Tree) -> Tree {
    let said = |name: &str| {
        let text = tree.str_at(&["metadata", "annotations", name])?;
        Tree::from_json(text.as_bytes()).ok().filter(Tree::is_list)
    };
    let deep = |flat: Tree, part: &'static str| -> Vec<Tree> {
        flat.items().iter().map(|metric| deep(metric, part)).collect()
    };
    let mut full = with_behavior(tree);
    let mut metrics = said(METRICS).map_or_else(Vec::new, |flat| deep(flat, "target"));
    let percent = tree.int_at(&["spec", "targetCPUUtilizationPercentage"]);
    if let Some(percent) = percent.or_else(|| metrics.is_empty().then_some(USUAL)) {
        metrics.push(
            of_processors("target", percent).with(&["resource", "target", "type"], "Utilization"),
        );
    }
    full = full.without(&["spec", "targetCPUUtilizationPercentage"]);
    full = full.with(&["spec", "metrics"], Tree::list(metrics));
    let used = tree.int_at(&["status", "currentCPUUtilizationPercentage"]);
    let used = used.map(|percent| vec![of_processors("current", percent)]);
    if let Some(current) = said(CURRENT).map(|flat| deep(flat, "current")).or(used) {
        full = full.with(&["status", "currentMetrics"], Tree::list(current));
    }
    full = full.without(&["status", "currentCPUUtilizationPercentage"]);
    if let Some(conditions) = said(CONDITIONS) {
        full = full.with(&["status", "conditions"], conditions);
    }
    without_annotations(&full)
}

fn to_v1(full: &Tree) -> Tree {
    let list = |path: &[&str]| full.at(path).map_or(&[][..], Tree::items);
    let percent = |metric: &Tree, part: &str| {
        let is_cpu = metric.str_at(&["resource", "name"]) == Some("cpu");
        metric.int_at(&["resource", part, "averageUtilization"]).filter(|_| is_cpu)
    };
    let metrics = list(&["spec", "metrics"]);
    let current = list(&["status", "currentMetrics"]);
    let conditions = list(&["status", "conditions"]);
    let others = metrics.iter().filter(|metric| percent(metric, "target").is_none());

    let mut tree = without_behavior(full).without(&["spec", "metrics"]);
    for member in ["currentMetrics", "conditions"] {
        tree = tree.without(&["status", member]);
    }
    if let Some(percent) = metrics.iter().find_map(|metric| percent(metric, "target")) {
        tree = tree.with(&["spec", "targetCPUUtilizationPercentage"], percent);
    }
    if let Some(percent) = current.iter().rev().find_map(|metric| percent(metric, "current")) {
        tree = tree.with(&["status", "currentCPUUtilizationPercentage"], percent);
    }
    let texts = |name: &str, items: &[Tree]| {
        let texts: Vec<String> = items.iter().map(|item| internal::json(name, item)).collect();
        format!("[{}]", texts.join(","))
    };
    let others: Vec<Tree> = others.map(|metric| flat(metric, "target")).collect();
    let current: Vec<Tree> = current.iter().map(|metric| flat(metric, "current")).collect();
    for (annotation, name, items) in [
        (METRICS, "autoscalingv1.MetricSpec", &others[..]),
        (CURRENT, "autoscalingv1.MetricStatus", &current[..]),
        (CONDITIONS, "autoscalingv1.HorizontalPodAutoscalerCondition", conditions),
    ] {
        if !items.is_empty() {
            tree = tree.with(&["metadata", "annotations", annotation], texts(name, items));
        }
    }
    tree
}

fn of_processors(part: &'static str, percent: i64) -> Tree {
    Tree::map([("type", Tree::from("Resource"))])
        .with(&["resource", "name"], "cpu")
        .with(&["resource", part, "averageUtilization"], percent)
}

fn with_metrics(tree: &Tree, form: impl Fn(&Tree, &'static str) -> Tree) -> Tree {
    let lists = [(["spec", "metrics"], "target"), (["status", "currentMetrics"], "current")];
    lists.iter().fold(tree.clone(), |tree, (path, part)| match tree.at(path) {
        Some(metrics) if metrics.is_list() => {
            let metrics: Vec<Tree> = metrics.items().iter().map(|one| form(one, part)).collect();
            tree.with(path, Tree::list(metrics))
        }
        _ => tree,
    })
}

/// A metric of `v2` as `v1` writes it; `part` is `target` or `current`.
fn flat(metric: &Tree, part: &'static str) -> Tree {
    moved(metric, |source, places| {
        places.iter().fold(Tree::empty_map(), |flat, (name, path)| {
            let path: Vec<&str> = path.iter().map(|step| step_of(step, part)).collect();
            match source.at(&path) {
                Some(value) => flat.with(&[&name.replace("{}", part)], value),
                None => flat,
            }
        })
    })
}

/// The reverse.
fn deep(metric: &Tree, part: &'static str) -> Tree {
    let mut metric = moved(metric, |source, places| {
        places.iter().fold(Tree::empty_map(), |deep, (name, path)| {
            let path: Vec<&str> = path.iter().map(|step| step_of(step, part)).collect();
            match source.get(&name.replace("{}", part)) {
                Some(value) => deep.with(&path, value),
                None => deep,
            }
        })
    });
    if part == "current" {
        return metric;
    }
    for (source, _) in SOURCES {
        let Some(target) = metric.at(&[source, "target"]) else { continue };
        let has = |member: &str| target.get(member).is_some();
        let kind = match source {
            _ if has("averageUtilization") => "Utilization",
            "external" if has("value") => "Value",
            "object" if !has("averageValue") => "Value",
            _ => "AverageValue",
        };
        metric = metric.with(&[source, "target", "type"], kind);
    }
    metric
}

fn step_of(step: &'static str, part: &'static str) -> &'static str {
    if step == "{}" { part } else { step }
}

fn moved(metric: &Tree, form: impl Fn(&Tree, &[Place]) -> Tree) -> Tree {
    SOURCES.iter().fold(metric.clone(), |metric, (name, places)| match metric.get(name) {
        Some(source) => metric.with(&[name], form(source, places)),
        None => metric,
    })
}

/// The annotation is the server's own struct, with its Go names.
fn with_behavior(tree: &Tree) -> Tree {
    let said = tree.str_at(&["metadata", "annotations", BEHAVIOR]);
    let said = said.and_then(|text| Tree::from_json(text.as_bytes()).ok());
    match said.map(|said| as_members(&said)).filter(|said| !said.is_empty()) {
        Some(behavior) => without_annotations(&tree.with(&["spec", "behavior"], behavior)),
        None => tree.clone(),
    }
}

fn without_behavior(tree: &Tree) -> Tree {
    let Some(behavior) = tree.at(&["spec", "behavior"]) else { return tree.clone() };
    let text = internal::json("autoscaling.HorizontalPodAutoscalerBehavior", behavior);
    tree.without(&["spec", "behavior"]).with(&["metadata", "annotations", BEHAVIOR], text)
}

fn as_members(said: &Tree) -> Tree {
    if said.is_list() {
        return Tree::list(said.items().iter().map(as_members));
    }
    if !said.is_map() {
        return said.clone();
    }
    let members = said.entries().filter(|(_, value)| !value.is_null());
    Tree::map(members.map(|(name, value)| {
        let first = name.get(..1).unwrap_or_default().to_lowercase();
        (first + name.get(1..).unwrap_or_default(), as_members(value))
    }))
}

fn without_annotations(tree: &Tree) -> Tree {
    let path = ["metadata", "annotations"];
    let tree = [METRICS, CURRENT, CONDITIONS, BEHAVIOR]
        .iter()
        .fold(tree.clone(), |tree, name| tree.without(&[path[0], path[1], name]));
    if tree.at(&path).is_some_and(Tree::is_empty) { tree.without(&path) } else { tree }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_v1_cannot_say_comes_back_from_it() {
        let full = Tree::from(json!({
            "metadata": { "name": "a" },
            "spec": {
                "maxReplicas": 3,
                "metrics": [
                    { "type": "Pods", "pods": {
                        "metric": { "name": "p" }, "target": { "type": "AverageValue", "averageValue": "1k" } } },
                    { "type": "Object", "object": {
                        "describedObject": { "kind": "Ingress", "name": "i" }, "metric": { "name": "r" },
                        "target": { "type": "Value", "value": "2k" } } },
                    { "type": "Resource", "resource": {
                        "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 50 } } },
                ],
                "behavior": { "scaleDown": {
                    "policies": [{ "type": "Percent", "value": 100, "periodSeconds": 15 }], "selectPolicy": "Max" } },
            },
        }));

        let old = converted(&full, "v2", "v1");

        assert_eq!(old.int_at(&["spec", "targetCPUUtilizationPercentage"]), Some(50));
        assert_eq!(
            old.str_at(&["metadata", "annotations", METRICS]),
            Some(
                r#"[{"type":"Pods","pods":{"metricName":"p","targetAverageValue":"1k"}},{"type":"Object","object":{"target":{"kind":"Ingress","name":"i"},"metricName":"r","targetValue":"2k"}}]"#
            )
        );
        assert_eq!(
            old.str_at(&["metadata", "annotations", BEHAVIOR]),
            Some(
                r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}"#
            )
        );
        assert_eq!(converted(&old, "v1", "v2"), full);
    }

    #[test]
    fn an_autoscaler_that_says_nothing_keeps_processors_busy() {
        let old = Tree::from(json!({ "spec": { "maxReplicas": 3 } }));

        let full = converted(&old, "v1", "v2");

        let metrics = full.at(&["spec", "metrics"]).cloned().unwrap_or_default();
        assert_eq!(metrics.items().len(), 1);
        assert_eq!(
            metrics.items()[0].int_at(&["resource", "target", "averageUtilization"]),
            Some(USUAL)
        );
    }
}

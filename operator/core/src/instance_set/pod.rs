//! How a pod is doing, by what its kubelet says of it.

use drydock_operator_api::core::Pod;
use drydock_operator_api::core::pod::{ContainerStatus, PodCondition};
use jiff::{SignedDuration, Timestamp};

/// A container that cannot run is a failure only after this: a first crash or pull may be one of many.
const FAILURE_GRACE: SignedDuration = SignedDuration::from_secs(10);

/// Ready, not on its way out, and running the images its spec names: after an in-place update the
/// kubelet shows the old one until the container has been restarted.
pub fn is_ready(pod: &Pod) -> bool {
    !pod.metadata.is_deleting() && has_ready_condition(pod) && runs_its_images(pod)
}

/// Ready for long enough.
pub fn is_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> bool {
    is_ready(pod) && available_at(pod, min_ready_seconds).is_some_and(|since| since <= now)
}

/// When a pod that is ready becomes available, if it stays ready.
pub fn available_at(pod: &Pod, min_ready_seconds: i32) -> Option<Timestamp> {
    if min_ready_seconds <= 0 {
        return Some(Timestamp::MIN);
    }
    let since = ready_condition(pod)?.last_transition_time?;
    since.checked_add(SignedDuration::from_secs(i64::from(min_ready_seconds))).ok()
}

/// It exists for the API server: a pod gets its phase as it is stored.
pub fn is_created(pod: &Pod) -> bool {
    !pod.status.phase.is_empty()
}

/// A pod that will not get well by itself, as far as one can see.
pub fn is_failed(pod: &Pod, now: Timestamp) -> bool {
    !pod.metadata.is_deleting()
        && (pod.status.phase == "Failed" || failed_since(pod).is_some_and(|since| now >= since))
}

/// When a container that cannot run counts as a failure.
pub fn failed_since(pod: &Pod) -> Option<Timestamp> {
    let (statuses, condition) = if pod.status.init_container_statuses.iter().any(is_stuck) {
        (&pod.status.init_container_statuses, "Initialized")
    } else {
        (&pod.status.container_statuses, "ContainersReady")
    };
    if !statuses.iter().any(is_stuck) {
        return None;
    }
    let changed = pod.condition(condition)?.last_transition_time?;
    changed.checked_add(FAILURE_GRACE).ok()
}

fn is_stuck(status: &ContainerStatus) -> bool {
    let waiting = status.state.waiting.as_ref().is_some_and(|state| !state.message.is_empty());
    let ended = status.state.terminated.as_ref().is_some_and(|state| state.exit_code != 0);
    waiting || ended
}

fn ready_condition(pod: &Pod) -> Option<&PodCondition> {
    pod.condition("Ready").filter(|condition| condition.status == "True")
}

fn has_ready_condition(pod: &Pod) -> bool {
    ready_condition(pod).is_some()
}

fn runs_its_images(pod: &Pod) -> bool {
    pod.status.container_statuses.iter().all(|status| {
        pod.spec
            .containers
            .iter()
            .find(|container| container.name == status.name)
            .is_none_or(|container| shows(status, &container.image))
    })
}

/// Does the status show this image? Runtimes rewrite the registry, so only name and tag count.
fn shows(status: &ContainerStatus, image: &str) -> bool {
    match image.rsplit_once('@') {
        Some((_, digest)) => {
            status.image_id.ends_with(digest)
                || status.image.rsplit_once('@').is_some_and(|(_, shown)| shown == digest)
        }
        None => base(image) == base(&status.image),
    }
}

/// `redis:7.2` of `docker.io/redis/redis:7.2`.
pub fn base(image: &str) -> &str {
    image.rsplit_once('/').map_or(image, |(_, base)| base)
}

/// The same image, wherever it is pulled from.
pub fn same_image(one: &str, other: &str) -> bool {
    without_registry(one) == without_registry(other)
}

/// A first part with a dot or a port is a registry; `docker.io` is the one that goes without saying.
fn without_registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) || registry == "localhost" => rest,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, pod};

    #[test]
    fn a_pod_that_still_runs_the_old_image_is_not_ready() {
        let mut ready = pod(0).ready().build("demo");
        assert!(is_ready(&ready));

        ready.spec.containers[0].image = "registry.example/redis:8.0".to_owned();
        assert!(!is_ready(&ready));

        ready.status.container_statuses[0].image = "docker.io/library/redis:8.0".to_owned();
        assert!(is_ready(&ready));
    }

    #[test]
    fn a_pod_is_available_after_it_was_ready_for_long_enough() {
        let ready = pod(0).ready_since(at(100)).build("demo");

        assert!(!is_available(&ready, 10, at(109)));
        assert!(is_available(&ready, 10, at(110)));
    }

    #[test]
    fn a_crash_is_a_failure_after_ten_seconds() {
        let crashing = pod(0).crashing(at(100)).build("demo");

        assert!(!is_failed(&crashing, at(109)));
        assert!(is_failed(&crashing, at(110)));
    }

    #[test]
    fn images_are_compared_without_their_registry() {
        assert!(same_image("docker.io/library/redis:7", "mirror:5000/library/redis:7"));
        assert!(!same_image("docker.io/library/redis:7", "docker.io/library/redis:8"));
    }
}

//! Whose turn it is in an update, by role.

use drydock_operator_api::apps::{ReplicaRole, UpdateStrategy};
use drydock_operator_api::core::Pod;
use drydock_operator_api::workloads::InstanceSet;

use crate::instance_set::pod::is_ready;
use crate::labels;

/// Pods of a low priority are updated early; without a role a pod is as low as can be.
pub fn priority(set: &InstanceSet, pod: &Pod) -> i32 {
    defined_role(set, pod).map_or(0, |role| role.update_priority)
}

fn defined_role<'a>(set: &'a InstanceSet, pod: &Pod) -> Option<&'a ReplicaRole> {
    let label = pod.metadata.label(labels::ROLE)?;
    set.spec.roles.iter().find(|role| role.name.eq_ignore_ascii_case(label))
}

/// How many pods may be updated now, of pods sorted by priority with what each needs. Pods are taken
/// level by level; a level is entered when all of the one before are updated and well.
pub fn released(set: &InstanceSet, pods: &[(&Pod, bool)]) -> usize {
    // At the very start nobody has a role; a chain that waited for one would never begin.
    let serial = set.spec.member_update_strategy.unwrap_or_default() == UpdateStrategy::Serial;
    let no_roles = pods.iter().all(|(pod, _)| pod.metadata.label(labels::ROLE).is_none());
    let well = |pod: &Pod| {
        is_ready(pod) && (pod.metadata.label(labels::ROLE).is_some() || serial && no_roles)
    };
    let mut rest = pods;
    for size in levels(set, pods) {
        let (level, later) = rest.split_at(size);
        let needing = level.iter().filter(|(_, needs)| *needs).count();
        if needing > 0 {
            return needing;
        }
        if !level.iter().all(|(pod, _)| well(pod)) {
            return 0;
        }
        rest = later;
    }
    0
}

/// The sizes of the levels, from the first pod on.
fn levels(set: &InstanceSet, pods: &[(&Pod, bool)]) -> Vec<usize> {
    match set.spec.member_update_strategy.unwrap_or_default() {
        UpdateStrategy::Serial => vec![1; pods.len()],
        UpdateStrategy::Parallel => vec![pods.len()],
        UpdateStrategy::BestEffortParallel => {
            let roles = &set.spec.roles;
            let leader = roles.iter().map(|role| role.update_priority).max().unwrap_or_default();
            let quorum = roles
                .iter()
                .filter(|role| role.participates_in_quorum)
                .map(|role| role.update_priority)
                .min()
                .unwrap_or(leader);
            let below =
                |limit: i32| pods.iter().filter(|(pod, _)| priority(set, pod) < limit).count();
            let voters = below(leader) - below(quorum.min(leader));
            let others = pods.len() - below(leader);
            // Half of the voters at a time: the other half and the leader keep the quorum.
            vec![below(quorum.min(leader)), voters / 2, voters - voters / 2, others]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{instance_set, pod};

    fn voters(strategy: UpdateStrategy) -> InstanceSet {
        let mut set = instance_set("demo").replicas(5).roles(&["follower", "leader"]).set();
        set.spec.member_update_strategy = Some(strategy);
        for role in &mut set.spec.roles {
            role.participates_in_quorum = true;
        }
        set
    }

    fn released_of(set: &InstanceSet, updated: usize) -> usize {
        let pods: Vec<Pod> = (0..5)
            .map(|n| pod(n).ready().role(if n == 4 { "leader" } else { "follower" }).build("demo"))
            .collect();
        let pods: Vec<(&Pod, bool)> =
            pods.iter().enumerate().map(|(n, pod)| (pod, n >= updated)).collect();
        released(set, &pods)
    }

    #[test]
    fn serial_releases_one_at_a_time() {
        let set = voters(UpdateStrategy::Serial);

        assert_eq!((0..=5).map(|n| released_of(&set, n)).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn parallel_releases_all_at_once() {
        assert_eq!(released_of(&voters(UpdateStrategy::Parallel), 0), 5);
    }

    #[test]
    fn best_effort_releases_half_of_the_voters_then_the_others_then_the_leader() {
        let set = voters(UpdateStrategy::BestEffortParallel);

        assert_eq!((0..=5).map(|n| released_of(&set, n)).collect::<Vec<_>>(), [2, 1, 2, 1, 1, 0]);
    }

    #[test]
    fn a_level_waits_until_all_of_the_one_before_have_a_role() {
        let set = voters(UpdateStrategy::Serial);
        let without = pod(0).ready().build("demo");
        let with = pod(1).ready().role("follower").build("demo");

        assert_eq!(released(&set, &[(&without, false), (&with, true)]), 0);
        assert_eq!(released(&set, &[(&without, false), (&without, true)]), 1);
    }
}

//! Which image each container and action runs, by the releases of `ComponentVersions`.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{
    ComponentDefinition, ComponentVersion, LifecycleActions, Release,
};

use crate::matching;

/// What the releases of one service version say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// By the name of a container, an action or something outside.
    by_name: BTreeMap<String, String>,
    /// There is at least one `ComponentVersion`: containers need an image of the asked version.
    pub released: bool,
}

impl Images {
    /// The images of `service_version` for `definition`; `versions` are those made for it.
    pub fn of(
        definition: &ComponentDefinition,
        versions: &[impl AsRef<ComponentVersion>],
        service_version: &str,
    ) -> Self {
        let wanted = ServiceVersion::parse(service_version);
        let mut chosen: BTreeMap<&str, (bool, &str, &str)> = BTreeMap::new();
        let releases =
            versions.iter().flat_map(|version| releases_for(definition, version.as_ref()));
        for release in releases.filter(|release| wanted.accepts(&release.service_version)) {
            for (name, image) in &release.images {
                // The identical version string wins, then the greatest release name.
                let rank = (
                    release.service_version == service_version,
                    release.name.as_str(),
                    image.as_str(),
                );
                let best = chosen.entry(name).or_insert(rank);
                *best = rank.max(*best);
            }
        }
        Self {
            by_name: chosen
                .into_iter()
                .map(|(name, (_, _, image))| (name.to_owned(), normalized(image)))
                .collect(),
            released: !versions.is_empty(),
        }
    }

    pub fn container(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(String::as_str)
    }

    /// Names of actions are compared without case.
    fn action(&self, name: &str) -> Option<&str> {
        self.by_name
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, image)| image.as_str())
    }

    /// Gives the actions that run a command the images that releases name for them.
    pub fn apply_to_actions(&self, actions: &mut LifecycleActions) {
        let LifecycleActions {
            account_provision,
            available_probe,
            data_dump,
            data_load,
            member_join,
            member_leave,
            post_provision,
            pre_terminate,
            readonly,
            readwrite,
            reconfigure,
            role_probe,
            switchover,
        } = actions;
        let plain = [
            ("accountProvision", account_provision),
            ("dataDump", data_dump),
            ("dataLoad", data_load),
            ("memberJoin", member_join),
            ("memberLeave", member_leave),
            ("postProvision", post_provision),
            ("preTerminate", pre_terminate),
            ("readonly", readonly),
            ("readwrite", readwrite),
            ("reconfigure", reconfigure),
            ("switchover", switchover),
        ];
        let probes = [("roleProbe", role_probe), ("availableProbe", available_probe)];
        let all =
            plain.into_iter().filter_map(|(name, action)| Some((name, action.as_mut()?))).chain(
                probes
                    .into_iter()
                    .filter_map(|(name, probe)| Some((name, &mut probe.as_mut()?.action))),
            );
        for (name, action) in all {
            if let (Some(exec), Some(image)) = (&mut action.exec, self.action(name)) {
                image.clone_into(&mut exec.image);
            }
        }
    }
}

fn releases_for<'a>(
    definition: &'a ComponentDefinition,
    version: &'a ComponentVersion,
) -> impl Iterator<Item = &'a Release> {
    let rules = &version.spec.compatibility_rules;
    version.spec.releases.iter().filter(move |release| {
        rules.iter().any(|rule| {
            rule.releases.contains(&release.name)
                && rule
                    .comp_defs
                    .iter()
                    .any(|pattern| matching::matches(pattern, &definition.metadata.name))
        })
    })
}

/// Major, minor, patch and what follows: `17.5.0`, `8.0.30-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServiceVersion<'a> {
    core: [&'a str; 3],
    pre_release: &'a str,
    text: &'a str,
}

impl<'a> ServiceVersion<'a> {
    fn parse(text: &'a str) -> Self {
        let without_build = text.split('+').next().unwrap_or(text);
        let (core, pre_release) = without_build.split_once('-').unwrap_or((without_build, ""));
        let mut parts = core.trim_start_matches('v').split('.');
        let core = [(); 3].map(|()| parts.next().filter(|part| !part.is_empty()).unwrap_or("0"));
        Self { core, pre_release, text }
    }

    fn accepts(&self, other: &str) -> bool {
        let other = ServiceVersion::parse(other);
        self.text == other.text
            || self.core == other.core
                && (self.pre_release.is_empty() || self.pre_release == other.pre_release)
    }
}

/// Whether the definition itself is of the asked version: then its own images count.
pub fn same_version(a: &str, b: &str) -> bool {
    ServiceVersion::parse(a).accepts(b)
}

/// The full form of an image name: `nginx:1` is `docker.io/library/nginx:1`.
pub fn normalized(image: &str) -> String {
    let (domain, path) = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("docker.io", image),
    };
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    if image.is_empty() {
        String::new()
    } else if domain == "docker.io" && !path.contains('/') {
        format!("docker.io/library/{path}")
    } else {
        format!("{domain}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::apps::{CompatibilityRule, ComponentVersionSpec};
    use drydock_operator_api::{ObjectMeta, Shared};

    use super::*;

    type Given<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    fn version(releases: &[Given<'_>]) -> std::sync::Arc<ComponentVersion> {
        let release = |(name, service_version, images): &Given<'_>| Release {
            name: (*name).to_owned(),
            service_version: (*service_version).to_owned(),
            images: images.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Release::default()
        };
        let rule = CompatibilityRule {
            comp_defs: vec!["^redis-7".to_owned()],
            releases: releases.iter().map(|(name, ..)| (*name).to_owned()).collect(),
        };
        std::sync::Arc::new(ComponentVersion {
            spec: Shared::new(ComponentVersionSpec {
                compatibility_rules: vec![rule],
                releases: releases.iter().map(release).collect(),
            }),
            ..ComponentVersion::default()
        })
    }

    fn definition() -> ComponentDefinition {
        ComponentDefinition {
            metadata: ObjectMeta { name: "redis-7-1.0".to_owned(), ..ObjectMeta::default() },
            ..ComponentDefinition::default()
        }
    }

    #[test]
    fn the_identical_version_wins_and_then_the_greatest_release() {
        let versions = [version(&[
            ("a", "7.2.4-1", &[("redis", "r:a")]),
            ("b", "7.2.4", &[("redis", "r:b")]),
            ("c", "7.2.4-2", &[("redis", "r:c"), ("metrics", "m:c")]),
            ("d", "7.2.5", &[("redis", "r:d")]),
        ])];

        let images = Images::of(&definition(), &versions, "7.2.4");

        assert_eq!(images.container("redis"), Some("docker.io/library/r:b"));
        assert_eq!(images.container("metrics"), Some("docker.io/library/m:c"));
        assert_eq!(
            Images::of(&definition(), &versions, "7.2.4-1").container("redis"),
            Some("docker.io/library/r:a")
        );
        assert_eq!(Images::of(&definition(), &versions, "7.4.0").container("redis"), None);
    }

    #[test]
    fn image_names_are_written_in_full() {
        assert_eq!(normalized("nginx:1"), "docker.io/library/nginx:1");
        assert_eq!(normalized("apecloud/redis:7"), "docker.io/apecloud/redis:7");
        assert_eq!(normalized("quay.io/coreos/etcd:v3"), "quay.io/coreos/etcd:v3");
        assert_eq!(normalized("localhost:5000/x"), "localhost:5000/x");
    }
}

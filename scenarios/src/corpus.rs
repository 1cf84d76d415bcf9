//! The bundled scenarios and their definitions, in the binary itself.

macro_rules! bundled {
    ($path:literal) => {
        ($path, include_str!(concat!("../", $path)))
    };
}
/// Every file of the corpus by its path below `scenarios/`. A test names the one that is missing.
pub const FILES: &[(&str, &str)] = &[
    bundled!("data/pod-deleted-keeps-its-volume/scenario.yaml"),
    bundled!("definitions/redis/cluster-definition.yaml"),
    bundled!("definitions/redis/cluster.yaml"),
    bundled!("definitions/redis/redis-sentinel.yaml"),
    bundled!("definitions/redis/redis.yaml"),
    bundled!("definitions/redis/versions.yaml"),
    bundled!("failover/redis-primary-node-lost/scenario.yaml"),
    bundled!("startup/redis-orders-its-components/scenario.yaml"),
    bundled!("stuck/deleting-without-pdb-api/scenario.yaml"),
];

/// The text of a bundled file; `path` as people write it, with or without `scenarios/`.
pub fn read(path: &str) -> Option<&'static str> {
    let path = path.trim_start_matches("./");
    let path = path.strip_prefix("scenarios/").unwrap_or(path);
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// The paths of the bundled scenarios at or below `path` (empty: all of them).
pub fn scenarios(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let path =
        if path == "scenarios" { "" } else { path.strip_prefix("scenarios/").unwrap_or(path) };
    let below = |name: &str| {
        path.is_empty()
            || name == path
            || name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    };
    let names = FILES.iter().map(|(name, _)| *name);
    let found = names.filter(|name| name.ends_with("/scenario.yaml") && below(name));
    found.map(|name| format!("scenarios/{name}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Engine models are no part of a story: the simulator bundles them itself.
    fn yaml_files(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("engines") {
                yaml_files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let below = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
                found.insert(below.to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn every_file_of_the_corpus_is_bundled() {
        let mut there = BTreeSet::new();
        yaml_files(Path::new(env!("CARGO_MANIFEST_DIR")), &mut there);

        let bundled: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(bundled, there);
    }

    #[test]
    fn every_bundled_scenario_loads() {
        for path in scenarios("") {
            let read =
                |path: &str| read(path).map(str::to_owned).ok_or_else(|| format!("no file {path}"));
            if let Err(mistake) = crate::load(&path, &read) {
                panic!("{mistake}");
            }
        }
        assert_eq!(scenarios("scenarios/failover/").len(), 1);
    }
}

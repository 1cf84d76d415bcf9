//! The definitions of the KubeBlocks kinds, as a Kubernetes API server takes them.
//!
//! [`ALL`] is committed, one file per kind, so that nothing has to be derived to read it; the
//! example `crds` makes the files from the wire types, and a test holds them current.

mod generate;
mod overlay;
mod structural;

pub use generate::generate;

/// A `CustomResourceDefinition`.
#[derive(Clone, Copy, Debug)]
pub struct Crd {
    /// `clusters.apps.kubeblocks.io`
    pub name: &'static str,
    /// Compact JSON.
    pub json: &'static str,
}

macro_rules! committed {
    ($($name:literal),* $(,)?) => {
        &[$(Crd { name: $name, json: include_str!(concat!("../crds/", $name, ".json")) }),*]
    };
}

/// Sorted by name.
pub const ALL: &[Crd] = committed![
    "actionsets.dataprotection.kubeblocks.io",
    "backuppolicies.dataprotection.kubeblocks.io",
    "backuppolicytemplates.dataprotection.kubeblocks.io",
    "backuprepos.dataprotection.kubeblocks.io",
    "backups.dataprotection.kubeblocks.io",
    "backupschedules.dataprotection.kubeblocks.io",
    "clusterdefinitions.apps.kubeblocks.io",
    "clusters.apps.kubeblocks.io",
    "componentdefinitions.apps.kubeblocks.io",
    "componentparameters.parameters.kubeblocks.io",
    "components.apps.kubeblocks.io",
    "componentversions.apps.kubeblocks.io",
    "configconstraints.apps.kubeblocks.io",
    "configurations.apps.kubeblocks.io",
    "instancesets.workloads.kubeblocks.io",
    "opsdefinitions.operations.kubeblocks.io",
    "opsrequests.operations.kubeblocks.io",
    "paramconfigrenderers.parameters.kubeblocks.io",
    "parameters.parameters.kubeblocks.io",
    "parametersdefinitions.parameters.kubeblocks.io",
    "parameterviews.parameters.kubeblocks.io",
    "restores.dataprotection.kubeblocks.io",
    "rollouts.apps.kubeblocks.io",
    "servicedescriptors.apps.kubeblocks.io",
    "shardingdefinitions.apps.kubeblocks.io",
    "sidecardefinitions.apps.kubeblocks.io",
];

/// A value that definitions are made of. Values in it are places in [`PARTS`].
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Bool(bool),
    Integer(i64),
    Text(&'static str),
    List(&'static [usize]),
    Map(&'static [(&'static str, usize)]),
}

/// All definitions in another form, made of the files by the build script: each value once, after those that it is
/// made of. The last one is the map of the definitions by name.
pub static PARTS: &[Part] = include!(concat!(env!("OUT_DIR"), "/parts.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_wire_types_say() {
        let generated = generate();

        let names: Vec<_> = generated.iter().map(|(name, _)| name.as_str()).collect();
        let committed: Vec<_> = ALL.iter().map(|crd| crd.name).collect();
        assert_eq!(names, committed);
        for ((name, json), crd) in generated.iter().zip(ALL) {
            assert!(json == crd.json, "{name}: cargo run -p drydock-operator-api --example crds");
        }
    }
}

//! Custom resource definitions as they come and go: each write of one changes what the server serves.

use std::sync::Arc;

use crate::kinds::KindInfo;
use crate::object::{Object, Tree};
use crate::store::Server;

const GROUP: &str = "apiextensions.k8s.io";
const KIND: &str = "CustomResourceDefinition";

impl Server {
    /// Looks at a write: if it was one of a definition, the kinds follow.
    pub(crate) fn kind_changed(&mut self, object: &Object, removed: bool) {
        if self.kind(GROUP, KIND) != Some(object.kind()) {
            return;
        }
        let tree = object.tree();
        let (Some(group), Some(kind)) =
            (tree.str_at(&["spec", "group"]), tree.str_at(&["spec", "names", "kind"]))
        else {
            return;
        };
        let kinds = Arc::make_mut(&mut self.kinds);
        kinds.remove(group, kind);
        if !removed {
            for info in compile(tree) {
                kinds.install(info);
            }
        }
    }

    /// What the definition of a custom kind says of its scale.
    pub(crate) fn scale_paths(&self, kind: &KindInfo) -> Option<Tree> {
        if !kind.custom {
            return None;
        }
        let name = format!("{}.{}", kind.plural, kind.group);
        let definition = self.table(self.kind(GROUP, KIND)?).get("", &name)?;
        let versions = definition.tree().at(&["spec", "versions"])?.items();
        let version = versions.iter().find(|v| v.str_at(&["name"]) == Some(&*kind.version))?;
        version.at(&["subresources", "scale"]).cloned()
    }
}

fn compile(_definition: &Tree) -> Vec<KindInfo> {
    Vec::new()
}

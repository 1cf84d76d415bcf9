//! kubeblocks#8082: deleting a Component first lists the PodDisruptionBudgets of its namespace. A
//! server that does not serve policy/v1 refuses, and the pass fails for ever before anything is deleted.

//! The operator on a real cluster: the kube-rs driver comes here. The decisions it will drive are in `drydock-operator-core`.

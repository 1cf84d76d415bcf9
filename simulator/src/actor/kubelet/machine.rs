//! A machine: it makes its Node known, says each ten seconds that it lives, and can stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::Ctx;
use super::super::objects::{LEASES, NODES, Pod, tree};
use super::{About, Kubelet, Mark, Stage};
use crate::inflight::Reply;

const HEARTBEAT: SignedDuration = SignedDuration::from_secs(10);
/// From power to a kubelet that looks at its pods.
const BOOT: SignedDuration = SignedDuration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Machine {
    pub name: Arc<str>,
    place: u32,
    pub up: bool,
    /// Grows each time it stops.
    life: u16,
    /// When each image is, or was, there.
    pub images: BTreeMap<Arc<str>, Timestamp>,
    beats: u64,
    /// Addresses given to pods.
    addresses: u32,
}

impl Machine {
    pub fn new(place: u32) -> Self {
        Self {
            name: format!("node-{place}").into(),
            place,
            up: true,
            life: 0,
            images: BTreeMap::new(),
            beats: 0,
            addresses: 0,
        }
    }

    pub fn ip(&self) -> String {
        format!("192.168.0.{}", self.place)
    }

    pub fn next_pod_ip(&mut self) -> Arc<str> {
        self.addresses += 1;
        let number = self.addresses;
        format!("10.244.{}.{}", self.place * 8 + number / 250, number % 250 + 2).into()
    }
}

impl Kubelet {
    pub(super) fn register(&mut self, ctx: &mut Ctx<'_>) {
        for place in 0..self.machines.len() {
            let machine = &self.machines[place];
            let node = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": { "name": &*machine.name, "labels": {
                    "kubernetes.io/hostname": &*machine.name, "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                } },
                "spec": {},
            });
            let slot = u32::try_from(place).unwrap_or(u32::MAX);
            let mark = Mark::new(About::NodeMade, slot);
            ctx.send(Request::create(NODES, "", tree(node)).by("kubelet"), mark.pack());
        }
    }

    pub(super) fn node_made(&mut self, ctx: &mut Ctx<'_>, slot: u32, reply: &Reply) {
        let exists = reply.response().is_some_and(|response| response.code == 409);
        if !reply.is_ok() && !exists {
            return;
        }
        let Some(machine) = self.machines.get(slot as usize) else { return };
        let mut lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": &*machine.name, "namespace": "kube-node-lease" },
            "spec": { "holderIdentity": &*machine.name, "leaseDurationSeconds": 40, "renewTime": micro_time(ctx.now()) },
        });
        if let Some(node) = reply.response().and_then(|response| response.object()) {
            lease["metadata"]["ownerReferences"] = json!([{
                "apiVersion": "v1", "kind": "Node", "name": &*machine.name, "uid": node.uid(),
            }]);
        }
        let mark = Mark::new(About::LeaseMade, slot);
        ctx.send(
            Request::create(LEASES, "kube-node-lease", tree(lease)).by("kubelet"),
            mark.pack(),
        );
        self.write_node_status(ctx, slot);
    }

    pub(super) fn lease_made(&mut self, ctx: &mut Ctx<'_>, slot: u32, _reply: &Reply) {
        let Some(machine) = self.machines.get(slot as usize) else { return };
        ctx.background_after(HEARTBEAT, Mark::of(About::Heartbeat, slot, 0, machine.life).pack());
    }

    fn write_node_status(&self, ctx: &mut Ctx<'_>, slot: u32) {
        let Some(machine) = self.machines.get(slot as usize) else { return };
        let now = ctx.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = |kind: &str, status: &str, reason: &str, message: &str| {
            json!({ "type": kind, "status": status, "reason": reason, "message": message,
                "lastHeartbeatTime": now, "lastTransitionTime": now })
        };
        let resources = json!({
            "cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "200Gi",
        });
        let status = json!({ "status": {
            "capacity": resources, "allocatable": resources,
            "addresses": [
                { "type": "InternalIP", "address": machine.ip() },
                { "type": "Hostname", "address": &*machine.name },
            ],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
        } });
        let request = Request::merge_patch(NODES, "", &machine.name, tree(status));
        ctx.send(
            request.subresource("status").by("kubelet"),
            Mark::new(About::Ignore, slot).pack(),
        );
    }

    pub(super) fn heartbeat(&mut self, ctx: &mut Ctx<'_>, mark: Mark) {
        let Some(machine) = self.machines.get_mut(mark.slot as usize).map(Arc::make_mut) else {
            return;
        };
        if machine.life != mark.life || !machine.up {
            return;
        }
        machine.beats += 1;
        let renewal = json!({ "spec": { "renewTime": micro_time(ctx.now()) } });
        let request = Request::merge_patch(LEASES, "kube-node-lease", &machine.name, tree(renewal));
        ctx.send(request.by("kubelet"), Mark::new(About::Ignore, mark.slot).pack());
        ctx.background_after(HEARTBEAT, mark.pack());
        // What the status says changes only when the controller has declared the machine dead.
        let name = machine.name.clone();
        let says_ready = ctx.get("", "Node", "", &name).is_some_and(|node| {
            node.decode::<super::super::objects::Node>().is_ok_and(|node| {
                node.status.conditions.iter().any(|one| one.kind == "Ready" && one.status == "True")
            })
        });
        if !says_ready {
            self.write_node_status(ctx, mark.slot);
        }
    }

    pub(super) fn machine_changed(&mut self, ctx: &mut Ctx<'_>, name: &str, up: bool) {
        let Some(place) = self.machines.iter().position(|one| &*one.name == name) else { return };
        if self.machines[place].up == up {
            return;
        }
        let machine = Arc::make_mut(&mut self.machines[place]);
        machine.up = up;
        if up {
            let slot = u32::try_from(place).unwrap_or(u32::MAX);
            ctx.timer_after(BOOT, Mark::of(About::Heartbeat, slot, 0, machine.life).pack());
            self.take_up_again(ctx, place);
        } else {
            machine.life = machine.life.wrapping_add(1);
            let slots: Vec<u32> = self.slots_on(place);
            for slot in slots {
                self.power_lost(ctx, slot);
            }
        }
    }

    fn slots_on(&self, place: usize) -> Vec<u32> {
        self.runs.iter().filter(|(_, run)| run.machine == place).map(|(slot, _)| slot).collect()
    }

    /// After a boot the kubelet finds the pods that the API server has for it.
    fn take_up_again(&mut self, ctx: &mut Ctx<'_>, place: usize) {
        let name = self.machines[place].name.clone();
        let Some(kind) = ctx.kind("", "Pod") else { return };
        let here: Vec<_> = ctx
            .server()
            .table(kind)
            .iter()
            .filter(|pod| pod.tree().str_at(&["spec", "nodeName"]) == Some(&*name))
            .cloned()
            .collect();
        for slot in self.slots_on(place) {
            let run = &self.runs[slot];
            if !here.iter().any(|pod| *pod.uid() == *run.uid) {
                self.forget(ctx, slot);
            }
        }
        for object in here {
            let Ok(pod) = object.decode::<Pod>() else { continue };
            let key = format!("{}/{}", object.namespace(), object.name());
            let Some(slot) = self.by_key.get(&*key).copied() else {
                self.admit(ctx, &object, pod, place);
                continue;
            };
            let Some(run) = self.run_mut(slot) else { continue };
            run.pod = pod;
            run.is_sending = false;
            // The controllers have written to it meanwhile.
            run.reported = None;
            if run.pod.metadata.deletion_timestamp.is_some() {
                run.stage = Stage::Stopping;
                ctx.timer_after(BOOT, Mark::new(About::Stopped, slot).pack());
            } else if run.stage != Stage::Finished {
                run.stage = Stage::Admitted;
                let about = if Self::is_recorded(ctx) { About::AtOnce } else { About::Sandbox };
                ctx.timer_after(BOOT, Mark::new(about, slot).pack());
            }
        }
    }
}

pub fn micro_time(time: Timestamp) -> String {
    format!("{time:.6}")
}

//! The containers of the agent that runs a component's actions and probes inside its pods.

use drydock_operator_api::apps::{Action, LifecycleActions};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, DownwardAPIVolumeFile, DownwardAPIVolumeSource, EnvVar, EnvVarSource,
    ObjectFieldSelector, PodSpec, Probe, SecurityContext, TCPSocketAction, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::actions;

pub const CONTAINER: &str = "kbagent";
const WORKER: &str = "kbagent-worker";
const INIT: &str = "init-kbagent";
const HTTP_PORT_NAME: &str = "http";
const STREAMING_PORT_NAME: &str = "streaming";
/// Where the agent sees the role label of its pod.
pub const ROLE_LABEL_PATH: &str = "/etc/kubeblocks/pod-metadata";

const HTTP_PORT: i32 = 3501;
const STREAMING_PORT: i32 = 3502;
const BINARIES: &str = "kubeblocks";
const BINARIES_PATH: &str = "/kubeblocks";
const ROLE_LABEL: &str = "kubeblocks-role-label";

/// What the agent of one component runs.
pub struct Agent<'a> {
    /// Name of the `InstanceSet`: probes report it.
    pub instance: &'a str,
    pub lifecycle: &'a LifecycleActions,
    /// Actions of file templates and of users, with their full names.
    pub others: &'a [(String, Action)],
    pub tools_image: &'a str,
}

impl Agent<'_> {
    /// Adds the agent to a pod; the error names what makes that impossible.
    pub fn add_to(&self, pod: &mut PodSpec) -> Result<(), String> {
        let image = self.one_of("image", |action| Some(action.exec.as_ref()?.image.as_str()))?;
        let shared =
            self.one_of("container", |action| Some(action.exec.as_ref()?.container.as_str()))?;
        let [http, streaming] = free_ports(pod)?;

        let mut mounts = Vec::new();
        if image.is_some() {
            mounts.push(mount(BINARIES, BINARIES_PATH, None));
        }
        if let Some(name) = shared {
            let container = pod.containers.iter().find(|container| container.name == name);
            let container = container.ok_or_else(|| {
                format!("container {name:?} named by spec.lifecycleActions is not in spec.runtime.containers")
            })?;
            mounts.extend(container.volume_mounts.iter().flatten().cloned());
        }

        let command = if image.is_some() { "/kubeblocks/kbagent" } else { "/bin/kbagent" };
        let base = Container {
            image: Some(image.unwrap_or(self.tools_image).to_owned()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(vec![command.to_owned()]),
            env: Some(self.env()),
            security_context: Some(SecurityContext {
                run_as_group: Some(1000),
                ..Default::default()
            }),
            ..Default::default()
        };
        let init = pod.init_containers.get_or_insert_default();
        if image.is_some() {
            init.push(self.copier());
        }
        init.push(Container {
            name: WORKER.to_owned(),
            args: Some(vec!["--server=false".to_owned()]),
            volume_mounts: Some(mounts.clone()).filter(|mounts| !mounts.is_empty()),
            ..base.clone()
        });
        mounts.push(mount(ROLE_LABEL, ROLE_LABEL_PATH, Some(true)));
        pod.containers.push(Container {
            name: CONTAINER.to_owned(),
            args: Some(server_args(http, streaming)),
            ports: Some(vec![port(HTTP_PORT_NAME, http), port(STREAMING_PORT_NAME, streaming)]),
            startup_probe: Some(Probe {
                tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(http), host: None }),
                ..Default::default()
            }),
            volume_mounts: Some(mounts),
            ..base
        });
        pod.volumes.get_or_insert_default().push(role_label_volume());
        Ok(())
    }

    fn copier(&self) -> Container {
        let command = ["cp", "-r", "/bin/kbagent", "/bin/tini-static", "/kubeblocks/"];
        Container {
            name: INIT.to_owned(),
            image: Some(self.tools_image.to_owned()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(command.map(str::to_owned).to_vec()),
            volume_mounts: Some(vec![mount(BINARIES, BINARIES_PATH, None)]),
            ..Default::default()
        }
    }

    /// Actions that decide image, container and environment. The availability probe does not.
    fn deciding(&self) -> impl Iterator<Item = &Action> {
        actions::plain(self.lifecycle)
            .into_iter()
            .map(|(_, action)| action)
            .chain(self.lifecycle.role_probe.as_ref().map(|probe| &probe.action))
            .chain(self.others.iter().map(|(_, action)| action))
    }

    /// The one value that all actions which give one agree on.
    fn one_of<'a>(
        &'a self,
        what: &str,
        of: impl Fn(&'a Action) -> Option<&'a str>,
    ) -> Result<Option<&'a str>, String> {
        let mut values = self.deciding().filter_map(of).filter(|value| !value.is_empty());
        let Some(first) = values.next() else { return Ok(None) };
        match values.find(|other| *other != first) {
            None => Ok(Some(first)),
            Some(other) => Err(format!(
                "spec.lifecycleActions: all exec actions must have one {what}, found {first:?} and {other:?}"
            )),
        }
    }

    fn env(&self) -> Vec<EnvVar> {
        let mut env: Vec<EnvVar> = Vec::new();
        let given =
            self.deciding().filter_map(|action| action.exec.as_ref()).flat_map(|exec| &exec.env);
        for variable in given {
            if env.iter().all(|known| known.name != variable.name) {
                env.push(variable.clone());
            }
        }
        for (name, path) in [
            ("KB_AGENT_NAMESPACE", "metadata.namespace"),
            ("KB_AGENT_POD_NAME", "metadata.name"),
            ("KB_AGENT_POD_UID", "metadata.uid"),
            ("KB_AGENT_NODE_NAME", "spec.nodeName"),
        ] {
            env.push(field(name, path));
        }
        let plain = actions::plain(self.lifecycle);
        let probes = actions::probes(self.lifecycle);
        let all: Vec<(String, &Action)> = plain
            .iter()
            .map(|(name, action)| ((*name).to_owned(), *action))
            .chain(probes.iter().map(|(name, probe)| ((*name).to_owned(), &probe.action)))
            .chain(self.others.iter().map(|(name, action)| (name.clone(), action)))
            .collect();
        env.push(literal("KB_AGENT_ACTION", actions::actions_json(&all)));
        env.push(literal("KB_AGENT_PROBE", actions::probes_json(self.instance, &probes)));
        let streaming: Vec<&str> = plain
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| matches!(*name, "dataDump" | "dataLoad"))
            .collect();
        if !streaming.is_empty() {
            env.push(literal("KB_AGENT_STREAMING", streaming.join(",")));
        }
        env
    }
}

/// Whether the operator's agent runs in a container of this name.
pub fn is_agent(container: &str) -> bool {
    [CONTAINER, WORKER, INIT].contains(&container)
}

/// The port on which the agent of a pod gives and takes data.
pub fn streaming_port(pod: &PodSpec) -> Option<i32> {
    let agent = pod.containers.iter().find(|container| container.name == CONTAINER)?;
    let ports = agent.ports.as_ref()?;
    ports
        .iter()
        .find(|port| port.name.as_deref() == Some(STREAMING_PORT_NAME))
        .map(|port| port.container_port)
}

/// The first free numbers from the wished ones upwards.
fn free_ports(pod: &PodSpec) -> Result<[i32; 2], String> {
    const HIGHEST: i32 = 65_535;
    const LOWEST: i32 = 1025;
    let mut used: Vec<i32> = Vec::new();
    for container in &pod.containers {
        for port in container.ports.iter().flatten() {
            if used.contains(&port.container_port) {
                return Err(format!(
                    "spec.runtime.containers[{}].ports: port {} is used twice",
                    container.name, port.container_port
                ));
            }
            used.push(port.container_port);
        }
    }
    let mut next = |wish: i32| {
        let free =
            (wish..=HIGHEST).chain(LOWEST..wish).find(|port| !used.contains(port)).unwrap_or(wish);
        used.push(free);
        free
    };
    Ok([next(HTTP_PORT), next(STREAMING_PORT)])
}

fn server_args(http: i32, streaming: i32) -> Vec<String> {
    ["--port".to_owned(), http.to_string(), "--streaming-port".to_owned(), streaming.to_string()]
        .to_vec()
}

fn role_label_volume() -> Volume {
    let item = DownwardAPIVolumeFile {
        path: "role".to_owned(),
        field_ref: Some(ObjectFieldSelector {
            api_version: None,
            field_path: "metadata.labels['kubeblocks.io/role']".to_owned(),
        }),
        ..Default::default()
    };
    Volume {
        name: ROLE_LABEL.to_owned(),
        downward_api: Some(DownwardAPIVolumeSource { items: Some(vec![item]), default_mode: None }),
        ..Default::default()
    }
}

fn mount(name: &str, path: &str, read_only: Option<bool>) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..Default::default()
    }
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    }
}

fn literal(name: &str, value: String) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value), value_from: None }
}

fn field(name: &str, path: &str) -> EnvVar {
    let field_ref = Some(ObjectFieldSelector {
        api_version: Some("v1".to_owned()),
        field_path: path.to_owned(),
    });
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { field_ref, ..Default::default() }),
    }
}

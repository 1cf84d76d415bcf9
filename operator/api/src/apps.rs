//! Group `apps.kubeblocks.io`, version `v1`.

mod cluster;
mod cluster_definition;
mod common;
mod component;
mod component_definition;
mod component_version;
mod service_descriptor;
mod sharding_definition;
mod sidecar_definition;

pub use cluster::{
    Cluster, ClusterBackup, ClusterComponentService, ClusterComponentSpec, ClusterPhase,
    ClusterService, ClusterSharding, ClusterSpec, ClusterStatus, Restore, RestoreSource,
    ShardTemplate, ShardingActionPhase, ShardingActionStatus, ShardingStatus,
};
pub use cluster_definition::{
    ClusterDefinition, ClusterDefinitionSpec, ClusterDefinitionStatus, Topology, TopologyComponent,
    TopologyOrders, TopologySharding,
};
pub use common::{
    AccountSecretRef, Action, ClaimRetentionPolicy, ClaimTemplate, ClusterComponentStatus,
    ClusterServiceSelector, ClusterVar, CombinedOption, ComponentPhase, ComponentService,
    ComponentVar, Config, CredentialVar, DefinitionPhase, DefinitionStatus, ExecAction,
    FlattenFormat, GrpcAction, GrpcResponse, HostNetworkContainer, HostNetworkVar, HostPort,
    HttpAction, HttpHeader, InstanceTemplate, InstanceUpdateStrategy, Issuer, IssuerName,
    LetterCase, MultipleObjectOption, NamedOption, Network, ObjectSelector, ObjectStrategy,
    Ordinals, PasswordConfig, PodUpdatePolicy, Probe, Range, ResourceVar, Retention, RetryPolicy,
    RoledOption, RollingUpdate, SchedulingPolicy, ServiceRef, ServiceRefCredential, ServiceRefPods,
    ServiceRefService, ServiceRefVar, ServiceType, ServiceVar, SystemAccount, TargetPods,
    TerminationPolicy, TlsSecretRef, TlsVar, UpdateStrategy, UpdateType, Var, VarOption, VarSource,
};
pub use component::{Component, ComponentSpec, ComponentStatus, CustomAction, Sidecar, TlsConfig};
pub use component_definition::{
    AccountStatement, Assertion, Availability, AvailabilityCondition, AvailabilityProbe,
    AvailabilityTerm, ComponentDefinition, ComponentDefinitionSpec, DefinitionAccount,
    DefinitionPodUpdatePolicy, DefinitionTls, DefinitionVolume, Exporter, FileTemplate,
    FileVariable, HostNetwork, HostNetworkPorts, LifecycleActions, LogConfig, OutputAssertion,
    OutputMatcher, ReplicaRole, ReplicasLimit, ServiceRefDeclaration, ServiceRefDeclarationSpec,
};
pub use component_version::{
    CompatibilityRule, ComponentVersion, ComponentVersionSpec, ComponentVersionStatus, Release,
};
pub use service_descriptor::{
    CredentialValue, ServiceAuth, ServiceDescriptor, ServiceDescriptorSpec,
};
pub use sharding_definition::{
    ShardingAccount, ShardingAction, ShardingDefinition, ShardingDefinitionSpec,
    ShardingLifecycleActions, ShardingTemplate, ShardingTls, ShardsLimit, TargetShards,
};
pub use sidecar_definition::{SidecarDefinition, SidecarDefinitionSpec, SidecarDefinitionStatus};

//! Parts that several kinds share.

mod action;
mod component;
mod instance;
mod vars;

pub use action::{
    Action, ExecAction, GrpcAction, GrpcResponse, HttpAction, HttpHeader, Probe, RetryPolicy,
    TargetPods,
};
pub use component::{
    AccountSecretRef, ClusterComponentStatus, ClusterServiceSelector, ComponentPhase,
    ComponentService, Config, DefinitionPhase, DefinitionStatus, Issuer, IssuerName, LetterCase,
    PasswordConfig, ServiceRef, ServiceRefCredential, ServiceRefPods, ServiceRefService,
    ServiceType, SystemAccount, TerminationPolicy, TlsSecretRef,
};
pub use instance::{
    ClaimRetentionPolicy, ClaimTemplate, HostPort, InstanceTemplate, InstanceUpdateStrategy,
    Network, Ordinals, PodUpdatePolicy, Range, Retention, RollingUpdate, SchedulingPolicy,
    UpdateStrategy, UpdateType,
};
pub use vars::{
    ClusterVar, CombinedOption, ComponentVar, CredentialVar, FlattenFormat, HostNetworkContainer,
    HostNetworkVar, MultipleObjectOption, NamedOption, ObjectSelector, ObjectStrategy, ResourceVar,
    RoledOption, ServiceRefVar, ServiceVar, TlsVar, Var, VarOption, VarSource,
};

//! ShardingDefinition.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Shared;
use crate::apps::{Action, DefinitionStatus, UpdateStrategy};
use crate::meta::{ObjectMeta, absent};
use crate::resource;

/// How a sharding of one kind is run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ShardingDefinition {
    pub metadata: ObjectMeta,
    pub spec: Shared<ShardingDefinitionSpec>,
    #[serde(skip_serializing_if = "absent")]
    pub status: DefinitionStatus,
}
resource!(
    ShardingDefinition,
    "apps.kubeblocks.io",
    "v1",
    "ShardingDefinition",
    "shardingdefinitions",
    false, spec: ShardingDefinitionSpec
);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["template"]))]
pub struct ShardingDefinitionSpec {
    #[serde(skip_serializing_if = "absent")]
    pub lifecycle_actions: Option<ShardingLifecycleActions>,
    #[schemars(extend("default" = "Serial"))]
    pub provision_strategy: UpdateStrategy,
    #[serde(skip_serializing_if = "absent")]
    #[schemars(extend("x-kubernetes-validations" = [{"message": "the minimum and maximum limit of shards should be in the range of [0, 2048]", "rule": "self.minShards >= 0 && self.maxShards <= 2048"}, {"message": "the minimum shards limit should be no greater than the maximum", "rule": "self.minShards <= self.maxShards"}]))]
    pub shards_limit: Option<ShardsLimit>,
    #[serde(skip_serializing_if = "absent")]
    pub system_accounts: Vec<ShardingAccount>,
    pub template: ShardingTemplate,
    #[serde(skip_serializing_if = "absent")]
    pub tls: Option<ShardingTls>,
    #[schemars(extend("default" = "Serial"))]
    pub update_strategy: UpdateStrategy,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShardingLifecycleActions {
    #[serde(skip_serializing_if = "absent")]
    pub post_provision: Option<ShardingAction>,
    #[serde(skip_serializing_if = "absent")]
    pub pre_terminate: Option<ShardingAction>,
    #[serde(skip_serializing_if = "absent")]
    pub shard_add: Option<ShardingAction>,
    #[serde(skip_serializing_if = "absent")]
    pub shard_remove: Option<ShardingAction>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShardingAction {
    #[serde(flatten)]
    pub action: Action,
    #[serde(skip_serializing_if = "absent")]
    pub target_shard_selector: Option<TargetShards>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["maxShards", "minShards"], "x-kubernetes-validations" = [{"message": "the minimum and maximum limit of shards should be in the range of [0, 2048]", "rule": "self.minShards >= 0 && self.maxShards <= 2048"}, {"message": "the minimum shards limit should be no greater than the maximum", "rule": "self.minShards <= self.maxShards"}]))]
pub struct ShardsLimit {
    pub max_shards: i32,
    pub min_shards: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct ShardingAccount {
    pub name: String,
    #[serde(skip_serializing_if = "absent")]
    pub shared: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["compDef"]))]
pub struct ShardingTemplate {
    pub comp_def: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShardingTls {
    #[serde(skip_serializing_if = "absent")]
    pub shared: bool,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum TargetShards {
    #[default]
    Any,
    All,
}

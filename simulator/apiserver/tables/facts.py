"""What the published OpenAPI definitions do not say about the builtin kinds.

Sources: the Kubernetes API reference (https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/), which states
names, scopes and defaults of every kind, and the answers of running servers (which empty fields they send back).
Kept by hand; `generate.py` joins it with the definitions.
"""

# resource: kind, short names, categories, flags. Flags: C cluster scope, s status, c scale, g generation counted,
# v a write without resourceVersion is refused, r review (nothing is stored), R read only.
KINDS = {
    "v1": """
        bindings Binding - - r
        componentstatuses ComponentStatus cs - CR
        configmaps ConfigMap cm -
        endpoints Endpoints ep -
        events Event ev -
        limitranges LimitRange limits -
        namespaces Namespace ns - Cs
        nodes Node no - Cs
        persistentvolumeclaims PersistentVolumeClaim pvc - s
        persistentvolumes PersistentVolume pv - Cs
        pods Pod po all sg1.33
        podtemplates PodTemplate - - g
        replicationcontrollers ReplicationController rc all scg
        resourcequotas ResourceQuota quota - s
        secrets Secret - -
        serviceaccounts ServiceAccount sa -
        services Service svc all s
    """,
    "apps/v1": """
        controllerrevisions ControllerRevision - -
        daemonsets DaemonSet ds all sg
        deployments Deployment deploy all scg
        replicasets ReplicaSet rs all scg
        statefulsets StatefulSet sts all scg
    """,
    "batch/v1": """
        cronjobs CronJob cj all sg
        jobs Job - all sg1.22
    """,
    "batch/v1beta1": "cronjobs CronJob cj all sg1.21",
    "policy/v1": "poddisruptionbudgets PodDisruptionBudget pdb - sgv",
    "policy/v1beta1": """
        poddisruptionbudgets PodDisruptionBudget pdb - sgv
        podsecuritypolicies PodSecurityPolicy psp - C
    """,
    "rbac.authorization.k8s.io/v1": """
        clusterrolebindings ClusterRoleBinding - - C
        clusterroles ClusterRole - - C
        rolebindings RoleBinding - -
        roles Role - -
    """,
    "storage.k8s.io/v1": """
        csidrivers CSIDriver - - Cv
        csinodes CSINode - - Cv
        csistoragecapacities CSIStorageCapacity - - v
        storageclasses StorageClass sc - C
        volumeattachments VolumeAttachment - - Csv
        volumeattributesclasses VolumeAttributesClass vac - C
    """,
    "discovery.k8s.io/v1": "endpointslices EndpointSlice - - g",
    "discovery.k8s.io/v1beta1": "endpointslices EndpointSlice - - g",
    "coordination.k8s.io/v1": "leases Lease - - v",
    "events.k8s.io/v1": "events Event ev -",
    "autoscaling/v1": "horizontalpodautoscalers HorizontalPodAutoscaler hpa all s",
    "autoscaling/v2": "horizontalpodautoscalers HorizontalPodAutoscaler hpa all s",
    "networking.k8s.io/v1": """
        ingressclasses IngressClass - - Cg
        ingresses Ingress ing - sg
        ipaddresses IPAddress ip - C
        networkpolicies NetworkPolicy netpol - g
        servicecidrs ServiceCIDR - - Cs
    """,
    "scheduling.k8s.io/v1": "priorityclasses PriorityClass pc - Cg",
    "apiextensions.k8s.io/v1": "customresourcedefinitions CustomResourceDefinition crd,crds api-extensions Csgv",
    "apiregistration.k8s.io/v1": "apiservices APIService - api-extensions Csv",
    "admissionregistration.k8s.io/v1": """
        mutatingwebhookconfigurations MutatingWebhookConfiguration - api-extensions Cgv
        validatingadmissionpolicies ValidatingAdmissionPolicy - api-extensions Csgv
        validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding - api-extensions Cgv
        validatingwebhookconfigurations ValidatingWebhookConfiguration - api-extensions Cgv
    """,
    "authentication.k8s.io/v1": """
        selfsubjectreviews SelfSubjectReview - - Cr
        tokenreviews TokenReview - - Cr
    """,
    "authorization.k8s.io/v1": """
        localsubjectaccessreviews LocalSubjectAccessReview - - r
        selfsubjectaccessreviews SelfSubjectAccessReview - - Cr
        selfsubjectrulesreviews SelfSubjectRulesReview - - Cr
        subjectaccessreviews SubjectAccessReview - - Cr
    """,
    "certificates.k8s.io/v1": "certificatesigningrequests CertificateSigningRequest csr - Cs",
    "node.k8s.io/v1": "runtimeclasses RuntimeClass - - Cv",
    "flowcontrol.apiserver.k8s.io/v1": """
        flowschemas FlowSchema - - Csg
        prioritylevelconfigurations PriorityLevelConfiguration - - Csg
    """,
    # What servers before 1.22 had besides: the same kinds in older versions.
    "admissionregistration.k8s.io/v1beta1": """
        mutatingwebhookconfigurations MutatingWebhookConfiguration - api-extensions Cgv
        validatingwebhookconfigurations ValidatingWebhookConfiguration - api-extensions Cgv
    """,
    "apiextensions.k8s.io/v1beta1": "customresourcedefinitions CustomResourceDefinition crd,crds api-extensions Csgv",
    "apiregistration.k8s.io/v1beta1": "apiservices APIService - api-extensions Csv",
    "authentication.k8s.io/v1beta1": "tokenreviews TokenReview - - Cr",
    "authorization.k8s.io/v1beta1": """
        localsubjectaccessreviews LocalSubjectAccessReview - - r
        selfsubjectaccessreviews SelfSubjectAccessReview - - Cr
        selfsubjectrulesreviews SelfSubjectRulesReview - - Cr
        subjectaccessreviews SubjectAccessReview - - Cr
    """,
    "autoscaling/v2beta1": "horizontalpodautoscalers HorizontalPodAutoscaler hpa all s",
    "autoscaling/v2beta2": "horizontalpodautoscalers HorizontalPodAutoscaler hpa all s",
    "certificates.k8s.io/v1beta1": "certificatesigningrequests CertificateSigningRequest csr - Cs",
    "coordination.k8s.io/v1beta1": "leases Lease - - v",
    "events.k8s.io/v1beta1": "events Event ev -",
    "extensions/v1beta1": "ingresses Ingress ing - sg",
    "flowcontrol.apiserver.k8s.io/v1beta1": """
        flowschemas FlowSchema - - Csg
        prioritylevelconfigurations PriorityLevelConfiguration - - Csg
    """,
    "flowcontrol.apiserver.k8s.io/v1beta2": """
        flowschemas FlowSchema - - Csg
        prioritylevelconfigurations PriorityLevelConfiguration - - Csg
    """,
    "networking.k8s.io/v1beta1": """
        ingressclasses IngressClass - - Cg
        ingresses Ingress ing - sg
    """,
    "node.k8s.io/v1beta1": "runtimeclasses RuntimeClass - - Cv",
    "rbac.authorization.k8s.io/v1beta1": """
        clusterrolebindings ClusterRoleBinding - - C
        clusterroles ClusterRole - - C
        rolebindings RoleBinding - -
        roles Role - -
    """,
    "scheduling.k8s.io/v1beta1": "priorityclasses PriorityClass pc - Cg",
    "storage.k8s.io/v1beta1": """
        csidrivers CSIDriver - - Cv
        csinodes CSINode - - Cv
        csistoragecapacities CSIStorageCapacity - - v
        storageclasses StorageClass sc - C
        volumeattachments VolumeAttachment - - Cv
    """,
    "resource.k8s.io/v1": """
        deviceclasses DeviceClass - - Cg
        resourceclaims ResourceClaim - - s
        resourceclaimtemplates ResourceClaimTemplate - -
        resourceslices ResourceSlice - - Cg
    """,
}

# Groups whose kinds look in v1beta1 as they do in v1: one definition does for both.
SAME_IN_BETA = [
    "admissionregistration.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io",
    "certificates.k8s.io", "coordination.k8s.io", "events.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io",
    "scheduling.k8s.io", "storage.k8s.io",
]

# What some versions had behind features that were never on, and none has any more.
WITHDRAWN = {("core.v1.PersistentVolumeClaimStatus", "resizeStatus"), ("networking.v1.NetworkPolicy", "status")}

# Bodies of subresources and options that are decoded like kinds.
EXTRA = [
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.api.policy.v1beta1.Eviction",
    "io.k8s.api.authentication.v1.TokenRequest",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
]

# Defaults that depend on nothing else: definition -> field -> value (absent fields get it).
DEFAULTS = {
    "core.v1.Container": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    "core.v1.EphemeralContainer": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    "core.v1.ContainerPort": {"protocol": "TCP"},
    "resource.v1.DeviceToleration": {"operator": "Equal"},
    "core.v1.EndpointPort": {"protocol": "TCP"},
    "core.v1.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.v1.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.v1.GRPCAction": {"service": ""},
    "core.v1.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.v1.ResourceFieldSelector": {"divisor": "0"},
    "core.v1.SecretVolumeSource": {"defaultMode": 420},
    "core.v1.ConfigMapVolumeSource": {"defaultMode": 420},
    "core.v1.DownwardAPIVolumeSource": {"defaultMode": 420},
    "core.v1.ProjectedVolumeSource": {"defaultMode": 420},
    "core.v1.HostPathVolumeSource": {"type": ""},
    "core.v1.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.v1.ISCSIVolumeSource": {"iscsiInterface": "default"},
    "core.v1.ISCSIPersistentVolumeSource": {"iscsiInterface": "default"},
    "core.v1.RBDVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "core.v1.RBDPersistentVolumeSource": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "core.v1.AzureDiskVolumeSource": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "core.v1.ScaleIOVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    "core.v1.ScaleIOPersistentVolumeSource": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    "core.v1.PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
    },
    "core.v1.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.v1.PersistentVolumeClaimStatus": {"phase": "Pending"},
    "core.v1.PersistentVolumeStatus": {"phase": "Pending"},
    "core.v1.NamespaceStatus": {"phase": "Active"},
    "core.v1.Secret": {"type": "Opaque"},
    "core.v1.ServiceSpec": {"sessionAffinity": "None", "type": "ClusterIP"},
    "core.v1.ServicePort": {"protocol": "TCP"},
    "core.v1.ReplicationControllerSpec": {"replicas": 1},
    "apps.v1.DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "apps.v1.DeploymentStrategy": {"type": "RollingUpdate"},
    "apps.v1.ReplicaSetSpec": {"replicas": 1},
    "apps.v1.StatefulSetSpec": {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady"},
    "apps.v1.StatefulSetUpdateStrategy": {"type": "RollingUpdate"},
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "apps.v1.DaemonSetSpec": {"revisionHistoryLimit": 10},
    "apps.v1.DaemonSetUpdateStrategy": {"type": "RollingUpdate"},
    "batch.v1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "batch.v1beta1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
    "rbac.v1.RoleRef": {"apiGroup": "rbac.authorization.k8s.io"},
    "storage.v1.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "storage.v1.CSIDriverSpec": {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "volumeLifecycleModes": ["Persistent"],
        "requiresRepublish": False,
        "seLinuxMount": False,
    },
    "scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "discovery.v1.EndpointPort": {"name": "", "protocol": "TCP"},
    "discovery.v1beta1.EndpointPort": {"name": "", "protocol": "TCP"},
    "networking.v1.NetworkPolicyPort": {"protocol": "TCP"},
    "networking.v1.IngressClassParametersReference": {"scope": "Cluster"},
    "autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "autoscaling.v2.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "apiextensions.v1.CustomResourceDefinitionSpec": {"conversion": {"strategy": "None"}},
    "apiextensions.v1.ServiceReference": {"port": 443},
    "admissionregistration.v1.ServiceReference": {"port": 443},
    "apiregistration.v1.ServiceReference": {"port": 443},
    "admissionregistration.v1.MutatingWebhook": {
        "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "timeoutSeconds": 10, "reinvocationPolicy": "Never",
    },
    "admissionregistration.v1.ValidatingWebhook": {
        "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "timeoutSeconds": 10,
    },
    "admissionregistration.v1.RuleWithOperations": {"scope": "*"},
    "admissionregistration.v1.NamedRuleWithOperations": {"scope": "*"},
    "admissionregistration.v1.MatchResources": {
        "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
    },
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "flowcontrol.v1.FlowSchemaSpec": {"matchingPrecedence": 1000},
    "flowcontrol.v1.ExemptPriorityLevelConfiguration": {"nominalConcurrencyShares": 0, "lendablePercent": 0},
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": {"nominalConcurrencyShares": 30, "lendablePercent": 0},
    "flowcontrol.v1.QueuingConfiguration": {"handSize": 8, "queues": 64, "queueLengthLimit": 50},
}

# Defaults that only newer servers know: (definition, field) -> first minor version.
DEFAULT_SINCE = {
    ("storage.v1.CSIDriverSpec", "requiresRepublish"): 21,
    ("storage.v1.CSIDriverSpec", "storageCapacity"): 21,
    ("storage.v1.CSIDriverSpec", "seLinuxMount"): 27,
}

# Members that a server sends even when they are empty: they are not optional in its own types.
METRICS = {
    "Object": ["describedObject", "metric", "target"],
    "Pods": ["metric", "target"],
    "Resource": ["target"],
    "ContainerResource": ["target"],
    "External": ["metric", "target"],
}
ALWAYS = {
    "networking.v1.NetworkPolicySpec": ["podSelector"],
    "apps.v1.StatefulSetOrdinals": ["start"],
    "core.v1.Container": ["resources"],
    "core.v1.EphemeralContainer": ["resources"],
    "core.v1.PersistentVolumeClaim": ["spec", "status"],
    "core.v1.PersistentVolumeClaimSpec": ["resources"],
    "core.v1.PersistentVolume": ["spec", "status"],
    "core.v1.Pod": ["spec", "status"],
    "core.v1.Service": ["spec", "status"],
    "core.v1.ServiceStatus": ["loadBalancer"],
    "core.v1.Namespace": ["spec", "status"],
    "core.v1.Node": ["spec", "status"],
    "core.v1.NodeStatus": ["daemonEndpoints", "nodeInfo"],
    "core.v1.NodeRuntimeHandler": ["name"],
    "core.v1.NodeDaemonEndpoints": ["kubeletEndpoint"],
    "core.v1.PodTemplateSpec": ["metadata", "spec"],
    "core.v1.PodTemplate": ["template"],
    "core.v1.PersistentVolumeClaimTemplate": ["metadata", "spec"],
    "core.v1.ReplicationController": ["spec", "status"],
    "core.v1.ResourceQuota": ["spec", "status"],
    "core.v1.LimitRange": ["spec"],
    "core.v1.Event": ["involvedObject", "source", "reportingComponent", "reportingInstance"],
    "core.v1.ContainerStatus": ["state", "lastState"],
    "apps.v1.Deployment": ["spec", "status"],
    "apps.v1.DeploymentSpec": ["strategy", "template"],
    "apps.v1.ReplicaSet": ["spec", "status"],
    "apps.v1.ReplicaSetSpec": ["template"],
    "apps.v1.StatefulSet": ["spec", "status"],
    "apps.v1.StatefulSetStatus": ["availableReplicas"],
    "apps.v1.StatefulSetSpec": ["serviceName", "updateStrategy", "template"],
    "apps.v1.DaemonSet": ["spec", "status"],
    "apps.v1.DaemonSetSpec": ["updateStrategy", "template"],
    "batch.v1.Job": ["spec", "status"],
    "batch.v1.JobSpec": ["template"],
    "batch.v1.CronJob": ["spec", "status"],
    "batch.v1.CronJobSpec": ["jobTemplate"],
    "batch.v1.JobTemplateSpec": ["metadata", "spec"],
    "batch.v1beta1.CronJob": ["spec", "status"],
    "batch.v1beta1.CronJobSpec": ["jobTemplate"],
    "batch.v1beta1.JobTemplateSpec": ["metadata", "spec"],
    "policy.v1.PodDisruptionBudget": ["spec", "status"],
    "policy.v1beta1.PodDisruptionBudget": ["spec", "status"],
    "networking.v1.Ingress": ["spec", "status"],
    "networking.v1.IngressStatus": ["loadBalancer"],
    "networking.v1.IngressClass": ["spec"],
    "networking.v1.NetworkPolicy": ["spec"],
    "networking.v1.ServiceCIDR": ["spec", "status"],
    "networking.v1.IPAddress": ["spec"],
    "coordination.v1.Lease": ["spec"],
    "autoscaling.v1.HorizontalPodAutoscaler": ["spec", "status"],
    "autoscaling.v2.HorizontalPodAutoscaler": ["spec", "status"],
    "autoscaling.v1.Scale": ["spec", "status"],
    "discovery.v1.Endpoint": ["conditions"],
    "discovery.v1beta1.Endpoint": ["conditions"],
    "storage.v1.CSIDriver": ["spec"],
    "storage.v1.CSINode": ["spec"],
    "storage.v1.VolumeAttachment": ["spec", "status"],
    "apiextensions.v1.CustomResourceDefinition": ["spec", "status"],
    "apiextensions.v1.CustomResourceDefinitionStatus": ["acceptedNames", "storedVersions"],
    "admissionregistration.v1.MutatingWebhook": ["clientConfig"],
    "admissionregistration.v1.ValidatingWebhook": ["clientConfig"],
    "rbac.v1.ClusterRoleBinding": ["roleRef"],
    "rbac.v1.RoleBinding": ["roleRef"],
    "events.v1.Event": ["regarding", "deprecatedSource"],
    "flowcontrol.v1.FlowSchema": ["spec", "status"],
    "flowcontrol.v1.PriorityLevelConfiguration": ["spec", "status"],
    "apiregistration.v1.APIService": ["spec", "status"],
    "certificates.v1.CertificateSigningRequest": ["spec", "status"],
    "authentication.v1.TokenReview": ["spec", "status"],
    "authentication.v1.TokenRequest": ["spec", "status"],
    "authorization.v1.SubjectAccessReview": ["spec", "status"],
    "authorization.v1.SelfSubjectAccessReview": ["spec", "status"],
    "authorization.v1.LocalSubjectAccessReview": ["spec", "status"],
    "authorization.v1.SelfSubjectRulesReview": ["spec", "status"],
    "resource.v1.ResourceClaim": ["spec", "status"],
    "resource.v1.DeviceClass": ["spec"],
    "resource.v1.ResourceSlice": ["spec"],
    "resource.v1.ResourceSliceSpec": ["pool"],
    "resource.v1.ResourceClaimTemplate": ["spec"],
    "apiextensions.v1.CustomResourceDefinitionSpec": ["names"],
    "admissionregistration.v1.ValidatingAdmissionPolicy": ["spec", "status"],
    "admissionregistration.v1.ValidatingAdmissionPolicyBinding": ["spec"],
    "storage.v1.VolumeAttachmentSpec": ["source"],
    "flowcontrol.v1.FlowSchemaSpec": ["priorityLevelConfiguration", "matchingPrecedence"],
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": ["limitResponse"],
    "autoscaling.v1.HorizontalPodAutoscalerSpec": ["scaleTargetRef"],
    "autoscaling.v2.HorizontalPodAutoscalerSpec": ["scaleTargetRef"],
    **{f"autoscaling.v2.{source}MetricSource": members for source, members in METRICS.items()},
    **{f"autoscaling.v2.{source}MetricStatus": ["current" if member == "target" else member for member in members]
       for source, members in METRICS.items()},
    "core.v1.WeightedPodAffinityTerm": ["podAffinityTerm"],
    "core.v1.PreferredSchedulingTerm": ["preference"],
    "networking.v1.HTTPIngressPath": ["backend"],
    "networking.v1.IngressServiceBackend": ["port"],
    "resource.v1.ResourceClaimSpec": ["devices"],
    "resource.v1.AllocationResult": ["devices"],
    "resource.v1.DeviceCapacity": ["value"],
    "resource.v1.ResourceClaimTemplateSpec": ["metadata", "spec"],
}

# Members that a server sends as null when they are not set: neither optional nor plain in its own types.
NULLS = {
    "batch.v1.PodFailurePolicy": ["rules"],
    "core.v1.ProjectedVolumeSource": ["sources"],
    "storage.v1.CSINodeDriver": ["topologyKeys"],
    "resource.v1.AllocatedDeviceStatus": ["conditions"],
    "resource.v1.DeviceClaim": ["requests"],
    "core.v1.TypedLocalObjectReference": ["apiGroup"],
    "core.v1.TypedObjectReference": ["apiGroup"],
    "core.v1.AzureFilePersistentVolumeSource": ["secretNamespace"],
    "core.v1.ContainerImage": ["names"],
    "flowcontrol.v1.ResourcePolicyRule": ["namespaces"],
    "certificates.v1.CertificateSigningRequestSpec": ["request"],
    "networking.v1.HTTPIngressPath": ["pathType"],
    "admissionregistration.v1.MutatingWebhook": ["sideEffects"],
    "admissionregistration.v1.ValidatingWebhook": ["sideEffects"],
    "core.v1.LimitRangeSpec": ["limits"],
    "core.v1.PodCondition": ["lastProbeTime", "lastTransitionTime"],
    "core.v1.NodeCondition": ["lastHeartbeatTime", "lastTransitionTime"],
    "core.v1.PersistentVolumeClaimCondition": ["lastProbeTime", "lastTransitionTime"],
    "core.v1.Event": ["eventTime", "firstTimestamp", "lastTimestamp"],
    "events.v1.Event": ["eventTime", "deprecatedFirstTimestamp", "deprecatedLastTimestamp"],
    "core.v1.ReplicationControllerCondition": ["lastTransitionTime"],
    "core.v1.ContainerStateRunning": ["startedAt"],
    "core.v1.ContainerStateTerminated": ["startedAt", "finishedAt"],
    "apps.v1.DeploymentCondition": ["lastUpdateTime", "lastTransitionTime"],
    "apps.v1.ReplicaSetCondition": ["lastTransitionTime"],
    "apps.v1.StatefulSetCondition": ["lastTransitionTime"],
    "apps.v1.DaemonSetCondition": ["lastTransitionTime"],
    "batch.v1.JobCondition": ["lastProbeTime", "lastTransitionTime"],
    "apps.v1.StatefulSetSpec": ["selector"],
    "apps.v1.DeploymentSpec": ["selector"],
    "apps.v1.DaemonSetSpec": ["selector"],
    "apps.v1.ReplicaSetSpec": ["selector"],
    "rbac.v1.ClusterRole": ["rules"],
    "rbac.v1.Role": ["rules"],
    "core.v1.PodSpec": ["containers"],
    "discovery.v1.EndpointSlice": ["ports", "endpoints"],
    "discovery.v1beta1.EndpointSlice": ["ports", "endpoints"],
    "discovery.v1.Endpoint": ["addresses"],
    "autoscaling.v2.HorizontalPodAutoscalerStatus": ["currentMetrics"],
    "networking.v1.IngressRule": [],
    "apiextensions.v1.CustomResourceDefinitionSpec": ["versions"],
    "apiextensions.v1.CustomResourceDefinitionStatus": ["conditions"],
    "storage.v1.CSINodeSpec": ["drivers"],
    "autoscaling.v2.HorizontalPodAutoscalerCondition": ["lastTransitionTime"],
    "core.v1.NamespaceCondition": ["lastTransitionTime"],
    "core.v1.EventSeries": ["lastObservedTime"],
    "certificates.v1.CertificateSigningRequestCondition": ["lastUpdateTime", "lastTransitionTime"],
    "storage.v1.VolumeError": ["time"],
    "flowcontrol.v1.FlowSchemaCondition": ["lastTransitionTime"],
    "apiregistration.v1.APIServiceCondition": ["lastTransitionTime"],
    "flowcontrol.v1.PriorityLevelConfigurationCondition": ["lastTransitionTime"],
    "resource.v1.ResourceSliceSpec": ["devices"],
    "meta.v1.Condition": ["lastTransitionTime"],
}

# The same up to a minor version: (definition, field) -> the last.
NULLS_UNTIL = {
    ("meta.v1.ObjectMeta", "creationTimestamp"): 33,
}

# References whose members writers share one by one, though their kind is else written as a whole.
GRANULAR = {("core.v1.PersistentVolumeSpec", "claimRef")}

# How lists are shared, where the documents say otherwise: (definition, field) -> the words, and the last minor version.
LISTS = {
    ("apiextensions.v1.CustomResourceDefinitionStatus", "conditions"): ("atomic", 20),
}

# Lists that say something else when empty than when absent.
KEEP_EMPTY_LIST = {
    "autoscaling.v2.HPAScalingRules": ["policies"],
    # Refused even if empty.
    "apiextensions.v1.JSONSchemaProps": ["dependencies"],
}

# Strings that are sent back though empty: pointers in the server's own types.
KEEP_EMPTY_STRING = {
    "*": [
        "storageClassName", "volumeAttributesClassName", "runtimeClassName", "loadBalancerClass", "apiGroup",
        "appProtocol", "holderIdentity", "localhostProfile", "ingressClassName", "managedBy", "timeZone",
        "mountPropagation", "nodeName", "volumeMode",
    ],
    "core.v1.GRPCAction": ["service"],
    "core.v1.HostPathVolumeSource": ["type"],
    "core.v1.PodDNSConfigOption": ["value"],
    "discovery.v1.EndpointPort": ["name", "protocol"],
    "discovery.v1beta1.EndpointPort": ["name", "protocol"],
    "discovery.v1.Endpoint": ["hostname", "zone"],
    "core.v1.ExecAction": [],
    "admissionregistration.v1.MatchResources": ["matchPolicy"],
    "admissionregistration.v1.MutatingWebhook": ["failurePolicy", "matchPolicy", "reinvocationPolicy"],
    "admissionregistration.v1.NamedRuleWithOperations": ["scope"],
    "admissionregistration.v1.ParamRef": ["parameterNotFoundAction"],
    "admissionregistration.v1.RuleWithOperations": ["scope"],
    "admissionregistration.v1.ServiceReference": ["path"],
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": ["failurePolicy"],
    "admissionregistration.v1.ValidatingWebhook": ["failurePolicy", "matchPolicy"],
    "admissionregistration.v1.Validation": ["reason"],
    "admissionregistration.v1.WebhookClientConfig": ["url"],
    "apiextensions.v1.CustomResourceDefinitionVersion": ["deprecationWarning"],
    "apiextensions.v1.CustomResourceSubresourceScale": ["labelSelectorPath"],
    "apiextensions.v1.JSONSchemaProps": ["$ref", "x-kubernetes-list-type", "x-kubernetes-map-type"],
    "apiextensions.v1.ServiceReference": ["path"],
    "apiextensions.v1.ValidationRule": ["reason"],
    "apiextensions.v1.WebhookClientConfig": ["url"],
    "apiextensions.v1beta1.CustomResourceDefinitionVersion": ["deprecationWarning"],
    "apiextensions.v1beta1.CustomResourceSubresourceScale": ["labelSelectorPath"],
    "apiextensions.v1beta1.JSONSchemaProps": ["$ref", "x-kubernetes-list-type", "x-kubernetes-map-type"],
    "apiextensions.v1beta1.ServiceReference": ["path"],
    "apiextensions.v1beta1.WebhookClientConfig": ["url"],
    "autoscaling.v2.HPAScalingRules": ["selectPolicy"],
    "autoscaling.v2beta2.HPAScalingRules": ["selectPolicy"],
    "batch.v1.JobSpec": ["completionMode", "podReplacementPolicy"],
    "batch.v1.JobStatus": ["failedIndexes"],
    "batch.v1.PodFailurePolicyOnExitCodesRequirement": ["containerName"],
    "batch.v1.SuccessPolicyRule": ["succeededIndexes"],
    "coordination.v1.LeaseSpec": ["preferredHolder", "strategy"],
    "core.v1.AzureDiskVolumeSource": ["cachingMode", "fsType", "kind"],
    "core.v1.AzureFilePersistentVolumeSource": ["secretNamespace"],
    "core.v1.CSIVolumeSource": ["fsType"],
    "core.v1.ClusterTrustBundleProjection": ["name", "signerName"],
    "core.v1.Container": ["restartPolicy"],
    "core.v1.ContainerStatus": ["stopSignal"],
    "core.v1.GlusterfsPersistentVolumeSource": ["endpointsNamespace"],
    "core.v1.ISCSIPersistentVolumeSource": ["initiatorName"],
    "core.v1.ISCSIVolumeSource": ["initiatorName"],
    "core.v1.Lifecycle": ["stopSignal"],
    "core.v1.LoadBalancerIngress": ["ipMode"],
    "core.v1.LocalVolumeSource": ["fsType"],
    "core.v1.PersistentVolumeClaimStatus": ["currentVolumeAttributesClassName"],
    "core.v1.PodResourceClaim": ["resourceClaimName", "resourceClaimTemplateName"],
    "core.v1.PodResourceClaimStatus": ["resourceClaimName"],
    "core.v1.PodSecurityContext": ["fsGroupChangePolicy", "seLinuxChangePolicy", "supplementalGroupsPolicy"],
    "core.v1.PodSpec": ["hostnameOverride", "preemptionPolicy"],
    "core.v1.PortStatus": ["error"],
    "core.v1.SecurityContext": ["procMount"],
    "core.v1.ServiceSpec": ["internalTrafficPolicy", "ipFamilyPolicy", "trafficDistribution"],
    "core.v1.TopologySpreadConstraint": ["nodeAffinityPolicy", "nodeTaintsPolicy"],
    "core.v1.TypedObjectReference": ["namespace"],
    "core.v1.VolumeMount": ["recursiveReadOnly"],
    "core.v1.VolumeMountStatus": ["recursiveReadOnly"],
    "core.v1.WindowsSecurityContextOptions": ["gmsaCredentialSpec", "gmsaCredentialSpecName", "runAsUserName"],
    "discovery.v1beta1.Endpoint": ["hostname"],
    "extensions.v1beta1.HTTPIngressPath": ["pathType"],
    "meta.v1.DeleteOptions": ["propagationPolicy"],
    "meta.v1.Preconditions": ["resourceVersion", "uid"],
    "networking.v1.HTTPIngressPath": ["pathType"],
    "networking.v1.IngressClassParametersReference": ["namespace", "scope"],
    "networking.v1.IngressPortStatus": ["error"],
    "networking.v1.NetworkPolicyPort": ["protocol"],
    "networking.v1beta1.HTTPIngressPath": ["pathType"],
    "policy.v1.PodDisruptionBudgetSpec": ["unhealthyPodEvictionPolicy"],
    "policy.v1beta1.RuntimeClassStrategyOptions": ["defaultRuntimeClassName"],
    "resource.v1.AllocatedDeviceStatus": ["shareID"],
    "resource.v1.DeviceAttribute": ["string", "version"],
    "resource.v1.DeviceClassSpec": ["extendedResourceName"],
    "resource.v1.DeviceConstraint": ["distinctAttribute", "matchAttribute"],
    "resource.v1.DeviceRequestAllocationResult": ["shareID"],
    "scheduling.v1.PriorityClass": ["preemptionPolicy"],
    "storage.v1.CSIDriverSpec": ["fsGroupPolicy"],
    "storage.v1.StorageClass": ["reclaimPolicy", "volumeBindingMode"],
    "storage.v1.VolumeAttachmentSource": ["persistentVolumeName"],
}
DROP_EMPTY_STRING = {
    "core.v1.PodSpec": ["nodeName"], "rbac.v1.Subject": ["apiGroup"], "core.v1.PersistentVolumeSpec": ["storageClassName"],
    "resource.v1.ResourceClaimConsumerReference": ["apiGroup"], "networking.v1.ParentReference": ["name", "resource"]}

# Members behind features that are off by default: read over in silence. (definition, field) -> the minor versions.
GATED = {
    ("core.v1.Volume", "image"): (31, 34),
    ("core.v1.EnvVarSource", "fileKeyRef"): (34, 34),
    ("core.v1.VolumeProjection", "clusterTrustBundle"): (27, 34),
    ("core.v1.VolumeProjection", "podCertificate"): (34, 34),
    ("core.v1.PodSpec", "hostnameOverride"): (34, 34),
    ("core.v1.Container", "restartPolicyRules"): (34, 34),
    ("core.v1.Lifecycle", "stopSignal"): (33, 34),
    ("core.v1.ContainerStatus", "allocatedResourcesStatus"): (31, 34),
    ("core.v1.PodStatus", "extendedResourceClaimStatus"): (34, 34),
    ("apps.v1.RollingUpdateStatefulSetStrategy", "maxUnavailable"): (24, 34),
    ("coordination.v1.LeaseSpec", "strategy"): (31, 34),
    ("coordination.v1.LeaseSpec", "preferredHolder"): (31, 34),
    ("storage.v1.CSIDriverSpec", "nodeAllocatableUpdatePeriodSeconds"): (33, 34),
    ("storage.v1.VolumeError", "errorCode"): (33, 34),
    ("autoscaling.v2.HPAScalingRules", "tolerance"): (33, 34),
    ("resource.v1.DeviceClassSpec", "extendedResourceName"): (34, 34),
    ("resource.v1.ResourceSliceSpec", "perDeviceNodeSelection"): (33, 34),
    ("resource.v1.ResourceSliceSpec", "sharedCounters"): (33, 34),
    ("resource.v1.Device", "allNodes"): (33, 34),
    ("resource.v1.Device", "allowMultipleAllocations"): (34, 34),
    ("resource.v1.Device", "bindingConditions"): (34, 34),
    ("resource.v1.Device", "bindingFailureConditions"): (34, 34),
    ("resource.v1.Device", "bindsToNode"): (34, 34),
    ("resource.v1.Device", "consumesCounters"): (33, 34),
    ("resource.v1.Device", "nodeName"): (33, 34),
    ("resource.v1.Device", "nodeSelector"): (33, 34),
    ("resource.v1.Device", "taints"): (33, 34),
    ("resource.v1.DeviceCapacity", "requestPolicy"): (34, 34),
    ("resource.v1.AllocationResult", "allocationTimestamp"): (34, 34),
    ("resource.v1.DeviceRequestAllocationResult", "bindingConditions"): (34, 34),
    ("resource.v1.DeviceRequestAllocationResult", "bindingFailureConditions"): (34, 34),
    ("core.v1.PodSpec", "ephemeralContainers"): (16, 22),
    ("core.v1.Volume", "ephemeral"): (19, 20),
    ("core.v1.ServiceSpec", "ipFamilies"): (16, 20),
    ("core.v1.ServiceSpec", "ipFamilyPolicy"): (20, 20),
    ("core.v1.ServiceSpec", "allocateLoadBalancerNodePorts"): (20, 20),
    ("storage.v1.CSIDriverSpec", "storageCapacity"): (19, 20),
    ("storage.v1.CSIDriverSpec", "requiresRepublish"): (20, 20),
    ("storage.v1.CSIDriverSpec", "tokenRequests"): (20, 20),
}

# Numbers that are left out when zero: plain values in the server's own types. Other optional numbers are pointers.
DROP_ZERO = {
    "*": [
        "minReadySeconds", "observedGeneration", "generation", "updatedReplicas", "readyReplicas", "availableReplicas",
        "unavailableReplicas", "fullyLabeledReplicas", "currentReplicas", "updatedNumberScheduled", "numberAvailable",
        "numberUnavailable", "hostPort", "nodePort", "healthCheckNodePort", "count", "deprecatedCount", "partition",
        "priority", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold",
        "signal", "active", "succeeded", "failed", "limit",
    ],
    "autoscaling.v1.ScaleSpec": ["replicas"],
    "networking.v1.ServiceBackendPort": ["number"],
    "apps.v1.DeploymentStatus": ["replicas"],
    "core.v1.ContainerImage": ["sizeBytes"],
    "flowcontrol.v1.QueuingConfiguration": ["handSize", "queues", "queueLengthLimit"],
}
KEEP_ZERO = {
    "apps.v1.RollingUpdateStatefulSetStrategy": ["partition"],
    "core.v1.PodSpec": ["priority"],
    "apps.v1.StatefulSetStatus": ["availableReplicas"],
    "admissionregistration.v1.MutatingWebhook": ["timeoutSeconds"],
    "admissionregistration.v1.ValidatingWebhook": ["timeoutSeconds"],
    "core.v1.ClientIPConfig": ["timeoutSeconds"],
    "autoscaling.v1.HorizontalPodAutoscalerStatus": ["observedGeneration"],
    "autoscaling.v2.HorizontalPodAutoscalerStatus": ["observedGeneration"],
    "storage.v1.VolumeNodeResources": ["count"],
}

# Booleans that are left out when false. Other optional booleans are pointers.
DROP_FALSE = {
    "*": [
        "hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "paused", "continue",
        "publishNotReadyAddresses", "unschedulable", "globalDefault", "preserveUnknownFields", "deprecated",
        "exclusiveMaximum", "exclusiveMinimum", "uniqueItems", "nullable", "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string", "chapAuthDiscovery", "chapAuthSession", "sslEnabled", "insecureSkipTLSVerify",
    ],
    "authentication.v1.TokenReviewStatus": ["authenticated"],
    "authorization.v1.SubjectAccessReviewStatus": ["denied"],
    "flowcontrol.v1.ResourcePolicyRule": ["clusterScope"],
}
KEEP_FALSE = {"core.v1.CSIVolumeSource": ["readOnly"], "core.v1.AzureDiskVolumeSource": ["readOnly"]}

//! What all pods of a launch have in common: no root, no writable root file system, no way to more
//! rights, no access to the cluster's interface.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, EmptyDirVolumeSource, EnvVar, PodSecurityContext, PodSpec,
        PodTemplateSpec, ResourceRequirements, SeccompProfile, SecurityContext, Volume,
        VolumeMount,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};

use super::{Cluster, Resources};

/// The user that images without a root user call `nonroot`.
const USER: i64 = 65_532;
/// Where pods may write, and what it may take.
pub(super) const SCRATCH: &str = "/tmp";
const SCRATCH_SIZE: &str = "1Gi";

/// A container of the launch's image that runs `pondersweep` with these arguments.
pub(super) fn container(cluster: &Cluster, part: &str, arguments: Vec<String>) -> Container {
    Container {
        name: part.to_owned(),
        image: Some(cluster.image.clone()),
        args: Some(arguments),
        // For `kubectl logs`: as much as workers elsewhere say, and without colours.
        env: Some(variables(&[("NO_COLOR", "1"), ("PONDERSWEEP_LOG", "info")])),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".into()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![mount("scratch", SCRATCH, false)]),
        ..Container::default()
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<EnvVar> {
    let variable = |&(name, value): &(&str, &str)| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    };
    pairs.iter().map(variable).collect()
}

/// A pod of one container.
pub(super) fn template(
    cluster: &Cluster,
    container: Container,
    mut volumes: Vec<Volume>,
) -> PodTemplateSpec {
    let labels = cluster.labels(&container.name);
    volumes.insert(0, scratch());
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            containers: vec![container],
            volumes: Some(volumes),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(USER),
                run_as_group: Some(USER),
                // Secrets and volumes belong to root; the group may read them.
                fs_group: Some(USER),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".into(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            ..PodSpec::default()
        }),
    }
}

/// A volume in a container's file system.
pub(super) fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// Adds a volume to a container.
pub(super) fn add_mount(container: &mut Container, mount: VolumeMount) {
    container.volume_mounts.get_or_insert_default().push(mount);
}

/// What a container asks for and gets. Processors are not limited: throttled training is only slow.
pub(super) fn requirements(resources: &Resources) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        pairs
            .iter()
            .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
            .collect()
    };
    let mut limits = quantities(&[("memory", &resources.memory)]);
    if resources.gpus > 0 {
        // Devices are limits only: Kubernetes asks for as many by itself.
        limits.extend(quantities(&[(
            "nvidia.com/gpu",
            &resources.gpus.to_string(),
        )]));
    }
    ResourceRequirements {
        requests: Some(quantities(&[
            ("cpu", &resources.cpu),
            ("memory", &resources.memory),
        ])),
        limits: Some(limits),
        ..ResourceRequirements::default()
    }
}

fn scratch() -> Volume {
    Volume {
        name: "scratch".into(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(SCRATCH_SIZE.into())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

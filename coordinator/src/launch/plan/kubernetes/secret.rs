//! The secret with what lets workers in, and how a container gets at it: as files, never as
//! arguments or environment.

use k8s_openapi::api::core::v1::{Container, Secret, SecretVolumeSource, Volume};

use super::{
    Access, Cluster,
    pod::{add_mount, mount},
};

const FOLDER: &str = "/run/pondersweep";
/// Read by the user's group, which `fsGroup` makes the secret's.
const MODE: i32 = 0o440;

/// The secret, if the manifest makes one.
pub(super) fn secret(cluster: &Cluster) -> Option<Secret> {
    let Access::Inline(credentials) = &cluster.credentials else {
        return None;
    };
    let files = credentials.files();
    let files = files.map(|(credential, content)| (credential.to_string(), content.to_owned()));
    Some(Secret {
        metadata: cluster.metadata("access"),
        string_data: Some(files.collect()),
        type_: Some("Opaque".into()),
        ..Secret::default()
    })
}

/// Shows a worker's container the secret; returns the volume it lies in.
pub(super) fn show_to(container: &mut Container, cluster: &Cluster) -> Option<Volume> {
    let (name, files) = match &cluster.credentials {
        Access::Open => return None,
        Access::Existing { secret, files } => (secret.clone(), files.clone()),
        Access::Inline(credentials) => {
            let files = credentials.files().map(|(credential, _)| credential);
            (cluster.object_name("access"), files.collect())
        }
    };
    let arguments = container.args.get_or_insert_default();
    for file in files {
        arguments.extend([file.flag().to_owned(), format!("{FOLDER}/{file}")]);
    }
    add_mount(container, mount("access", FOLDER, true));
    Some(Volume {
        name: "access".into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name),
            default_mode: Some(MODE),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    })
}

//! The secret with what lets workers in, and how a container gets at it: as files, never as
//! arguments or environment.

use k8s_openapi::api::core::v1::{Container, Secret, SecretVolumeSource, Volume};

use super::{
    Access, Cluster,
    pod::{add_mount, mount},
};

const FOLDER: &str = "/run/pondersweep";
const TOKEN: &str = "token";
const CERTIFICATE_AUTHORITY: &str = "ca.pem";
/// Read by the user's group, which `fsGroup` makes the secret's.
const MODE: i32 = 0o440;

/// The secret, if the manifest makes one.
pub(super) fn secret(cluster: &Cluster) -> Option<Secret> {
    let Access::Inline(credentials) = &cluster.credentials else {
        return None;
    };
    let files = [
        (TOKEN, credentials.token()),
        (CERTIFICATE_AUTHORITY, credentials.certificate_authority()),
    ];
    let files = files
        .into_iter()
        .filter_map(|(name, content)| Some((name.to_owned(), content?.to_owned())));
    Some(Secret {
        metadata: cluster.metadata("access"),
        string_data: Some(files.collect()),
        type_: Some("Opaque".into()),
        ..Secret::default()
    })
}

/// Shows a worker's container the secret; returns the volume it lies in.
pub(super) fn show_to(container: &mut Container, cluster: &Cluster) -> Option<Volume> {
    let (name, token, certificate_authority) = match &cluster.credentials {
        Access::Open => return None,
        Access::Existing {
            secret,
            token,
            certificate_authority,
        } => (secret.clone(), *token, *certificate_authority),
        Access::Inline(credentials) => {
            let has = (
                credentials.token().is_some(),
                credentials.certificate_authority().is_some(),
            );
            (cluster.object_name("access"), has.0, has.1)
        }
    };
    let flags = [
        (token, "--token-file", TOKEN),
        (certificate_authority, "--tls-ca", CERTIFICATE_AUTHORITY),
    ];
    for (_, flag, file) in flags.into_iter().filter(|(has, ..)| *has) {
        let arguments = container.args.get_or_insert_default();
        arguments.extend([flag.to_owned(), format!("{FOLDER}/{file}")]);
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

//! The coordinator in the cluster: one pod with a volume of its own, a service to find it by, and a
//! rule that lets only this launch's workers reach it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec},
        core::v1::{
            Container, ContainerPort, GRPCAction, PersistentVolumeClaim, PersistentVolumeClaimSpec,
            Probe, Service, ServicePort, ServiceSpec, VolumeResourceRequirements,
        },
        networking::v1::{
            NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
            NetworkPolicySpec,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{
    Cluster, Coordinator, PORT, Resources,
    pod::{self, add_mount, mount},
};

const PART: &str = "coordinator";
const WORKERS: &str = "worker";
const FOLDER: &str = "/data";
/// How long it may take to close the database, in seconds.
const GRACE_SECONDS: i64 = 30;
/// How often it is asked how it does, in seconds.
const PROBE_SECONDS: i32 = 10;
/// A database with a million trials is restored within this many questions.
const STARTUP_PROBES: i32 = 60;

/// A name by which workers find the pod.
pub(super) fn service(cluster: &Cluster) -> Service {
    Service {
        metadata: cluster.metadata(PART),
        spec: Some(ServiceSpec {
            // Headless: there is one pod, and gRPC keeps its connections.
            cluster_ip: Some("None".into()),
            selector: Some(cluster.labels(PART)),
            ports: Some(vec![ServicePort {
                name: Some("grpc".into()),
                port: PORT.into(),
                app_protocol: Some("kubernetes.io/h2c".into()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Only this launch's workers reach the coordinator. People come in by `kubectl port-forward`.
pub(super) fn network_policy(cluster: &Cluster) -> NetworkPolicy {
    let peer = NetworkPolicyPeer {
        pod_selector: Some(selector(cluster.labels(WORKERS))),
        ..NetworkPolicyPeer::default()
    };
    let port = NetworkPolicyPort {
        port: Some(IntOrString::Int(PORT.into())),
        ..NetworkPolicyPort::default()
    };
    NetworkPolicy {
        metadata: cluster.metadata(PART),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(cluster.labels(PART))),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(vec![peer]),
                ports: Some(vec![port]),
            }]),
            ..NetworkPolicySpec::default()
        }),
    }
}

/// One pod that keeps its volume.
pub(super) fn stateful_set(cluster: &Cluster, coordinator: &Coordinator) -> StatefulSet {
    let mut template = pod::template(cluster, container(cluster), Vec::new());
    let spec = template.spec.as_mut().expect("the template has one");
    spec.termination_grace_period_seconds = Some(GRACE_SECONDS);
    StatefulSet {
        metadata: cluster.metadata(PART),
        spec: Some(StatefulSetSpec {
            // Two on one database would refuse each other.
            replicas: Some(1),
            service_name: Some(cluster.object_name(PART)),
            selector: selector(cluster.labels(PART)),
            template,
            volume_claim_templates: Some(vec![claim(&coordinator.storage)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn container(cluster: &Cluster) -> Container {
    let listen = format!("0.0.0.0:{PORT}");
    let database = format!("{FOLDER}/results.db");
    let arguments = [
        "serve",
        "--listen",
        &listen,
        "--insecure",
        "--db",
        &database,
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    let mut container = Container {
        ports: Some(vec![ContainerPort {
            name: Some("grpc".into()),
            container_port: PORT.into(),
            ..ContainerPort::default()
        }]),
        resources: Some(pod::requirements(&Resources {
            cpu: "1".into(),
            memory: "1Gi".into(),
            gpus: 0,
        })),
        startup_probe: Some(Probe {
            failure_threshold: Some(STARTUP_PROBES),
            ..health()
        }),
        readiness_probe: Some(health()),
        ..pod::container(cluster, PART, arguments)
    };
    add_mount(&mut container, mount("data", FOLDER, false));
    container
}

/// Asks gRPC's own health service, which says no while the store cannot be written. Not a reason to
/// kill it: a coordinator whose disk fails ends by itself.
fn health() -> Probe {
    Probe {
        grpc: Some(GRPCAction {
            port: PORT.into(),
            service: None,
        }),
        period_seconds: Some(PROBE_SECONDS),
        ..Probe::default()
    }
}

fn claim(storage: &str) -> PersistentVolumeClaim {
    let amount = (String::from("storage"), Quantity(storage.to_owned()));
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some("data".into()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOncePod".into()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some([amount].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

fn selector(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    }
}

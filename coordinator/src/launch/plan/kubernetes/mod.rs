//! What a Kubernetes cluster is told: an Indexed Job of workers, and, unless the coordinator is
//! elsewhere, the coordinator with its service, its volume and the rule who may reach it. Built of
//! typed objects, so that a misspelt field does not compile. Applying it is `kubectl`'s business.

mod coordinator;
mod pod;
mod secret;
mod worker;

use k8s_openapi::{Metadata, Resource, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde::Serialize;
use serde_json::Value;

use super::{Credential, Credentials, LaunchName, WorkerPlan, to_yaml};

/// The port of the coordinator in the cluster.
pub const PORT: u16 = 7878;

/// What is asked of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The launch; every object carries its name.
    pub name: LaunchName,
    /// The namespace; the one of whoever applies it unless named.
    pub namespace: Option<String>,
    /// The image with the program.
    pub image: String,
    /// Workers, each an index of the job.
    pub workers: u32,
    /// How they are started. Its coordinator counts only if [`Self::coordinator`] is `None`.
    pub worker: WorkerPlan,
    /// What every worker is given.
    pub resources: Resources,
    /// The coordinator, if it shall run in the cluster.
    pub coordinator: Option<Coordinator>,
    /// What lets workers in.
    pub credentials: Access,
}

/// What a container is given, in Kubernetes' quantities such as `500m` and `2Gi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Processors.
    pub cpu: String,
    /// Memory.
    pub memory: String,
    /// NVIDIA devices.
    pub gpus: u32,
}

/// The coordinator in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinator {
    /// Size of the volume for results and checkpoints.
    pub storage: String,
}

/// What lets workers in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is needed.
    Open,
    /// A secret that is there already.
    Existing {
        /// Its name.
        secret: String,
        /// What it has, under the names of the files.
        files: Vec<Credential>,
    },
    /// A secret that the manifest makes. The manifest is then as secret as they are.
    Inline(Credentials),
}

impl Cluster {
    /// The objects, in the order in which they should come into being.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        objects.extend(secret::secret(self).map(|object| document(&object)));
        if let Some(coordinator) = &self.coordinator {
            objects.push(document(&coordinator::service(self)));
            objects.push(document(&coordinator::network_policy(self)));
            objects.push(document(&coordinator::stateful_set(self, coordinator)));
        }
        objects.push(document(&worker::job(self)));
        objects
    }

    /// The objects as YAML documents.
    #[must_use]
    pub fn manifest(&self) -> String {
        let documents: Vec<String> = self.objects().iter().map(to_yaml).collect();
        documents.join("---\n")
    }

    /// Names and labels of an object of this launch.
    fn metadata(&self, part: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.object_name(part)),
            namespace: self.namespace.clone(),
            labels: Some(self.labels(part)),
            ..ObjectMeta::default()
        }
    }

    /// The name of the object that is this part of the launch.
    #[must_use]
    pub fn object_name(&self, part: &str) -> String {
        format!("pondersweep-{}-{part}", self.name)
    }

    /// The labels that Kubernetes recommends, with which the parts of a launch find each other.
    fn labels(&self, part: &str) -> std::collections::BTreeMap<String, String> {
        let labels = [
            ("app.kubernetes.io/name", "pondersweep"),
            ("app.kubernetes.io/instance", self.name.as_str()),
            ("app.kubernetes.io/component", part),
        ];
        labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }
}

fn document<T: Serialize + Resource + Metadata<Ty = ObjectMeta>>(object: &T) -> Value {
    serde_json::to_value(object).expect("objects have only text keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        Cluster {
            name: "demo".parse().unwrap(),
            namespace: None,
            image: "registry.example/pondersweep:1".into(),
            workers: 4,
            worker: WorkerPlan::for_coordinator("http://head:7878"),
            resources: Resources {
                cpu: "2".into(),
                memory: "4Gi".into(),
                gpus: 0,
            },
            coordinator: None,
            credentials: Access::Open,
        }
    }

    /// The pods of the manifest's objects.
    fn pods(objects: &[Value]) -> Vec<&Value> {
        let of_pods = objects
            .iter()
            .map(|object| &object["spec"]["template"]["spec"]);
        of_pods.filter(|pod| pod.is_object()).collect()
    }

    #[test]
    fn a_whole_manifest_reads_well() {
        let credentials = Credentials::new([(Credential::Token, "hush".into())]).unwrap();
        let whole = Cluster {
            coordinator: Some(Coordinator {
                storage: "10Gi".into(),
            }),
            credentials: Access::Inline(credentials),
            resources: Resources {
                gpus: 1,
                ..cluster().resources
            },
            ..cluster()
        };
        insta::assert_snapshot!(whole.manifest());
    }

    #[test]
    fn no_pod_is_root_or_may_write_its_root() {
        let coordinator = Some(Coordinator {
            storage: "1Gi".into(),
        });
        let objects = Cluster {
            coordinator,
            ..cluster()
        }
        .objects();
        let pods = pods(&objects);
        assert_eq!(pods.len(), 2);
        for pod in pods {
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            let container = &pod["containers"][0]["securityContext"];
            assert_eq!(container["readOnlyRootFilesystem"], true);
            assert_eq!(container["allowPrivilegeEscalation"], false);
        }
    }

    #[test]
    fn workers_of_a_coordinator_elsewhere_start_at_once_and_are_given_an_existing_secret() {
        let credentials = Access::Existing {
            secret: "mine".into(),
            files: vec![Credential::Token],
        };
        let objects = Cluster {
            credentials,
            ..cluster()
        }
        .objects();
        assert_eq!(objects.len(), 1, "{objects:?}");
        let job = &objects[0]["spec"];
        assert_eq!(job["suspend"], Value::Null);
        let pod = &job["template"]["spec"];
        assert_eq!(pod["volumes"][1]["secret"]["secretName"], "mine");
        let arguments = pod["containers"][0]["args"].to_string();
        assert!(arguments.contains("--token-file"), "{arguments}");
        assert!(!arguments.contains("--tls-ca"), "{arguments}");
        assert!(arguments.contains("http://head:7878"), "{arguments}");
    }
}

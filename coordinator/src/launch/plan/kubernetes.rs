//! What a Kubernetes cluster is told: an Indexed Job of workers, and, unless the coordinator is
//! elsewhere, the coordinator with its service, its volume and the rule who may reach it. The
//! `.yaml` files here are the manifest; this file says what is filled in. A misspelt field is found
//! by a system test, against the schemas that Kubernetes publishes. Applying it is `kubectl`'s
//! business.

mod template;

use serde_json::Value;

use self::template::{Values, fill};
use super::{Credential, Credentials, LaunchName, WorkerPlan};

const ACCESS: &str = include_str!("kubernetes/access.yaml");
const COORDINATOR: &str = include_str!("kubernetes/coordinator.yaml");
const WORKER: &str = include_str!("kubernetes/worker.yaml");
/// Where a worker finds its credentials.
const ACCESS_FOLDER: &str = "/run/pondersweep";
/// Added to the worker's own grace, in seconds, for the container to be taken down.
const GRACE_MARGIN_SECONDS: u64 = 10;
/// What leaving in order may take unless it is said: the worker's own default.
const DEFAULT_GRACE_SECONDS: u64 = 20;

/// The port of the coordinator in the cluster.
pub const PORT: u16 = 7878;

/// What is asked of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The launch; every object carries its name.
    pub name: LaunchName,
    /// The namespace; unless named, that of the user who applies the manifest.
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
    /// The objects as YAML documents, in the order in which they should come into being.
    #[must_use]
    pub fn manifest(&self) -> String {
        let is_inline = matches!(self.credentials, Access::Inline(_));
        let templates = [
            is_inline.then_some(ACCESS),
            self.coordinator.is_some().then_some(COORDINATOR),
            Some(WORKER),
        ];
        let values = self.values();
        let documents = templates
            .into_iter()
            .flatten()
            .map(|template| fill(template, &values));
        documents.collect::<Vec<_>>().join("---\n")
    }

    /// The name of the object that is this part of the launch.
    #[must_use]
    pub fn object_name(&self, part: &str) -> String {
        format!("pondersweep-{}-{part}", self.name)
    }

    fn values(&self) -> Values {
        fn all<T: Into<Value>>(values: impl IntoIterator<Item = T>) -> Vec<Value> {
            values.into_iter().map(Into::into).collect()
        }
        let Resources { cpu, memory, gpus } = &self.resources;
        let (secret, files) = self.access();
        let credential_arguments = files
            .into_iter()
            .flat_map(|file| [file.flag().to_owned(), format!("{ACCESS_FOLDER}/{file}")]);
        let content = |wanted| match &self.credentials {
            Access::Inline(credentials) => {
                let found = credentials
                    .files()
                    .find(|(credential, _)| *credential == wanted);
                all(found.map(|(_, content)| content))
            }
            _ => Vec::new(),
        };
        [
            ("launch", all([self.name.as_str()])),
            ("namespace", all(self.namespace.clone())),
            ("image", all([self.image.clone()])),
            ("coordinator", all([self.object_name("coordinator")])),
            ("worker", all([self.object_name("worker")])),
            ("port", all([PORT])),
            ("listen", all([format!("0.0.0.0:{PORT}")])),
            (
                "storage",
                all(self
                    .coordinator
                    .clone()
                    .map(|coordinator| coordinator.storage)),
            ),
            ("workers", all([self.workers])),
            ("suspend", all(self.coordinator.is_some().then_some(true))),
            ("grace_seconds", all([self.grace_seconds()])),
            ("argument", all(self.arguments())),
            ("credential_argument", all(credential_arguments)),
            ("cpu", all([cpu.clone()])),
            ("memory", all([memory.clone()])),
            ("gpus", all((*gpus > 0).then(|| gpus.to_string()))),
            ("secret", all(secret)),
            ("token", content(Credential::Token)),
            ("authority", content(Credential::Authority)),
            ("certificate", content(Credential::Certificate)),
            ("key", content(Credential::Key)),
        ]
        .into()
    }

    /// The secret that workers see, and what it has.
    fn access(&self) -> (Option<String>, Vec<Credential>) {
        match &self.credentials {
            Access::Open => (None, Vec::new()),
            Access::Existing { secret, files } => (Some(secret.clone()), files.clone()),
            Access::Inline(credentials) => {
                let files = credentials.files().map(|(credential, _)| credential);
                (Some(self.object_name("access")), files.collect())
            }
        }
    }

    fn arguments(&self) -> Vec<String> {
        let mut worker = self.worker.clone();
        if self.coordinator.is_some() {
            worker.coordinator = format!("http://{}:{PORT}", self.object_name("coordinator"));
        }
        // A job ends; workers that waited for ever would keep it from that.
        worker.exit_when_idle = true;
        worker.arguments()
    }

    /// How long a worker may take to leave, in seconds: Kubernetes counts with a sign.
    fn grace_seconds(&self) -> i64 {
        let grace = self.worker.grace_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
        i64::try_from(grace.saturating_add(GRACE_MARGIN_SECONDS)).unwrap_or(i64::MAX)
    }
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

    /// The kinds of a manifest's objects, in their order.
    fn kinds(manifest: &str) -> Vec<&str> {
        let kinds = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("kind: "));
        kinds.collect()
    }

    #[test]
    fn a_manifest_has_what_is_asked_for_in_the_order_in_which_it_comes_into_being() {
        assert_eq!(kinds(&cluster().manifest()), ["Job"]);
        let credentials = Credentials::new([(Credential::Token, "hush".into())]).unwrap();
        let whole = Cluster {
            namespace: Some("lab".into()),
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
        let manifest = whole.manifest();
        let expected = ["Secret", "Service", "NetworkPolicy", "StatefulSet", "Job"];
        assert_eq!(kinds(&manifest), expected);
        assert_eq!(
            manifest.matches("\n  namespace: \"lab\"\n").count(),
            expected.len()
        );
        for line in [
            "  token: \"hush\"",
            "  suspend: true # ",
            "        requests: {storage: \"10Gi\"}",
            "        - \"http://pondersweep-demo-coordinator:7878\"",
            "        - \"/run/pondersweep/token\"",
            "            nvidia.com/gpu: \"1\"",
            "      tolerations: [",
        ] {
            assert!(
                manifest.lines().any(|found| found.starts_with(line)),
                "{line}: {manifest}"
            );
        }
    }

    #[test]
    fn no_pod_is_root_or_may_write_its_root() {
        for template in [COORDINATOR, WORKER] {
            assert_eq!(template.matches("containers:").count(), 1);
            for line in [
                "        runAsNonRoot: true\n",
                "          readOnlyRootFilesystem: true\n",
                "          allowPrivilegeEscalation: false\n",
            ] {
                assert_eq!(template.matches(line).count(), 1, "{line}");
            }
        }
    }

    #[test]
    fn workers_of_a_coordinator_elsewhere_start_at_once_and_are_given_an_existing_secret() {
        let credentials = Access::Existing {
            secret: "mine".into(),
            files: vec![Credential::Token],
        };
        let manifest = Cluster {
            credentials,
            ..cluster()
        }
        .manifest();
        assert_eq!(kinds(&manifest), ["Job"]);
        for absent in [
            "suspend:",
            "--tls-ca",
            "tolerations:",
            "namespace:",
            "nvidia.com",
        ] {
            assert!(!manifest.contains(absent), "{absent}: {manifest}");
        }
        for present in [
            "secretName: \"mine\"",
            "\"--token-file\"",
            "\"http://head:7878\"",
        ] {
            assert!(manifest.contains(present), "{present}: {manifest}");
        }
    }
}

//! `pondersweep launch k8s`: prints what a Kubernetes cluster is told. Talks to no cluster.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use pondersweep_worker::say;

use super::arguments::{CredentialArgs, NameArgs, WorkerArgs};
use crate::{
    cli::output::print_text,
    launch::plan::{
        Credential,
        kubernetes::{Access, Cluster, Coordinator, Resources},
    },
};

/// Print a Kubernetes manifest: a job of workers, and a coordinator unless one is named
///
/// For `kubectl apply --filename -`. The program runs as an unprivileged user on a read-only file
/// system. The Containerfile builds the image.
#[derive(Debug, Args)]
pub(in crate::cli) struct K8sArgs {
    /// Workers, each an index of the job
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    workers: u32,
    /// The image with the program
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    image: String,
    /// Address of a coordinator elsewhere [default: one in the cluster]
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// Size of the volume for the coordinator's results and checkpoints
    #[arg(long, default_value = "10Gi", value_name = "QUANTITY", conflicts_with = "coordinator", value_parser = quantity)]
    storage: String,
    /// Processors of each worker
    #[arg(long, default_value = "1", value_name = "QUANTITY", value_parser = quantity)]
    cpu: String,
    /// Memory of each worker
    #[arg(long, default_value = "2Gi", value_name = "QUANTITY", value_parser = quantity)]
    memory: String,
    /// NVIDIA devices of each worker, on which it computes unless --device says otherwise
    #[arg(long, default_value = "0", value_name = "N")]
    gpus: u32,
    /// The namespace [default: kubectl's current one]
    #[arg(long, value_name = "NAME", value_parser = object_name)]
    namespace: Option<String>,
    /// An existing secret, for workers of a coordinator elsewhere
    #[arg(long, value_name = "NAME", value_parser = object_name, conflicts_with_all = ["token_file", "tls_ca", "tls_cert", "tls_key"])]
    secret: Option<String>,
    /// Files in the secret: token, ca.pem, cert.pem, key.pem
    #[arg(
        long,
        value_name = "FILES",
        default_value = "token",
        value_delimiter = ',',
        requires = "secret"
    )]
    secret_files: Vec<Credential>,
    #[command(flatten)]
    worker: WorkerArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    name: NameArgs,
}

/// Kubernetes' quantities, as far as they make sense here: a number and a unit.
fn quantity(text: &str) -> Result<String, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let units = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"];
    let positive = digits
        .parse::<f64>()
        .is_ok_and(|number| number > 0.0 && number.is_finite());
    match positive && units.contains(&&text[digits.len()..]) {
        true => Ok(text.to_owned()),
        false => Err("a quantity is a number and a unit, such as 500m, 4 or 2Gi".into()),
    }
}

/// What Kubernetes accepts as the name of an object; a namespace's has no dot, which it says itself.
fn object_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let ends_well = |end: Option<char>| end.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = text.len() <= 253 && text.chars().all(allowed);
    match fits && ends_well(text.chars().next()) && ends_well(text.chars().last()) {
        true => Ok(text.to_owned()),
        false => Err("a name has lower-case letters, digits, hyphens and dots".into()),
    }
}

fn image(text: &str) -> Result<String, String> {
    match !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("an image is a word such as registry.example/pondersweep:1".into()),
    }
}

pub(super) fn run(args: &K8sArgs) -> anyhow::Result<ExitCode> {
    // The coordinator in the cluster is found by the launch's name.
    let coordinator = args.coordinator.clone().unwrap_or_default();
    let insecure = args.credentials.is_insecure();
    let mut worker = args.worker.plan(coordinator, insecure);
    if worker.devices.is_empty() {
        let devices = (0..args.gpus).map(|number| format!("cuda:{number}"));
        worker.devices = devices.collect();
    }
    let cluster = Cluster {
        name: args.name.of(&["k8s"], &worker),
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        workers: args.workers,
        worker,
        resources: Resources {
            cpu: args.cpu.clone(),
            memory: args.memory.clone(),
            gpus: args.gpus,
        },
        coordinator: args.coordinator.is_none().then(|| Coordinator {
            storage: args.storage.clone(),
        }),
        credentials: access(args)?,
    };
    print_text(&cluster.manifest())?;
    if cluster.coordinator.is_some() {
        explain(&cluster);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how a sweep gets to a coordinator that is not there yet.
fn explain(cluster: &Cluster) {
    let coordinator = cluster.object_name("coordinator");
    let worker = cluster.object_name("worker");
    say!(
        "hint: workers are suspended; submit a sweep, then let them start:\n  \
         kubectl port-forward pod/{coordinator}-0 7878 &   # then: pondersweep submit FILE\n  \
         kubectl patch job {worker} --patch '{{\"spec\":{{\"suspend\":false}}}}'"
    );
}

fn access(args: &K8sArgs) -> anyhow::Result<Access> {
    let access = match &args.secret {
        Some(secret) => Access::Existing {
            secret: secret.clone(),
            files: args.secret_files.clone(),
        },
        None => match args.credentials.read()? {
            credentials if credentials.is_empty() => Access::Open,
            credentials => Access::Inline(credentials),
        },
    };
    match (&args.coordinator, &args.secret) {
        (None, _) => anyhow::ensure!(
            access == Access::Open,
            "the coordinator in the cluster knows no credentials: only its launch's workers reach it\n\
             hint: name a coordinator elsewhere with --coordinator URL, or leave the credentials out"
        ),
        (Some(url), None) => args.credentials.check(url)?,
        (Some(url), Some(secret)) => args
            .credentials
            .check_with(url, &args.secret_files)
            .with_context(|| {
                format!("the files of the secret {secret} (--secret-files) do not do")
            })?,
    }
    if matches!(access, Access::Inline(_)) {
        say!("note: the manifest contains the credentials; protect it as you do them");
    }
    Ok(access)
}

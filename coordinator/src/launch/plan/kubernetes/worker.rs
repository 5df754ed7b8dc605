//! The job of workers. An index is a worker, not a trial: what it trains it leases from the
//! coordinator, so an index that is run again takes up whatever is pending.

use k8s_openapi::api::{
    batch::v1::{
        Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
        PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
    },
    core::v1::{Container, ExecAction, PodTemplateSpec, Probe, Toleration},
};

use super::{Cluster, PORT, pod, secret};

const PART: &str = "worker";
/// Failures of one worker that are made good by another pod. The coordinator counts failures of
/// trials by itself; these are failures of machinery.
const MAX_FAILURES_PER_INDEX: i32 = 6;
/// A finished job is removed with its pods and logs after a day.
const KEPT_SECONDS: i32 = 86_400;
/// Beside the worker's own grace, in seconds: for the container to be taken down.
const GRACE_MARGIN_SECONDS: u64 = 10;
/// What leaving in order may take unless it is said: the worker's own default.
const DEFAULT_GRACE_SECONDS: u64 = 20;
/// How long the coordinator may take to appear, in seconds: images are pulled, volumes are bound.
const CONNECT_SECONDS: i32 = 600;
/// How often a worker that starts is asked, in seconds.
const PROBE_SECONDS: i32 = 10;
/// What a worker writes while its heart beats, in the one folder it may write.
const ALIVE_FILE: &str = "/tmp/alive";
/// Exit code of a worker that leaves before the work is done: with 0 its index would be, and nobody would
/// take its place.
const EXIT_STOPPED: u8 = 75;
/// Exit code for arguments that cannot be: no other pod would do better.
const EXIT_USAGE: i32 = 2;

/// The job.
pub(super) fn job(cluster: &Cluster) -> Job {
    let workers = i32::try_from(cluster.workers).unwrap_or(i32::MAX);
    Job {
        metadata: cluster.metadata(PART),
        spec: Some(JobSpec {
            completion_mode: Some("Indexed".into()),
            completions: Some(workers),
            parallelism: Some(workers),
            backoff_limit_per_index: Some(MAX_FAILURES_PER_INDEX),
            pod_failure_policy: Some(failure_policy()),
            // There is nothing to do yet for workers of a coordinator that comes into being with them.
            suspend: cluster.coordinator.is_some().then_some(true),
            // A pod that leaves in order still works: its successor need not wait for it.
            pod_replacement_policy: Some("Failed".into()),
            ttl_seconds_after_finished: Some(KEPT_SECONDS),
            template: template(cluster),
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// Disruptions, such as a node that is drained or preempted, are nobody's failure.
fn failure_policy() -> PodFailurePolicy {
    let disruption = PodFailurePolicyOnPodConditionsPattern {
        type_: "DisruptionTarget".into(),
        status: "True".into(),
    };
    let usage = PodFailurePolicyOnExitCodesRequirement {
        container_name: Some(PART.into()),
        operator: "In".into(),
        values: vec![EXIT_USAGE],
    };
    let rules = vec![
        PodFailurePolicyRule {
            action: "Ignore".into(),
            on_pod_conditions: Some(vec![disruption]),
            ..PodFailurePolicyRule::default()
        },
        PodFailurePolicyRule {
            action: "FailJob".into(),
            on_exit_codes: Some(usage),
            ..PodFailurePolicyRule::default()
        },
    ];
    PodFailurePolicy { rules }
}

fn template(cluster: &Cluster) -> PodTemplateSpec {
    let mut container = container(cluster);
    let volumes = secret::show_to(&mut container, cluster)
        .into_iter()
        .collect();
    let mut template = pod::template(cluster, container, volumes);
    let spec = template.spec.as_mut().expect("the template has one");
    // Asked for by pod failure policies: the job, not the node, starts pods again.
    spec.restart_policy = Some("Never".into());
    let grace = cluster
        .worker
        .grace_seconds
        .unwrap_or(DEFAULT_GRACE_SECONDS);
    let grace = i64::try_from(grace.saturating_add(GRACE_MARGIN_SECONDS)).unwrap_or(i64::MAX);
    spec.termination_grace_period_seconds = Some(grace);
    if cluster.resources.gpus > 0 {
        spec.tolerations = Some(vec![gpu_toleration()]);
    }
    template
}

fn container(cluster: &Cluster) -> Container {
    let mut worker = cluster.worker.clone();
    if cluster.coordinator.is_some() {
        worker.coordinator = format!("http://{}:{PORT}", cluster.object_name("coordinator"));
    }
    // A job ends; workers that waited for ever would keep it from that.
    worker.exit_when_idle = true;
    let mut arguments = vec!["worker".to_owned()];
    arguments.extend(worker.arguments());
    let waits = CONNECT_SECONDS.to_string();
    let stopped = EXIT_STOPPED.to_string();
    let more = [
        "--connect-timeout",
        &waits,
        "--alive-file",
        ALIVE_FILE,
        "--stopped-code",
        &stopped,
    ];
    arguments.extend(more.map(str::to_owned));
    Container {
        resources: Some(pod::requirements(&cluster.resources)),
        startup_probe: Some(Probe {
            period_seconds: Some(PROBE_SECONDS),
            // Longer than the worker itself waits for the coordinator: its own words tell more.
            failure_threshold: Some(2 * CONNECT_SECONDS / PROBE_SECONDS),
            ..heartbeat()
        }),
        liveness_probe: Some(heartbeat()),
        ..pod::container(cluster, PART, arguments)
    }
}

/// Asks whether the worker's heart beats, which it does while the coordinator is away, too.
fn heartbeat() -> Probe {
    let command = ["pondersweep", "launch", "probe", ALIVE_FILE];
    Probe {
        exec: Some(ExecAction {
            command: Some(command.map(str::to_owned).to_vec()),
        }),
        period_seconds: Some(3 * PROBE_SECONDS),
        timeout_seconds: Some(PROBE_SECONDS),
        ..Probe::default()
    }
}

/// Nodes with devices are usually kept free of what needs none.
fn gpu_toleration() -> Toleration {
    Toleration {
        key: Some("nvidia.com/gpu".into()),
        operator: Some("Exists".into()),
        effect: Some("NoSchedule".into()),
        ..Toleration::default()
    }
}

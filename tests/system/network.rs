//! A coordinator and two workers on machines of their own, with a network between them that is cut,
//! slow, lossy or changes its addresses. Whatever it does, the sweep ends with the table of an
//! undisturbed run. Every wait here has one limit, [`crate::harness::PATIENCE`]: TCP by
//! itself would believe in a dead connection for a quarter of an hour.

use std::{process::Stdio, sync::OnceLock};

use pondersweep::store::SweepDigest;

use crate::harness::{Direction, Namespaces, Running, Sandbox, Serve, TINY, WORKERS, wait_until};

const SUCCEEDED: &str = "select count(*) from trial where state = 'succeeded'";
const LAPSED: &str = "select count(*) from attempt where ending = 'lapsed'";
const LEASED: &str = "select count(*) from trial where state = 'leased'";

/// Trials that take a second or so, so that a network can be cut in the middle of each.
fn sweep_file() -> String {
    TINY.replace("updates = 40", "updates = 1500")
        .replace("every = 20", "every = 100")
}

/// The results of the sweep without a network.
fn undisturbed() -> &'static SweepDigest {
    static RESULTS: OnceLock<SweepDigest> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.write("tiny.toml", sweep_file());
        assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
        sandbox.results()
    })
}

/// The sweep, its coordinator and its workers. They end before their machines do.
struct Scene {
    workers: Vec<Running>,
    _serve: Serve,
    sandbox: Sandbox,
    machines: Namespaces,
}

impl Scene {
    /// A coordinator that was given the sweep, and no workers yet.
    fn without_workers() -> Option<Self> {
        let machines = Namespaces::new()?;
        let sandbox = Sandbox::new();
        sandbox.write("tiny.toml", sweep_file());
        let serve = [
            "serve",
            "--listen",
            "0.0.0.0:7878",
            "--insecure",
            "--lease",
            "1",
        ];
        let serve = Serve::spawn(machines.on_coordinator(&sandbox.command(&serve)));
        let submit = sandbox.command(&["submit", "tiny.toml"]);
        let submitted = machines
            .on_coordinator(&submit)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(submitted.expect("the program starts").success());
        Some(Self {
            workers: Vec::new(),
            _serve: serve,
            sandbox,
            machines,
        })
    }

    /// Starts both workers, which know the coordinator by name and this port.
    fn start_workers(&mut self, port: u16) {
        let url = format!("http://coordinator:{port}");
        for worker in WORKERS {
            let arguments = [
                "worker",
                "--coordinator",
                &url,
                "--slots",
                "1",
                "--exit-when-idle",
            ];
            let command = self.sandbox.command(&arguments);
            let command = self.machines.on_worker(worker, &command);
            self.workers.push(Sandbox::spawn(command));
        }
    }

    /// A coordinator and workers in the middle of a sweep.
    fn in_the_middle() -> Option<Self> {
        let mut scene = Self::without_workers()?;
        scene.start_workers(7878);
        wait_until("both workers train", || {
            scene.sandbox.count(SUCCEEDED) >= 1 && scene.sandbox.count(LEASED) == 2
        });
        Some(scene)
    }

    /// The sweep ends as if nothing had happened.
    fn ends_undisturbed(mut self) {
        for worker in std::mem::take(&mut self.workers) {
            let ended = worker.finish();
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
        assert_eq!(self.sandbox.count(SUCCEEDED), 8);
        assert_eq!(&self.sandbox.results(), undisturbed());
    }
}

/// Cuts both workers off until their leases have lapsed; then the network is mended.
fn check_partition(direction: Direction) {
    let Some(scene) = Scene::in_the_middle() else {
        return;
    };
    for worker in WORKERS {
        scene.machines.cut(worker, direction);
    }
    wait_until("the leases of both have lapsed", || {
        scene.sandbox.count(LAPSED) >= 2
    });
    for worker in WORKERS {
        scene.machines.mend(worker);
    }
    scene.ends_undisturbed();
}

#[test]
fn a_partition_changes_no_result() {
    check_partition(Direction::Both);
}

#[test]
fn a_coordinator_that_hears_no_worker_changes_no_result() {
    check_partition(Direction::ToCoordinator);
}

#[test]
fn a_coordinator_whose_answers_are_lost_changes_no_result() {
    check_partition(Direction::ToWorker);
}

#[test]
fn a_worker_that_is_cut_off_is_done_without_and_changes_no_result_when_it_is_back() {
    let Some(mut scene) = Scene::in_the_middle() else {
        return;
    };
    scene.machines.cut(0, Direction::Both);
    let mate = scene.workers.pop().expect("there are two").finish();
    assert_eq!(mate.code, 0, "{}", mate.stderr);
    assert_eq!(scene.sandbox.count(SUCCEEDED), 8);
    scene.machines.mend(0);
    scene.ends_undisturbed();
}

#[test]
fn workers_whose_addresses_change_come_back_and_change_no_result() {
    let Some(scene) = Scene::in_the_middle() else {
        return;
    };
    for worker in WORKERS {
        scene.machines.move_worker(worker);
    }
    scene.ends_undisturbed();
}

#[test]
fn a_coordinator_whose_address_changes_is_found_by_its_name() {
    let Some(scene) = Scene::in_the_middle() else {
        return;
    };
    for worker in WORKERS {
        scene.machines.move_coordinator(worker);
    }
    scene.ends_undisturbed();
}

#[test]
fn a_slow_and_lossy_network_changes_no_result() {
    let Some(mut scene) = Scene::without_workers() else {
        return;
    };
    let proxy = [
        "network",
        "--listen",
        "0.0.0.0:7879",
        "--insecure",
        "--seed",
        "5",
    ];
    let proxy = scene
        .machines
        .on_coordinator(&scene.sandbox.bench_command(&proxy));
    let _proxy = Sandbox::spawn(proxy);
    scene.start_workers(7879);
    scene.ends_undisturbed();
}

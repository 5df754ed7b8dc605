//! The one table of roles and calls. A call that is not in it is refused to everybody, and a test
//! holds it against the protocol, so that a new call cannot be forgotten.

use super::role::Role;

/// Who may make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All who can connect, without a token.
    Anyone,
    /// Holders of one of these roles.
    Roles(&'static [Role]),
}

const READ: Access = Access::Roles(&[Role::Viewer, Role::Submitter]);
const CHANGE: Access = Access::Roles(&[Role::Submitter]);
const WORK: Access = Access::Roles(&[Role::Worker]);
const KNOWN: Access = Access::Roles(&Role::ALL);

/// Every call and who may make it.
#[rustfmt::skip]
pub const TABLE: [(&str, Access); 26] = [
    ("/pondersweep.v1.Sweeps/GetSweep", READ),
    ("/pondersweep.v1.Sweeps/ListSweeps", READ),
    ("/pondersweep.v1.Sweeps/WatchSweep", READ),
    ("/pondersweep.v1.Sweeps/ListCells", READ),
    ("/pondersweep.v1.Sweeps/ListWorkers", READ),
    ("/pondersweep.v1.Sweeps/GetDatabase", READ),
    ("/pondersweep.v1.Sweeps/GetDatabaseCopy", READ),
    ("/pondersweep.v1.Sweeps/CreateSweep", CHANGE),
    ("/pondersweep.v1.Sweeps/PauseSweep", CHANGE),
    ("/pondersweep.v1.Sweeps/ResumeSweep", CHANGE),
    ("/pondersweep.v1.Sweeps/CancelSweep", CHANGE),
    ("/pondersweep.v1.Sweeps/RetryTrials", CHANGE),
    ("/pondersweep.v1.Sweeps/AllocateReplicates", CHANGE),
    ("/pondersweep.v1.Leases/Register", WORK),
    ("/pondersweep.v1.Leases/Acquire", WORK),
    ("/pondersweep.v1.Leases/Renew", WORK),
    ("/pondersweep.v1.Leases/Report", WORK),
    ("/pondersweep.v1.Leases/Finish", WORK),
    ("/pondersweep.v1.Leases/SaveCheckpoint", WORK),
    ("/pondersweep.v1.Leases/LoadCheckpoint", WORK),
    ("/pondersweep.v1.Leases/StartFromCheckpoint", WORK),
    ("/pondersweep.v1.Leases/LoadProgramFiles", WORK),
    ("/pondersweep.v1.Leases/Drain", WORK),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", KNOWN),
    // Probes of a container or a load balancer have no token; the answer is one word.
    ("/grpc.health.v1.Health/Check", Access::Anyone),
    ("/grpc.health.v1.Health/Watch", Access::Anyone),
];

/// Who may make the call of this path; `None` for a call there is not.
#[must_use]
pub fn access_of(path: &str) -> Option<Access> {
    let found = TABLE.iter().find(|(known, _)| *known == path);
    found.map(|(_, access)| *access)
}

impl Access {
    /// Whether a role may make the call.
    #[must_use]
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Anyone => true,
            Self::Roles(roles) => roles.contains(&role),
        }
    }

    /// The roles that may, for people.
    #[must_use]
    pub fn names(self) -> String {
        match self {
            Self::Anyone => "anyone".into(),
            Self::Roles(roles) => roles
                .iter()
                .map(|role| role.name())
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pondersweep_proto::wire::FILE_DESCRIPTOR_SET;
    use prost::Message as _;

    use super::*;

    /// The paths of every call in encoded file descriptors.
    fn paths(descriptors: &[u8]) -> BTreeSet<String> {
        let files = prost_types::FileDescriptorSet::decode(descriptors).unwrap();
        let mut paths = BTreeSet::new();
        for file in files.file {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    paths.insert(format!("/{package}.{service}/{}", method.name()));
                }
            }
        }
        paths
    }

    #[test]
    fn every_call_of_the_protocol_is_in_the_table_and_nothing_else() {
        let mut served = paths(FILE_DESCRIPTOR_SET);
        served.extend(paths(tonic_health::pb::FILE_DESCRIPTOR_SET));
        served.extend(paths(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET));
        let listed: BTreeSet<String> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, served);
        assert_eq!(listed.len(), TABLE.len(), "a call is listed twice");
    }

    #[test]
    fn a_viewer_changes_nothing_a_submitter_may_what_a_viewer_may_and_a_worker_is_apart() {
        for (path, access) in TABLE
            .iter()
            .filter(|(path, _)| path.contains("pondersweep"))
        {
            let reads = ["Get", "List", "Watch"]
                .iter()
                .any(|verb| path.contains(&format!("/{verb}")));
            let leases = path.contains(".Leases/");
            assert_eq!(access.allows(Role::Viewer), reads && !leases, "{path}");
            assert_eq!(access.allows(Role::Submitter), !leases, "{path}");
            assert_eq!(access.allows(Role::Worker), leases, "{path}");
        }
    }

    #[test]
    fn a_call_that_does_not_exist_is_open_to_no_one() {
        for path in [
            "",
            "/",
            "/pondersweep.v1.Sweeps/",
            "/pondersweep.v1.Sweeps/getsweep",
        ] {
            assert_eq!(access_of(path), None, "{path}");
        }
    }
}

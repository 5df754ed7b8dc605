//! Tells whether a path lies on a network file system. It reads `/proc/self/mountinfo` and touches
//! nothing else; where there is no such file (not Linux) every file system counts as local.

use std::{fs, path::Path};

/// File systems whose files live on another machine: there, neither SQLite's locks nor its shared
/// memory can be relied on (sqlite.org/wal.html, "all processes must be on the same host").
const NETWORK: &[&str] = &[
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "afs",
    "9p",
    "ceph",
    "lustre",
    "gpfs",
    "beegfs",
    "orangefs",
    "glusterfs",
    "davfs",
    "sshfs",
    "s3fs",
    "gcsfuse",
    "rclone",
    "davfs2",
];

/// Where a path is mounted, if that is a network file system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NetworkMount {
    /// Such as "nfs4" or "fuse.sshfs".
    pub(super) kind: String,
    /// Such as "/home".
    pub(super) mount_point: String,
}

/// The network file system below an absolute path without symbolic links, if there is one.
pub(super) fn network_mount(path: &Path) -> Option<NetworkMount> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    network_mount_in(&table, path)
}

/// As [`network_mount`], with the text of the mount table.
fn network_mount_in(table: &str, path: &Path) -> Option<NetworkMount> {
    let mounts = table.lines().filter_map(parse);
    // The longest mount point that contains the path holds it; of two mounts in one place the
    // later covers the earlier, and `max_by_key` keeps the last.
    let (mount_point, kind) = mounts
        .filter(|(mount_point, _)| path.starts_with(mount_point))
        .max_by_key(|(mount_point, _)| mount_point.len())?;
    is_network(&kind).then_some(NetworkMount { kind, mount_point })
}

fn is_network(kind: &str) -> bool {
    // A file system in user space shows as "fuse." and its own name.
    let own_name = kind.strip_prefix("fuse.").unwrap_or(kind);
    NETWORK.contains(&own_name)
}

/// Mount point and type of one line: `36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/sda rw`.
fn parse(line: &str) -> Option<(String, String)> {
    let (head, tail) = line.split_once(" - ")?;
    let mount_point = unescape(head.split(' ').nth(4)?);
    Some((mount_point, tail.split(' ').next()?.to_owned()))
}

/// Undoes the octal escapes of blanks (`\040`) and the like.
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (escape, plain)| {
            text.replace(escape, plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /home rw,relatime shared:9 - nfs4 server:/home rw,vers=4.2
31 30 259:2 / /home/me/scratch rw - xfs /dev/sdb rw
32 22 0:41 / /mnt/two\\040words rw - fuse.sshfs me@host: rw
33 22 0:42 / /run rw - tmpfs tmpfs rw
";

    fn check(path: &str, expected: Option<&str>) {
        let found = network_mount_in(TABLE, Path::new(path));
        assert_eq!(found.as_ref().map(|mount| &*mount.kind), expected, "{path}");
    }

    #[test]
    fn the_innermost_mount_decides() {
        check("/var/results.db", None);
        check("/home/me/results.db", Some("nfs4"));
        check("/home/me/scratch/results.db", None);
        check("/homestead/results.db", None);
        check("/mnt/two words/results.db", Some("fuse.sshfs"));
        check("/run/results.db", None);
    }

    #[test]
    fn a_table_that_makes_no_sense_refuses_nobody() {
        assert_eq!(network_mount_in("gibberish\n- - -\n", Path::new("/")), None);
    }
}

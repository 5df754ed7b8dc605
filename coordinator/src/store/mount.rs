//! Tells whether a path lies on a file system of this machine. It reads `/proc/self` and touches
//! nothing else; where there is no such folder (not Linux) every file system counts as local.

use std::{
    fs,
    os::fd::AsRawFd as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::fs::{Mode, OFlags};

use super::error::OpenError;

/// File systems whose files are written by the kernel of this machine and by no other. Only there
/// SQLite's locks and shared memory are sure to work (sqlite.org/wal.html, "all processes must be
/// on the same host"). What is not listed may work; a list of those that do not would never end.
const LOCAL: &[&str] = &[
    // Disks.
    "ext2",
    "ext3",
    "ext4",
    "xfs",
    "btrfs",
    "zfs",
    "bcachefs",
    "f2fs",
    "jfs",
    "nilfs2",
    "reiserfs",
    "vfat",
    "exfat",
    "msdos",
    "ntfs",
    "ntfs3",
    "fuseblk",
    "hfsplus",
    "ubifs",
    "jffs2",
    "ufs",
    // Media that are only read.
    "iso9660",
    "udf",
    "squashfs",
    "erofs",
    "cramfs",
    "romfs",
    // Memory, and the kernel's own.
    "tmpfs",
    "ramfs",
    "rootfs",
    "devtmpfs",
    "proc",
    "sysfs",
    // Layers over another one, as containers have them.
    "overlay",
    "aufs",
    "ecryptfs",
    "fuse.fuse-overlayfs",
];

/// Whether the user answers for the file system.
static IS_TRUSTED: AtomicBool = AtomicBool::new(false);

/// Takes every file system for local from now on: the user said so.
pub fn trust_file_systems() {
    IS_TRUSTED.store(true, Ordering::Relaxed);
}

/// Refuses an absolute path without symbolic links that lies on a file system not known to be
/// local.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    if IS_TRUSTED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let Ok(table) = fs::read("/proc/self/mountinfo") else {
        return Ok(());
    };
    let table = String::from_utf8_lossy(&table);
    match unknown_mount(&table, mount_id(path).as_deref(), path) {
        Some(mount) => Err(OpenError::UnknownFileSystem {
            path: path.into(),
            kind: mount.kind,
            mount_point: mount.point,
        }),
        None => Ok(()),
    }
}

/// Whether a file is mounted by itself, as containers may do it, so that the files next to
/// it are not those it has elsewhere.
pub(super) fn is_mounted_alone(path: &Path) -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let mut mounts = table.lines().filter_map(parse);
    mounts.any(|mount| Path::new(&mount.point) == path)
}

/// The kernel's number of the mount that holds a path, or would hold it; none where it does not
/// tell.
fn mount_id(path: &Path) -> Option<String> {
    // A descriptor of the place and not of the content: closing it leaves every lock in place.
    let open = |path: &Path| rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let place = open(path).or_else(|_| open(path.parent().unwrap_or(path)));
    let about = format!("/proc/self/fdinfo/{}", place.as_ref().ok()?.as_raw_fd());
    let about = fs::read_to_string(about).ok()?;
    let mut lines = about.lines();
    let id = lines.find_map(|line| line.strip_prefix("mnt_id:"))?;
    Some(id.trim().to_owned())
}

#[derive(Debug)]
struct Mount {
    id: String,
    /// Such as "/home".
    point: String,
    /// Such as "nfs4" or "fuse.sshfs".
    kind: String,
}

/// The mount that holds a path, if it is not known to be local.
fn unknown_mount(table: &str, id: Option<&str>, path: &Path) -> Option<Mount> {
    let mounts = || table.lines().filter_map(parse);
    let named = id.and_then(|id| mounts().find(|mount| mount.id == id));
    // Where the kernel did not say: the longest mount point that contains the path holds it; of two
    // mounts in one place the later covers the earlier, and `max_by_key` keeps the last.
    let around = || mounts().filter(|mount| path.starts_with(&mount.point));
    let found = named.or_else(|| around().max_by_key(|mount| mount.point.len()))?;
    (!LOCAL.contains(&&*found.kind)).then_some(found)
}

/// One line: `36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/sda rw`.
fn parse(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    Some(Mount {
        id: head.next()?.to_owned(),
        point: unescape(head.nth(3)?),
        kind: tail.split(' ').next()?.to_owned(),
    })
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
34 22 259:3 / /covered/inner rw - ext4 /dev/sdc rw
35 22 0:43 / /covered rw - virtiofs share rw
";

    fn check(id: Option<&str>, path: &str, expected: Option<&str>) {
        let found = unknown_mount(TABLE, id, Path::new(path));
        assert_eq!(found.as_ref().map(|mount| &*mount.kind), expected, "{path}");
    }

    #[test]
    fn the_innermost_mount_decides() {
        check(None, "/var/results.db", None);
        check(None, "/home/me/results.db", Some("nfs4"));
        check(None, "/home/me/scratch/results.db", None);
        check(None, "/homestead/results.db", None);
        check(None, "/mnt/two words/results.db", Some("fuse.sshfs"));
        check(None, "/run/results.db", None);
    }

    #[test]
    fn the_kernel_knows_better_than_the_names_of_mounts() {
        check(Some("35"), "/covered/inner/results.db", Some("virtiofs"));
        check(Some("33"), "/home/me/results.db", None);
        check(Some("99"), "/home/me/results.db", Some("nfs4"));
    }

    #[test]
    fn what_is_not_known_to_be_local_is_refused() {
        for kind in [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "9p",
            "ceph",
            "lustre",
            "virtiofs",
            "vboxsf",
            "fuse",
            "fuse.juicefs",
            "fuse.wekafs",
            "wekafs",
            "fuse.ceph-fuse",
            "fuse.mergerfs",
            "fuse.seaweedfs",
            "fuse.mountpoint-s3",
            "fuse.sshfs",
            "tomorrowfs",
        ] {
            let table = format!("22 1 0:1 / / rw - {kind} source rw\n");
            let found = unknown_mount(&table, None, Path::new("/results.db"));
            assert_eq!(found.expect(kind).kind, kind);
        }
        for kind in LOCAL {
            let table = format!("22 1 0:1 / / rw - {kind} source rw\n");
            assert!(unknown_mount(&table, None, Path::new("/results.db")).is_none());
        }
    }

    #[test]
    fn this_folder_has_a_mount_that_the_table_lists() {
        let here = std::env::temp_dir();
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let id = mount_id(&here.join("not there")).unwrap();
        assert!(table.lines().filter_map(parse).any(|mount| mount.id == id));
    }

    #[test]
    fn a_table_that_makes_no_sense_refuses_no_database() {
        let table = "gibberish\n- - -\n";
        assert!(unknown_mount(table, None, Path::new("/")).is_none());
    }
}

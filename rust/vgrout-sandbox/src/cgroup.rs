//! A control group (v2) per zygote, where one is delegated: memory and process count bounded by the
//! kernel.
//!
//! Nothing of the host's is moved: a group is only made below an ancestor that the caller may write
//! to and that already hands down the memory and pids controllers.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::SandboxError;

const PROBE_NAME: &str = "vgrout-probe";

/// Why no control group can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupRefusal {
    /// In words.
    pub reason: String,
    /// The errno behind it, or the one that describes it best.
    pub errno: i32,
}

impl CgroupRefusal {
    fn new(errno: i32, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            errno,
        }
    }
}

/// A group below which zygotes may get their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupParent {
    directory: PathBuf,
}

impl CgroupParent {
    /// Finds the nearest ancestor of the caller's own group that is delegated with both
    /// controllers, by making a group.
    ///
    /// # Errors
    /// The precise reason why there is none.
    pub fn detect() -> Result<Self, CgroupRefusal> {
        let read = |path: &str| {
            fs::read(path).map_err(|error| {
                CgroupRefusal::new(
                    error.raw_os_error().unwrap_or(libc::EIO),
                    format!("cannot read {path}: {error}"),
                )
            })
        };
        Self::detect_in(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)
    }

    fn detect_in(mountinfo: &[u8], membership: &[u8]) -> Result<Self, CgroupRefusal> {
        let (mount, root) = cgroup2_mount(mountinfo)
            .ok_or_else(|| CgroupRefusal::new(libc::ENODEV, "no cgroup2 file system is mounted"))?;
        let path = own_path(membership).ok_or_else(|| {
            CgroupRefusal::new(libc::ENOENT, "this process is in no cgroup2 group")
        })?;
        let below = path.strip_prefix(&root).map_err(|_| {
            CgroupRefusal::new(
                libc::ENOENT,
                format!("the own group {} is not below the mount", path.display()),
            )
        })?;
        let own = mount.join(below);
        let mut refusal = None;
        for directory in own
            .ancestors()
            .take_while(|directory| directory.starts_with(&mount))
        {
            match delegated(directory) {
                Ok(()) => {
                    return Ok(Self {
                        directory: directory.to_owned(),
                    });
                }
                // The nearest group tells most.
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        Err(refusal
            .unwrap_or_else(|| CgroupRefusal::new(libc::ENOENT, "the own group was not found")))
    }

    /// The directory of the group.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes back what [`CgroupParent::directory`] gave, in another process: no check is made.
    #[must_use]
    pub fn from_directory(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Makes an empty group with these bounds; swap is bounded to nothing where the kernel accounts
    /// it.
    ///
    /// # Errors
    /// [`SandboxError::Cgroup`]; a half-made group is removed.
    pub fn create(
        &self,
        name: &str,
        memory_max: u64,
        pids_max: u64,
    ) -> Result<Cgroup, SandboxError> {
        let directory = self.directory.join(name);
        fs::create_dir(&directory).map_err(|source| SandboxError::Cgroup {
            operation: "make the control group",
            path: directory.clone(),
            source,
        })?;
        let group = Cgroup { directory };
        group.write("memory.max", memory_max)?;
        group.write("pids.max", pids_max)?;
        if group.directory.join("memory.swap.max").exists() {
            group.write("memory.swap.max", 0)?;
        }
        if group.directory.join("memory.oom.group").exists() {
            group.write("memory.oom.group", 0)?;
        }
        Ok(group)
    }
}

/// One control group of ours; removed when dropped, if it is empty then.
#[derive(Debug)]
pub struct Cgroup {
    directory: PathBuf,
}

impl Cgroup {
    /// Moves a process in; what it forks stays in.
    ///
    /// # Errors
    /// [`SandboxError::Cgroup`].
    pub fn add(&self, pid: libc::pid_t) -> Result<(), SandboxError> {
        self.write("cgroup.procs", pid.unsigned_abs().into())
    }

    /// Kills every process in the group (Linux 5.14).
    ///
    /// # Errors
    /// [`SandboxError::Cgroup`]; `ENOENT` on an older kernel.
    pub fn kill(&self) -> Result<(), SandboxError> {
        self.write("cgroup.kill", 1)
    }

    /// The highest memory use so far (Linux 5.19).
    #[must_use]
    pub fn memory_peak(&self) -> Option<u64> {
        fs::read_to_string(self.directory.join("memory.peak"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// How many processes the out-of-memory killer has ended here.
    #[must_use]
    pub fn oom_kills(&self) -> Option<u64> {
        let events = fs::read_to_string(self.directory.join("memory.events")).ok()?;
        events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))?
            .trim()
            .parse()
            .ok()
    }

    /// Removes the group, which must be empty of processes.
    ///
    /// # Errors
    /// [`SandboxError::Cgroup`]; `EBUSY` while a process is left.
    pub fn remove(self) -> Result<(), SandboxError> {
        let directory = self.directory.clone();
        std::mem::forget(self);
        fs::remove_dir(&directory).map_err(|source| SandboxError::Cgroup {
            operation: "remove the control group",
            path: directory,
            source,
        })
    }

    fn write(&self, file: &str, value: u64) -> Result<(), SandboxError> {
        let path = self.directory.join(file);
        fs::write(&path, value.to_string()).map_err(|source| SandboxError::Cgroup {
            operation: "write",
            path,
            source,
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A group that is still busy is left to the delegation's owner; there is nobody to tell
        // here.
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Whether a group made here gets both controllers' files and may be written to.
fn delegated(directory: &Path) -> Result<(), CgroupRefusal> {
    let errno = |error: &io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    let control = directory.join("cgroup.subtree_control");
    let handed_down = fs::read_to_string(&control).map_err(|error| {
        CgroupRefusal::new(
            errno(&error),
            format!("cannot read {}: {error}", control.display()),
        )
    })?;
    for controller in ["memory", "pids"] {
        if !handed_down
            .split_whitespace()
            .any(|name| name == controller)
        {
            return Err(CgroupRefusal::new(
                libc::EOPNOTSUPP,
                format!(
                    "{} does not hand down the {controller} controller",
                    directory.display()
                ),
            ));
        }
    }
    let trial = directory.join(format!("{PROBE_NAME}-{}", std::process::id()));
    fs::create_dir(&trial).map_err(|error| {
        CgroupRefusal::new(
            errno(&error),
            format!("cannot make a group in {}: {error}", directory.display()),
        )
    })?;
    let writable = fs::write(trial.join("pids.max"), "1")
        .and_then(|()| fs::write(trial.join("memory.max"), "max"));
    let removed = fs::remove_dir(&trial);
    writable.and(removed).map_err(|error| {
        CgroupRefusal::new(
            errno(&error),
            format!("cannot bound a group in {}: {error}", directory.display()),
        )
    })
}

/// The mount point of the cgroup2 file system and the group that is its root.
fn cgroup2_mount(mountinfo: &[u8]) -> Option<(PathBuf, PathBuf)> {
    mountinfo.split(|&byte| byte == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        (*fields.get(dash + 1)? == b"cgroup2").then_some(())?;
        let path = |index: usize| {
            fields
                .get(index)
                .map(|field| PathBuf::from(OsStr::from_bytes(field)))
        };
        Some((path(4)?, path(3)?))
    })
}

/// The caller's own group in the unified hierarchy.
fn own_path(membership: &[u8]) -> Option<PathBuf> {
    let line = membership
        .split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"0::"))?;
    Some(PathBuf::from(OsStr::from_bytes(line)))
}

#[cfg(test)]
mod tests {
    use super::{CgroupParent, cgroup2_mount, own_path};
    use std::path::PathBuf;

    const MOUNTS: &[u8] = b"24 1 0:20 / /proc rw - proc proc rw\n30 24 0:26 /user /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_cgroup2_mount_is_found_behind_optional_fields() {
        assert_eq!(
            cgroup2_mount(MOUNTS),
            Some((PathBuf::from("/sys/fs/cgroup"), PathBuf::from("/user")))
        );
    }

    #[test]
    fn the_own_group_is_the_line_of_the_unified_hierarchy() {
        assert_eq!(
            own_path(b"4:memory:/a\n0::/user/b\n"),
            Some(PathBuf::from("/user/b"))
        );
        assert_eq!(own_path(b"4:memory:/a\n"), None);
    }

    #[test]
    fn without_a_cgroup2_mount_the_refusal_says_so() {
        let refusal = CgroupParent::detect_in(b"24 1 0:20 / /proc rw - proc proc rw\n", b"0::/\n")
            .expect_err("no mount");
        assert_eq!(
            (refusal.errno, refusal.reason.as_str()),
            (libc::ENODEV, "no cgroup2 file system is mounted")
        );
    }

    #[test]
    fn a_group_outside_the_mount_is_refused() {
        let refusal = CgroupParent::detect_in(MOUNTS, b"0::/elsewhere\n").expect_err("outside");
        assert_eq!(refusal.errno, libc::ENOENT);
    }

    #[test]
    fn a_group_that_hands_down_too_little_is_named() {
        let root = std::env::temp_dir().join(format!("vgrout-cgroup-{}", std::process::id()));
        let own = root.join("slice");
        std::fs::create_dir_all(&own).expect("a directory");
        std::fs::write(root.join("cgroup.subtree_control"), "cpu\n").expect("a file");
        std::fs::write(own.join("cgroup.subtree_control"), "cpu memory\n").expect("a file");
        let mounts = format!("30 24 0:26 / {} rw - cgroup2 cgroup2 rw\n", root.display());
        let refusal = CgroupParent::detect_in(mounts.as_bytes(), b"0::/slice\n");
        std::fs::remove_dir_all(&root).expect("cleaned up");
        let refusal = refusal.expect_err("pids is missing");
        let reason = format!("{} does not hand down the pids controller", own.display());
        assert_eq!((refusal.errno, refusal.reason), (libc::EOPNOTSUPP, reason));
    }
}

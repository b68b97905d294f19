//! What Linux tells of the process in `/proc/self`; elsewhere nothing is known.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// What is known.
pub(super) struct Usage {
    pub open_fds: Option<u64>,
    pub max_fds: Option<u64>,
    pub resident_bytes: Option<u64>,
}

/// Looks it up: two small files and one folder.
pub(super) fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Usage {
        // The one that reads the folder is closed by then.
        open_fds: fs::read_dir("/proc/self/fd")
            .ok()
            .map(|files| (files.count() as u64).saturating_sub(1)),
        max_fds: getrlimit(Resource::Nofile).current,
        resident_bytes: resident_bytes(&status),
    }
}

/// `VmRSS: 12345 kB`
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        let usage = usage();
        assert!(usage.resident_bytes > Some(1 << 20));
        assert!(usage.open_fds > Some(2) && usage.open_fds <= usage.max_fds);
        assert_eq!(resident_bytes("VmRSS:\t    12 kB\n"), Some(12 * 1024));
        assert_eq!(resident_bytes("VmRSS: many"), None);
    }
}

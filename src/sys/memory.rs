//! How much memory this process may still take, by the system's account and by its cgroups'.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the cgroup file systems are mounted, and the files of a group's limit and use of memory.
struct Hierarchy {
    root: &'static str,
    limit: &'static str,
    used: &'static str,
    /// Of these fields of `memory.stat`, the pages are freed before the limit is reached.
    cache: [&'static str; 2],
}

const V2: Hierarchy = Hierarchy {
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    cache: ["inactive_file", "active_file"],
};

const V1: Hierarchy = Hierarchy {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cache: ["total_inactive_file", "total_active_file"],
};

/// Bytes of memory and swap that the kernel could give this process right now; `u64::MAX` if it
/// does not say.
pub(super) fn available() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else { return available_to_group(u64::MAX) };
    let amount = |name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes.saturating_mul(1024))
    };
    let Some(free) = amount("MemAvailable") else { return available_to_group(u64::MAX) };
    let swap = amount("SwapFree").unwrap_or(0);
    free.saturating_add(swap).min(available_to_group(swap))
}

/// Bytes that this process's cgroups leave it, of which `swap` bytes may be swapped out; `u64::MAX`
/// without a limit.
fn available_to_group(swap: u64) -> u64 {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let left = text.lines().filter_map(hierarchy_of).map(|(hierarchy, path)| hierarchy.left(path));
    left.min().unwrap_or(u64::MAX).saturating_add(swap)
}

/// The hierarchy and the path of a line of `/proc/self/cgroup`, if the hierarchy may limit memory.
fn hierarchy_of(line: &str) -> Option<(Hierarchy, &str)> {
    let (_, line) = line.split_once(':')?;
    let (controllers, path) = line.split_once(':')?;
    if controllers.is_empty() {
        return Some((V2, path));
    }
    controllers.split(',').any(|name| name == "memory").then_some((V1, path))
}

impl Hierarchy {
    /// What the group of this path and the groups above it leave.
    fn left(&self, path: &str) -> u64 {
        let root = Path::new(self.root);
        // In a container, the path may be the host's, which does not exist here; the container's own
        // group is then the root.
        let group = root.join(path.trim_start_matches('/'));
        let groups = group.ancestors().take_while(|group| group.starts_with(root)).map(PathBuf::from);
        groups.filter_map(|group| self.left_by(&group)).min().unwrap_or(u64::MAX)
    }

    /// What one group leaves; `None` if it has no limit.
    fn left_by(&self, group: &Path) -> Option<u64> {
        let number = |file| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        let limit = number(self.limit)?;
        let used = number(self.used)?;
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let fields = stat.lines().filter_map(|line| line.split_once(' '));
        let cache = fields.filter(|(name, _)| self.cache.contains(name));
        let cached: u64 = cache.filter_map(|(_, amount)| amount.trim().parse::<u64>().ok()).sum();
        Some(limit.saturating_sub(used.saturating_sub(cached)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchy_of_line_of_each_version() {
        let of = |line| hierarchy_of(line).map(|(hierarchy, path)| (hierarchy.limit, path));
        assert_eq!(of("0::/user.slice/a:b"), Some(("memory.max", "/user.slice/a:b")));
        assert_eq!(of("4:memory:/a"), Some(("memory.limit_in_bytes", "/a")));
        assert_eq!(of("4:cpu,memory:/a"), Some(("memory.limit_in_bytes", "/a")));
        assert_eq!(of("2:cpu,cpuacct:/a"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn left_is_the_least_of_a_group_and_those_above() {
        let folder = std::env::temp_dir().join(format!("breezeway-cgroup-{}", std::process::id()));
        let inner = folder.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let write = |group: &Path, limit: &str, used: &str| {
            fs::write(group.join("memory.max"), limit).unwrap();
            fs::write(group.join("memory.current"), used).unwrap();
        };
        let hierarchy = Hierarchy { root: Box::leak(folder.display().to_string().into_boxed_str()), ..V2 };
        write(&folder, "1000\n", "900\n");
        write(&inner, "max\n", "50\n");
        assert_eq!(hierarchy.left("/inner"), 100);
        assert_eq!(hierarchy.left("/of/another/machine"), 100);
        fs::write(folder.join("memory.stat"), "anon 5\ninactive_file 30\nactive_file 20\n").unwrap();
        assert_eq!(hierarchy.left("/inner"), 150);
        write(&inner, "60\n", "50\n");
        assert_eq!(hierarchy.left("/inner"), 10);
        write(&folder, "max\n", "900\n");
        write(&inner, "max\n", "50\n");
        assert_eq!(hierarchy.left("/inner"), u64::MAX);
        fs::remove_dir_all(&folder).unwrap();
    }
}

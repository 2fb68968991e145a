//! How many processes the kernel has killed for want of memory: what tells such a kill from a person's.

use std::fs;

/// Counters that only grow, most exact first: that of our own control group, where it has one, else the machine's.
const COUNTERS: [(&str, &str); 2] = [
    ("/sys/fs/cgroup/memory.events", "oom_kill "),
    ("/proc/vmstat", "oom_kill "),
];

/// The counters as they stood when last looked at.
#[derive(Debug)]
pub(crate) struct OomKills([Option<u64>; COUNTERS.len()]);

impl OomKills {
    pub(crate) fn now() -> Self {
        Self(COUNTERS.map(|(path, name)| count(&fs::read_to_string(path).ok()?, name)))
    }

    /// Whether one has grown since the last look; looks again.
    pub(crate) fn increased(&mut self) -> bool {
        let before = std::mem::replace(self, Self::now());
        let mut pairs = before.0.iter().zip(&self.0);
        pairs
            .any(|(before, now)| matches!((before, now), (Some(before), Some(now)) if now > before))
    }
}

fn count(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{OomKills, count};

    #[test]
    fn the_counter_is_the_line_of_that_name() {
        let events = "low 0\noom 7\noom_kill 3\noom_group_kill 9\n";
        assert_eq!(count(events, "oom_kill "), Some(3));
        assert_eq!(count("pgfault 4\n", "oom_kill "), None);
    }

    #[test]
    fn growth_of_any_counter_counts_once() {
        let mut kills = OomKills::now();
        for counter in kills.0.iter_mut().flatten() {
            *counter = counter.saturating_sub(1);
        }
        let lower = kills
            .0
            .iter()
            .zip(OomKills::now().0)
            .any(|(old, now)| *old < now);
        assert_eq!(kills.increased(), lower);
        assert!(!kills.increased());
    }
}

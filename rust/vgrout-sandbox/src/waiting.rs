//! What tells sleep from starvation: how long the kernel says that a process waited for a CPU.
//!
//! A rollout is one thread for good (its filter refuses every clone), so the first field set of `/proc/PID/schedstat`
//! is all of it. A wait that is still going on is in no counter; it is bounded by when the process ran last.

use std::fmt;
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// How soon a limit that may have passed is judged again.
const RECHECK: Duration = Duration::from_millis(10);
/// How many limits a process may be kept from a CPU before the machine, and not the answer, has failed.
const MOST_STRETCH: u32 = 64;
/// Added to the limit for that, so that a tiny one blames no machine.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
/// The limit's multiple where the kernel does not count: enough for an answer that gets a twentieth of a CPU.
const UNCOUNTED_STRETCH: u32 = 4;

/// Whether this kernel says how long a process waited for a CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitCount {
    /// A process that had waited showed it.
    Counted,
    /// It does not, or not to us.
    Uncounted {
        /// In words.
        reason: String,
    },
}

impl WaitCount {
    /// Whether wall limits can leave out what was waited.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        *self == Self::Counted
    }
}

impl Default for WaitCount {
    fn default() -> Self {
        let reason = "it was not probed".to_owned();
        Self::Uncounted { reason }
    }
}

impl fmt::Display for WaitCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted => f.write_str("counted"),
            Self::Uncounted { reason } => write!(f, "not counted ({reason})"),
        }
    }
}

/// The calling process's number in the `/proc` that is mounted here, whatever pid namespace it is in.
pub(crate) fn number_in_proc() -> Option<u32> {
    std::fs::read_link("/proc/self")
        .ok()?
        .to_str()?
        .parse()
        .ok()
}

/// What `/proc` says of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Running or ready to run.
    is_runnable: bool,
    /// Since it was forked, in whole ticks.
    age: Duration,
    ran: Duration,
    /// Without a wait that has not ended.
    pub(crate) waited: Duration,
    /// Times it was given a CPU; 0 where the kernel does not count.
    pub(crate) turns: u64,
}

impl Reading {
    /// `None` where there is no such process any more, a zombie included.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        // The state first: all waits before a sleep that it shows are in the counters then.
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let counters = read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
        Self::parse(&stat, &counters, since_boot())
    }

    fn parse(stat: &str, counters: &str, now: Duration) -> Option<Self> {
        // The name before it may hold anything.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        let forked_at: u64 = fields.nth(18)?.parse().ok()?;
        let mut counters = counters.split_whitespace().map(str::parse::<u64>);
        let mut counter = || counters.next()?.ok();
        let (ran, waited, turns) = (counter()?, counter()?, counter()?);
        (!matches!(state, "Z" | "X")).then(|| Self {
            is_runnable: state == "R",
            age: now.saturating_sub(tick() * u32::try_from(forked_at).unwrap_or(u32::MAX)),
            ran: Duration::from_nanos(ran),
            waited: Duration::from_nanos(waited),
            turns,
        })
    }
}

/// The only child of a process; an error where the kernel does not list children.
pub(crate) fn child_of(pid: u32) -> std::io::Result<Option<u32>> {
    let children = read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(children
        .split_whitespace()
        .next()
        .and_then(|child| child.parse().ok()))
}

fn since_boot() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is valid and writable.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    let nanos = u32::try_from(now.tv_nsec).unwrap_or(0);
    Duration::new(now.tv_sec.unsigned_abs(), nanos)
}

fn tick() -> Duration {
    // SAFETY: no preconditions.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(100).max(1)
}

/// Whose time a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nobody's counters can be read.
    Nobody,
    /// This process's, from a moment on.
    Own(u32),
    /// Its only child's, from its fork on.
    ChildOf(u32),
}

/// A wall-clock limit that leaves out what the process waited for a CPU.
#[derive(Debug)]
pub(crate) struct WallClock {
    whose: Whose,
    started: Instant,
    limit: Duration,
    next_check: Instant,
    /// Waited before the start.
    waited_before: Duration,
    /// On a CPU, at the last check.
    ran: Duration,
    checked: Instant,
    /// The process was on a CPU then or later.
    ran_by: Instant,
}

impl WallClock {
    /// For the rollout that this zygote is told to run now.
    pub(crate) fn of_rollout(zygote: Option<u32>, started: Instant, limit: Duration) -> Self {
        let whose = zygote.map_or(Whose::Nobody, Whose::ChildOf);
        Self::new(whose, started, limit)
    }

    /// For the setup code that this zygote is told to run now.
    pub(crate) fn of_setup(zygote: Option<u32>, limit: Duration) -> Self {
        let before = zygote.and_then(Reading::of);
        let whose = zygote
            .filter(|_| before.is_some())
            .map_or(Whose::Nobody, Whose::Own);
        let mut clock = Self::new(whose, Instant::now(), limit);
        if let Some(before) = before {
            clock.waited_before = before.waited;
            clock.ran = before.ran;
        }
        clock
    }

    fn new(whose: Whose, started: Instant, limit: Duration) -> Self {
        Self {
            whose,
            started,
            limit,
            next_check: started + limit,
            waited_before: Duration::ZERO,
            ran: Duration::ZERO,
            checked: started,
            ran_by: started,
        }
    }

    /// When [`Self::is_over`] has to be asked next.
    pub(crate) fn next_check(&self) -> Instant {
        self.next_check
    }

    /// The process was kept from a CPU for so long that nothing will be known of it.
    pub(crate) fn is_hopeless(&self, now: Instant) -> bool {
        now >= self.started + (self.limit + LEAST_PATIENCE) * MOST_STRETCH
    }

    /// Whether the limit has passed, waits left out.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        if now < self.next_check {
            return false;
        }
        let reading = match self.whose {
            Whose::Nobody => None,
            Whose::Own(pid) => Some(Reading::of(pid)),
            Whose::ChildOf(pid) => child_of(pid).ok().map(|child| child.and_then(Reading::of)),
        };
        match reading {
            None => self.is_over_uncounted(now),
            // Not forked yet, or it has ended and waits to be reaped: that is no time of its own.
            Some(None) => {
                self.next_check = now + RECHECK;
                false
            }
            Some(Some(reading)) => self.judge(now, &reading),
        }
    }

    fn is_over_uncounted(&mut self, now: Instant) -> bool {
        self.next_check = self.started + self.limit * UNCOUNTED_STRETCH;
        now >= self.next_check
    }

    /// `reading` was taken at `now` or later.
    fn judge(&mut self, now: Instant, reading: &Reading) -> bool {
        let mut elapsed = now.saturating_duration_since(self.started);
        if matches!(self.whose, Whose::ChildOf(_)) {
            elapsed = elapsed.min(reading.age);
        }
        let waited = reading.waited.saturating_sub(self.waited_before);
        if reading.ran > self.ran {
            self.ran_by = self.checked;
        }
        (self.ran, self.checked) = (reading.ran, now);
        let most = elapsed.saturating_sub(waited);
        let waiting = if reading.is_runnable {
            now.saturating_duration_since(self.ran_by)
        } else {
            Duration::ZERO
        };
        self.next_check = now + self.limit.saturating_sub(most).max(RECHECK);
        most.saturating_sub(waiting) >= self.limit
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;

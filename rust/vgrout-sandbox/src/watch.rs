//! The clocks and orders of one rollout under supervision. Talks to nobody.

use std::time::{Duration, Instant};

use crate::oom::OomKills;
use crate::supervise::{RunLimits, Stop};
use crate::waiting::WallClock;

/// The longest sleep before cancellation is looked at again.
const TICK: Duration = Duration::from_millis(20);

/// What the supervisor of one running rollout keeps in mind.
pub(crate) struct Watch {
    pub(crate) started: Instant,
    pub(crate) next_cpu_check: Instant,
    pub(crate) wall: WallClock,
    pub(crate) stop: Option<Stop>,
    pub(crate) is_killed: bool,
    pub(crate) cancelled_at: Option<Instant>,
    pub(crate) output: u64,
}

impl Watch {
    /// From the request on; `zygote` is its number in `/proc`, where waits are counted.
    pub(crate) fn since(started: Instant, limits: &RunLimits, zygote: Option<u32>) -> Self {
        Self {
            started,
            next_cpu_check: started + limits.cpu,
            wall: WallClock::of_rollout(zygote, started, limits.wall),
            stop: None,
            is_killed: false,
            cancelled_at: None,
            output: 0,
        }
    }

    /// How long nothing has to be looked at.
    pub(crate) fn sleep(&self) -> Duration {
        let deadline = self.next_cpu_check.min(self.wall.next_check());
        let left = deadline.saturating_duration_since(Instant::now());
        if self.is_killed { TICK } else { left.min(TICK) }
    }

    /// What else ended a rollout that is over.
    pub(crate) fn settle(&mut self, wait_status: i32, limits: &RunLimits, kills: &mut OomKills) {
        if self.output > limits.output_bytes {
            self.stop.get_or_insert(Stop::Output);
        }
        if self.stop.is_none() && wait_status & 0x7f == libc::SIGKILL && kills.increased() {
            self.stop = Some(Stop::Memory);
        }
    }

    /// A rollout that ended by itself before the order to kill it came was being reaped, not asleep.
    pub(crate) fn forget_late_order(&mut self, wait_status: i32) {
        if self.stop == Some(Stop::Wall) && wait_status & 0x7f != libc::SIGKILL {
            self.stop = None;
        }
    }
}

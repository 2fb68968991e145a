//! What host, broker and zygotes say to each other; [`wire`](crate::wire) carries it as words.

use crate::wire::WORDS;

/// From the host: to the broker the first two, to a zygote the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Make a zygote from the three descriptors beside this.
    Spawn {
        /// Its id.
        id: u64,
        /// Memory of one rollout.
        memory_bytes: u64,
    },
    /// Kill a zygote.
    KillZygote {
        /// Its id.
        id: u64,
    },
    /// Run the setup code in the arena.
    Setup {
        /// Its bytes.
        length: usize,
    },
    /// Fork a child on the payload in the arena; a descriptor beside this is its end of an exchange.
    Run(RunOrder),
    /// Kill the running child.
    Kill,
    /// How much CPU has the running child used?
    Cpu,
}

/// One child's needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOrder {
    /// Bytes of payload in the arena.
    pub payload: usize,
    /// Bytes of record area behind it.
    pub records: usize,
    /// CPU seconds after which the kernel ends it, if the host has not.
    pub backstop_s: u64,
    /// Memory on top of the zygote's own address space.
    pub memory_bytes: u64,
}

/// To the host: from the broker the first, from a zygote the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The fence report stands in the bytes.
    Report,
    /// Fenced and waiting.
    Ready {
        /// The zygote's number in `/proc`.
        number: u64,
    },
    /// Not fenced; the bytes say why.
    Refused,
    /// The setup ran (no bytes) or failed (the bytes say why).
    SetupDone,
    /// The running child's CPU time.
    CpuUsed {
        /// In nanoseconds.
        nanos: u64,
    },
    /// The child is gone and reaped.
    Exited(Exit),
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The wait status, undecoded.
    pub wait_status: i32,
    /// User plus system time.
    pub cpu_micros: u64,
    /// The largest resident set.
    pub peak_memory_bytes: u64,
    /// Its fence was on before any foreign code ran.
    pub is_fenced: bool,
}

/// The words of a message, padded.
fn words<const N: usize>(parts: [u64; N]) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    words[..N].copy_from_slice(&parts);
    words
}

fn size(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

impl Order {
    /// As it travels.
    #[must_use]
    pub fn words(self) -> [u64; WORDS] {
        match self {
            Self::Spawn { id, memory_bytes } => words([1, id, memory_bytes]),
            Self::KillZygote { id } => words([2, id]),
            Self::Setup { length } => words([3, length as u64]),
            Self::Run(run) => words([
                4,
                run.payload as u64,
                run.records as u64,
                run.backstop_s,
                run.memory_bytes,
            ]),
            Self::Kill => words([5]),
            Self::Cpu => words([6]),
        }
    }

    /// `None` for words that are no order.
    #[must_use]
    pub fn read(words: &[u64; WORDS]) -> Option<Self> {
        let [kind, first, second, third, fourth, ..] = *words;
        Some(match kind {
            1 => Self::Spawn {
                id: first,
                memory_bytes: second,
            },
            2 => Self::KillZygote { id: first },
            3 => Self::Setup {
                length: size(first),
            },
            4 => Self::Run(RunOrder {
                payload: size(first),
                records: size(second),
                backstop_s: third,
                memory_bytes: fourth,
            }),
            5 => Self::Kill,
            6 => Self::Cpu,
            _ => return None,
        })
    }
}

impl Reply {
    /// As it travels.
    #[must_use]
    pub fn words(self) -> [u64; WORDS] {
        match self {
            Self::Report => words([11]),
            Self::Ready { number } => words([12, number]),
            Self::Refused => words([13]),
            Self::SetupDone => words([14]),
            Self::CpuUsed { nanos } => words([15, nanos]),
            Self::Exited(exit) => words([
                16,
                u64::from(exit.wait_status.cast_unsigned()),
                exit.cpu_micros,
                exit.peak_memory_bytes,
                u64::from(exit.is_fenced),
            ]),
        }
    }

    /// `None` for words that are no reply.
    #[must_use]
    pub fn read(words: &[u64; WORDS]) -> Option<Self> {
        let [kind, first, second, third, fourth, ..] = *words;
        Some(match kind {
            11 => Self::Report,
            12 => Self::Ready { number: first },
            13 => Self::Refused,
            14 => Self::SetupDone,
            15 => Self::CpuUsed { nanos: first },
            16 => Self::Exited(Exit {
                wait_status: u32::try_from(first).ok()?.cast_signed(),
                cpu_micros: second,
                peak_memory_bytes: third,
                is_fenced: fourth == 1,
            }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let run = RunOrder {
            payload: 3,
            records: 1 << 40,
            backstop_s: 5,
            memory_bytes: u64::MAX,
        };
        for order in [
            Order::Spawn {
                id: 7,
                memory_bytes: 9,
            },
            Order::KillZygote { id: 7 },
            Order::Setup { length: 11 },
            Order::Run(run),
            Order::Kill,
            Order::Cpu,
        ] {
            assert_eq!(Order::read(&order.words()), Some(order));
            assert_eq!(Reply::read(&order.words()), None);
        }
        let exit = Exit {
            wait_status: -1,
            cpu_micros: 2,
            peak_memory_bytes: 3,
            is_fenced: true,
        };
        for reply in [
            Reply::Report,
            Reply::Ready { number: 4 },
            Reply::Refused,
            Reply::SetupDone,
            Reply::CpuUsed { nanos: 5 },
            Reply::Exited(exit),
        ] {
            assert_eq!(Reply::read(&reply.words()), Some(reply));
            assert_eq!(Order::read(&reply.words()), None);
        }
        assert_eq!(
            (Order::read(&[99; WORDS]), Reply::read(&[0; WORDS])),
            (None, None)
        );
    }
}

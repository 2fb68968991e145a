//! The host's side: starts the broker, asks it for zygotes, and supervises one rollout at a time in each.
//!
//! Every limit is enforced from here or by the kernel; nothing a child does is needed for a verdict to arrive.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::arena::{self, ArenaRecords, HostArena};
use crate::error::{SandboxError, at};
use crate::last_words::last_words;
use crate::messages::{Exit, Order, Reply, RunOrder};
use crate::oom::OomKills;
use crate::pipe::OutputPipe;
use crate::report::FenceReport;
use crate::sys::PlainLayout;
use crate::waiting::WallClock;
use crate::watch::Watch;
use crate::wire;

/// How long a broker may take to import its modules and probe the kernel.
const BROKER_START: Duration = Duration::from_secs(60);
/// How long a zygote may take to fence itself.
const ZYGOTE_STEP: Duration = Duration::from_secs(60);
/// How long a caller that gave up waits for its killed child before the zygote is given up as well.
const GIVE_UP: Duration = Duration::from_secs(1);
/// Zygotes of all brokers together: a request to kill one must not meet another broker's.
static NEXT_ZYGOTE: AtomicU64 = AtomicU64::new(0);

/// How to start a broker.
#[derive(Debug, Clone)]
pub struct BrokerCommand {
    /// The interpreter.
    pub program: PathBuf,
    /// Its arguments, the runner among them.
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads first from its standard input: a program too long to stand among the arguments, where every user
    /// of the machine reads it.
    pub program_text: Vec<u8>,
}

/// A running broker and what it found out about this kernel.
#[derive(Debug)]
pub struct Broker {
    process: Mutex<Child>,
    control: OwnedFd,
    report: FenceReport,
}

impl Broker {
    /// Starts the interpreter and waits for its fence report.
    ///
    /// # Errors
    /// The interpreter cannot be started, dies, or reports nothing in time.
    pub fn start(command: &BrokerCommand) -> Result<Self, SandboxError> {
        let (ours, theirs) = wire::socket_pair().map_err(at("make a socket for the broker"))?;
        // Standard input carries the socket: no pre-exec hook, so std starts the broker without
        // running any of our code in a fork of a process that may hold CUDA and threads.
        // Its standard output is a pipe, as a rollout's will be: the interpreter looks once and remembers.
        let layout = PlainLayout::enter();
        let spawned = Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(command.env.iter().map(|(key, value)| (key, value)))
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        drop(layout);
        let mut process = spawned.map_err(|source| SandboxError::StartBroker {
            program: command.program.clone(),
            detail: source.to_string(),
        })?;
        let report = wire::send_bytes(&ours, &command.program_text)
            .map_err(SandboxError::Wire)
            .and_then(|()| first_report(&ours));
        match report {
            Ok(report) => Ok(Self {
                process: Mutex::new(process),
                control: ours,
                report,
            }),
            Err(error) => {
                let detail = last_words(&mut process, &error);
                Err(SandboxError::StartBroker {
                    program: command.program.clone(),
                    detail,
                })
            }
        }
    }

    /// What this kernel enforces, as probed by attack at the start.
    #[must_use]
    pub fn report(&self) -> &FenceReport {
        &self.report
    }

    /// The broker's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.lock().map_or(0, |process| process.id())
    }

    /// Asks for a new zygote and waits until its fence is on.
    ///
    /// # Errors
    /// The broker is gone, the zygote could not fence itself, or the caller cancelled.
    pub fn zygote(
        &self,
        memory_bytes: u64,
        cancelled: &AtomicBool,
    ) -> Result<ZygoteLink, SandboxError> {
        let id = NEXT_ZYGOTE.fetch_add(1, Ordering::Relaxed);
        let (control, theirs) = wire::socket_pair().map_err(at("make a socket for a zygote"))?;
        let (output, stdout) = OutputPipe::open().map_err(at("make a rollout's output pipe"))?;
        let arena = HostArena::new(arena::create().map_err(at("make a rollout's arena"))?);
        wire::send(
            &self.control,
            &Order::Spawn { id, memory_bytes }.words(),
            &[],
            &[theirs.as_fd(), stdout.as_fd(), arena.fd()],
        )
        .map_err(SandboxError::Wire)?;
        drop((theirs, stdout));
        let mut link = ZygoteLink {
            id,
            control,
            output,
            arena,
            number: None,
            oom_kills: OomKills::now(),
        };
        let mut patience = WallClock::of_setup(None, ZYGOTE_STEP);
        match link.reply(&mut patience, cancelled)? {
            (Reply::Ready { number }, _) => {
                let number = u32::try_from(number).ok();
                link.number = number.filter(|_| self.report.waits.is_counted());
                Ok(link)
            }
            (Reply::Refused, detail) => Err(SandboxError::FenceZygote { detail }),
            (reply, _) => Err(SandboxError::UnexpectedMessage { reply }),
        }
    }

    /// Kills a zygote that no longer answers; its child dies with it.
    pub fn kill(&self, zygote: &ZygoteLink) {
        // A broker that is gone took its zygotes along.
        drop(wire::send(
            &self.control,
            &Order::KillZygote { id: zygote.id }.words(),
            &[],
            &[],
        ));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The broker sees end-of-file and takes its zygotes along.
        let _ = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both);
        let Ok(process) = self.process.get_mut() else {
            return;
        };
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if !matches!(process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        // Nothing is left to do about errors here.
        drop(process.kill());
        drop(process.wait());
    }
}

/// One rollout's limits and needs.
#[derive(Debug, Clone, Copy)]
pub struct RunLimits {
    /// CPU time, judged by the child's own kernel clock.
    pub cpu: Duration,
    /// Wall-clock backstop; what the child waits for a CPU is left out.
    pub wall: Duration,
    /// Memory on top of the zygote's own address space.
    pub memory_bytes: u64,
    /// Bytes on standard output before the rollout is stopped.
    pub output_bytes: u64,
    /// Bytes of records the child may leave.
    pub record_bytes: usize,
}

/// Why the host ended a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// CPU limit.
    Cpu,
    /// Wall-clock backstop.
    Wall,
    /// Too much output.
    Output,
    /// The kernel ended it because the machine, or its control group, had no memory left.
    Memory,
    /// The caller cancelled.
    Cancelled,
}

/// What the kernel says about a finished rollout, and what it left behind.
#[derive(Debug)]
pub struct RunReport {
    /// The wait status, undecoded.
    pub wait_status: i32,
    /// Why the host stopped it, if it did.
    pub stop: Option<Stop>,
    /// User plus system time.
    pub cpu: Duration,
    /// From the request to the reaping.
    pub wall: Duration,
    /// The largest resident set.
    pub peak_memory_bytes: u64,
    /// Bytes written to standard output.
    pub output_bytes: u64,
    /// What the child recorded: claims, not facts.
    pub records: ArenaRecords,
}

/// The host's link to one zygote.
#[derive(Debug)]
pub struct ZygoteLink {
    id: u64,
    control: OwnedFd,
    output: OutputPipe,
    arena: HostArena,
    /// The zygote's number in `/proc`, where the kernel counts waits.
    number: Option<u32>,
    oom_kills: OomKills,
}

impl ZygoteLink {
    /// Runs setup code in the zygote; the inner error is the code's own.
    ///
    /// # Errors
    /// The zygote is gone, does not answer `within` this time (waits for a CPU left out), or the caller cancelled: it
    /// is of no use any more.
    pub fn setup(
        &mut self,
        source: &[u8],
        within: Duration,
        cancelled: &AtomicBool,
    ) -> Result<Result<(), String>, SandboxError> {
        self.arena
            .fill(&[source], 0)
            .map_err(at("write the setup code to the arena"))?;
        let mut clock = WallClock::of_setup(self.number, within);
        let length = source.len();
        self.tell(Order::Setup { length })?;
        let (Reply::SetupDone, failure) = self.reply(&mut clock, cancelled)? else {
            return Err(SandboxError::ZygoteGone);
        };
        self.arena.clear().map_err(at("empty the arena"))?;
        self.drain(&mut |_| {})?;
        Ok(if failure.is_empty() {
            Ok(())
        } else {
            Err(failure)
        })
    }

    /// Runs one rollout to its end; `sink` sees its output as it comes. The child gets `exchange`, one end of
    /// [`exchange::pair`], and nobody else keeps it.
    ///
    /// # Errors
    /// The machinery failed: the zygote died, its fence did not go on, or the machine gave the child no CPU; or the
    /// caller cancelled and the child would not die. The zygote is of no use any more.
    pub fn run(
        &mut self,
        payload: &[&[u8]],
        limits: &RunLimits,
        exchange: Option<OwnedFd>,
        cancelled: &AtomicBool,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<RunReport, SandboxError> {
        self.arena
            .fill(payload, limits.record_bytes)
            .map_err(at("write a rollout to the arena"))?;
        let order = Order::Run(RunOrder {
            payload: payload.iter().map(|part| part.len()).sum(),
            records: limits.record_bytes,
            backstop_s: limits.cpu.as_secs() + 2,
            memory_bytes: limits.memory_bytes,
        });
        let started = Instant::now();
        let ends: Vec<_> = exchange.iter().map(AsFd::as_fd).collect();
        wire::send(&self.control, &order.words(), &[], &ends)
            .map_err(|_| SandboxError::ZygoteGone)?;
        drop(exchange);
        let mut watch = Watch::since(started, limits, self.number);
        let exit = loop {
            if let Some(exit) = self.wait_once(&mut watch, limits, sink)? {
                break exit;
            }
            self.enforce(&mut watch, limits, cancelled)?;
        };
        let wall = started.elapsed();
        watch.output += self.drain(sink)?;
        let wait_status = exit.wait_status;
        watch.forget_late_order(wait_status);
        // What the host itself killed may have ended before its fence was on.
        if !exit.is_fenced && watch.stop.is_none() {
            return Err(SandboxError::FenceChild { wait_status });
        }
        watch.settle(wait_status, limits, &mut self.oom_kills);
        let records = self
            .arena
            .records(limits.record_bytes)
            .map_err(at("read a rollout's records"))?;
        self.arena.clear().map_err(at("empty the arena"))?;
        Ok(RunReport {
            wait_status,
            stop: watch.stop,
            cpu: Duration::from_micros(exit.cpu_micros),
            wall,
            peak_memory_bytes: exit.peak_memory_bytes,
            output_bytes: watch.output,
            records,
        })
    }

    /// Sleeps until output, a message or the next deadline; gives the exit message if it came.
    fn wait_once(
        &mut self,
        watch: &mut Watch,
        limits: &RunLimits,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Exit>, SandboxError> {
        let mut entries = [
            PollFd::new(&self.control, PollFlags::IN),
            PollFd::from_borrowed_fd(self.output.fd(), PollFlags::IN),
        ];
        let timeout = u32::try_from(watch.sleep().as_millis()).unwrap_or(u32::MAX);
        let timeout = wire::milliseconds(timeout.max(1));
        // A signal, or nothing to say.
        if poll(&mut entries, Some(&timeout)).unwrap_or(0) == 0 {
            return Ok(None);
        }
        let [control, output] = entries.map(|entry| entry.revents());
        if output.contains(PollFlags::IN) {
            watch.output += self
                .output
                .drain(sink, 1 << 20)
                .map_err(at("read a rollout's output"))?;
        }
        if control.is_empty() {
            return Ok(None);
        }
        match self.receive()?.0 {
            Reply::Exited(exit) => Ok(Some(exit)),
            Reply::CpuUsed { nanos } => {
                let used = Duration::from_nanos(nanos);
                if used >= limits.cpu {
                    self.stop(watch, Stop::Cpu)?;
                } else {
                    // One thread cannot use CPU faster than the clock runs.
                    watch.next_cpu_check = Instant::now()
                        + limits
                            .cpu
                            .saturating_sub(used)
                            .max(Duration::from_millis(2));
                }
                Ok(None)
            }
            reply => Err(SandboxError::UnexpectedMessage { reply }),
        }
    }

    fn enforce(
        &mut self,
        watch: &mut Watch,
        limits: &RunLimits,
        cancelled: &AtomicBool,
    ) -> Result<(), SandboxError> {
        let now = Instant::now();
        if cancelled.load(Ordering::Relaxed) {
            let since = *watch.cancelled_at.get_or_insert(now);
            if now >= since + GIVE_UP {
                return Err(SandboxError::Cancelled);
            }
            return self.stop(watch, Stop::Cancelled);
        }
        // What is killed dies as soon as it gets a CPU, so that takes as long as it takes.
        if watch.is_killed {
            return Ok(());
        }
        if watch.output > limits.output_bytes {
            return self.stop(watch, Stop::Output);
        }
        if watch.wall.is_over(now) {
            return self.stop(watch, Stop::Wall);
        }
        if watch.wall.is_hopeless(now) {
            return Err(SandboxError::Starved {
                seconds: now.duration_since(watch.started).as_secs_f64(),
            });
        }
        if now >= watch.next_cpu_check {
            // The answer sets the next check; until it comes, do not ask again.
            watch.next_cpu_check = now + Duration::from_secs(3600);
            self.tell(Order::Cpu)?;
        }
        Ok(())
    }

    fn stop(&mut self, watch: &mut Watch, why: Stop) -> Result<(), SandboxError> {
        if !watch.is_killed {
            watch.stop = Some(why);
            watch.is_killed = true;
            self.tell(Order::Kill)?;
        }
        Ok(())
    }

    fn tell(&self, order: Order) -> Result<(), SandboxError> {
        wire::send(&self.control, &order.words(), &[], &[]).map_err(|_| SandboxError::ZygoteGone)
    }

    /// The next reply and the text beside it.
    fn receive(&self) -> Result<(Reply, String), SandboxError> {
        let message = wire::recv(&self.control, wire::MAX_BYTES)
            .map_err(SandboxError::Wire)?
            .ok_or(SandboxError::ZygoteGone)?;
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        // A zygote that speaks otherwise is as good as none.
        let reply = Reply::read(&message.words).ok_or(SandboxError::ZygoteGone)?;
        Ok((reply, text))
    }

    fn reply(
        &mut self,
        clock: &mut WallClock,
        cancelled: &AtomicBool,
    ) -> Result<(Reply, String), SandboxError> {
        let started = Instant::now();
        loop {
            if cancelled.load(Ordering::Relaxed) {
                return Err(SandboxError::Cancelled);
            }
            if wire::readable(&self.control, 20).map_err(SandboxError::Wire)? {
                return self.receive();
            }
            let now = Instant::now();
            if clock.is_over(now) || clock.is_hopeless(now) {
                return Err(SandboxError::ZygoteSilent {
                    seconds: now.duration_since(started).as_secs_f64(),
                });
            }
            // Setup code may print; a full pipe must not hold it up, nor an endless one the deadline.
            let piece = self.output.drain(&mut |_| {}, 1 << 20);
            piece.map_err(at("read the setup code's output"))?;
        }
    }

    fn drain(&self, sink: &mut dyn FnMut(&[u8])) -> Result<u64, SandboxError> {
        self.output
            .drain(sink, u64::MAX)
            .map_err(at("read a rollout's output"))
    }
}

fn first_report(control: &OwnedFd) -> Result<FenceReport, SandboxError> {
    let timeout = u32::try_from(BROKER_START.as_millis()).unwrap_or(u32::MAX);
    if !wire::readable(control, timeout).map_err(SandboxError::Wire)? {
        return Err(SandboxError::ZygoteSilent {
            seconds: BROKER_START.as_secs_f64(),
        });
    }
    let message = wire::recv(control, wire::MAX_BYTES).map_err(SandboxError::Wire)?;
    FenceReport::decode(&message.ok_or(SandboxError::ZygoteGone)?.bytes)
}

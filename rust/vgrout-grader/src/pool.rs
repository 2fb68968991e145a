//! Grades batches over N zygotes: one thread and one zygote per worker, one queue for every caller.
//!
//! A rollout whose machinery fails is run once more in a fresh zygote; a second failure is reported, never scored.
//! A zygote runs one setup code and no other; one that failed is not tried again, one that took too long once more.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vgrout_sandbox::exchange;
use vgrout_sandbox::supervise::{Broker, RunReport, Stop, ZygoteLink};
use vgrout_sandbox::{FenceReport, Layer, LayerSet, SandboxError};

use crate::codec::encode;
use crate::error::MachineError;
use crate::job::{Job, Limits, length_word, text};
use crate::oracle::{Machine, Request, grade};
use crate::program::broker_command;
use crate::setups::FailedSetups;
use crate::value::{Text, Value};
use crate::verdict::Verdict;

/// How far down the queue a worker looks for a task whose setup code its zygote has run.
const LOOK_AHEAD: usize = 64;
/// How often in a row it may pass over the first task for that.
const MOST_PASSED_OVER: usize = 64;
/// Setup code gets the rollout's wall-clock limit, but at least and at most this.
const SETUP_TIME: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(20));
/// How many brokers are tried before a rollout is given up.
const BROKER_TRIES: u32 = 5;
/// How often a waiting caller looks up.
const TICK: Duration = Duration::from_millis(20);

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Rollouts at the same time.
    pub workers: usize,
    /// Limits of each rollout.
    pub limits: Limits,
    /// The lowest fence level that will do.
    pub min_level: Layer,
    /// Layers to leave off, for tests.
    pub disabled: LayerSet,
    /// Further modules answers may import.
    pub preload: Vec<String>,
    /// Where they are looked for: the host's own `sys.path`. No answer gets to know it.
    pub path: Vec<String>,
    /// The Python interpreter.
    pub python: PathBuf,
    /// The extension module that the runner loads.
    pub extension: PathBuf,
}

/// Workers, their zygotes and the broker they come from.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    report: FenceReport,
}

#[derive(Debug)]
struct Shared {
    config: PoolConfig,
    queue: Mutex<VecDeque<Task>>,
    wake: Condvar,
    closing: AtomicBool,
    broker: Mutex<Option<Arc<Broker>>>,
    /// How to cancel what each worker runs.
    running: Mutex<Vec<Arc<AtomicBool>>>,
    failed_setups: FailedSetups,
}

#[derive(Debug)]
struct Task {
    job: Arc<Job>,
    index: usize,
    cancelled: Arc<AtomicBool>,
    done: Sender<(usize, Result<Verdict, MachineError>)>,
}

impl Pool {
    /// Starts the broker and checks its fence against `config.min_level`.
    ///
    /// # Errors
    /// The broker does not start, or the kernel enforces less than demanded.
    pub fn start(config: PoolConfig) -> Result<Self, SandboxError> {
        let broker = Broker::start(&broker_command(&config))?;
        let report = broker.report().clone();
        report.require(config.min_level)?;
        let workers = config.workers.max(1);
        let shared = Arc::new(Shared {
            config,
            queue: Mutex::default(),
            wake: Condvar::new(),
            closing: AtomicBool::new(false),
            broker: Mutex::new(Some(Arc::new(broker))),
            running: Mutex::new(vec![Arc::default(); workers]),
            failed_setups: FailedSetups::default(),
        });
        let threads = (0..workers)
            .map(|number| {
                let shared = Arc::clone(&shared);
                let builder = std::thread::Builder::new().name(format!("vgrout-grader-{number}"));
                builder
                    .spawn(move || Worker::new(shared, number).serve())
                    .map_err(SandboxError::Wire)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            shared,
            threads: Mutex::new(threads),
            report,
        })
    }

    /// What the fence enforces.
    #[must_use]
    pub fn fence(&self) -> &FenceReport {
        &self.report
    }

    /// Ends running rollouts, workers and every process of theirs; all is gone when it returns.
    /// Whoever waits for verdicts gets [`MachineError::Closed`] in place of those that are missing.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        lock(&self.shared.queue).clear();
        self.shared.wake.notify_all();
        for cancelled in lock(&self.shared.running).iter() {
            cancelled.store(true, Ordering::Relaxed);
        }
        for thread in lock(&self.threads).drain(..) {
            // A worker that panicked has nothing left to close.
            drop(thread.join());
        }
        drop(lock(&self.shared.broker).take());
    }

    /// Grades `jobs`; results in job order. `go_on` is asked every few milliseconds; false cancels, and the
    /// call returns as soon as every child is gone.
    pub fn grade(
        &self,
        jobs: &[Arc<Job>],
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Vec<Result<Verdict, MachineError>> {
        let (done, results) = mpsc::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        {
            let mut queue = lock(&self.shared.queue);
            if self.shared.closing.load(Ordering::Relaxed) {
                return jobs.iter().map(|_| Err(MachineError::Closed)).collect();
            }
            queue.extend(jobs.iter().enumerate().map(|(index, job)| Task {
                job: Arc::clone(job),
                index,
                cancelled: Arc::clone(&cancelled),
                done: done.clone(),
            }));
        }
        drop(done);
        self.shared.wake.notify_all();
        let mut verdicts: Vec<_> = jobs.iter().map(|_| Err(MachineError::Closed)).collect();
        let mut finished = 0;
        let mut asked = Instant::now();
        loop {
            match results.recv_timeout(TICK) {
                Ok((index, result)) => {
                    verdicts[index] = result;
                    finished += 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return verdicts,
            }
            if finished == jobs.len() {
                return verdicts;
            }
            // Not at every verdict: the caller may need a lock of its own to answer.
            if asked.elapsed() >= TICK && !cancelled.load(Ordering::Relaxed) {
                asked = Instant::now();
                cancelled.fetch_or(!go_on(finished), Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody holds the other end of the broker's socket.
fn is_broker_loss(error: &SandboxError) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    let SandboxError::Wire(cause) = error else {
        return false;
    };
    matches!(cause.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// Another zygote, perhaps of another broker, may do better.
fn is_worth_another(error: &SandboxError) -> bool {
    let is_start = matches!(
        error,
        SandboxError::ZygoteGone | SandboxError::StartBroker { .. }
    );
    is_start || is_broker_loss(error)
}

impl Shared {
    /// A live broker's new zygote; a broker that is gone is replaced, a few times at most.
    fn zygote(&self, cancelled: &AtomicBool) -> Result<ZygoteLink, SandboxError> {
        let mut tries = 1;
        loop {
            match self
                .broker()
                .and_then(|broker| self.zygote_of(&broker, cancelled))
            {
                Err(error) if tries < BROKER_TRIES && is_worth_another(&error) => tries += 1,
                other => return other,
            }
        }
    }

    fn zygote_of(
        &self,
        broker: &Arc<Broker>,
        cancelled: &AtomicBool,
    ) -> Result<ZygoteLink, SandboxError> {
        let zygote = broker.zygote(self.config.limits.memory_bytes, cancelled);
        if zygote.as_ref().is_err_and(is_broker_loss) {
            let mut slot = lock(&self.broker);
            if slot
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, broker))
            {
                *slot = None;
            }
        }
        zygote
    }

    fn broker(&self) -> Result<Arc<Broker>, SandboxError> {
        let mut slot = lock(&self.broker);
        if let Some(broker) = slot.as_ref() {
            return Ok(Arc::clone(broker));
        }
        let broker = Broker::start(&broker_command(&self.config))?;
        // The kernel may have changed its mind since the first one.
        broker.report().require(self.config.min_level)?;
        let broker = Arc::new(broker);
        *slot = Some(Arc::clone(&broker));
        Ok(broker)
    }

    /// The first task, or a near one with the `setup` that the worker's zygote has run.
    fn next_task(&self, setup: Option<&Arc<str>>) -> Option<Task> {
        let mut queue = lock(&self.queue);
        loop {
            if self.closing.load(Ordering::Relaxed) {
                return None;
            }
            let near = queue.iter().take(LOOK_AHEAD);
            let fitting = setup.and_then(|setup| {
                near.map(|task| &task.job.setup_code)
                    .position(|code| code == setup)
            });
            if let Some(task) = queue.remove(fitting.unwrap_or(0)) {
                return Some(task);
            }
            queue = self
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// One thread's zygote and the setup code it has run: never two, since what one leaves behind (modules' state, memory,
/// objects) would meet the other's answers.
struct Worker {
    shared: Arc<Shared>,
    number: usize,
    answers: Seat,
    /// Whose children run tests and never an answer.
    judges: Seat,
    /// Tasks taken in a row for their setup code.
    passed_over: usize,
    cancelled: Arc<AtomicBool>,
}

impl Worker {
    fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self {
            shared,
            number,
            answers: Seat::default(),
            judges: Seat::default(),
            passed_over: 0,
            cancelled: Arc::default(),
        }
    }

    fn serve(mut self) {
        while let Some(task) = self.shared.next_task(self.favourite()) {
            let stays = self.answers.setup.as_ref() == Some(&task.job.setup_code);
            self.passed_over = if stays { self.passed_over + 1 } else { 0 };
            let graded = catch_unwind(AssertUnwindSafe(|| self.grade_task(&task)));
            let result = graded.unwrap_or_else(|panic| {
                self.discard_zygotes();
                let what = panic.downcast_ref::<String>().cloned();
                let what = what.unwrap_or_else(|| "a worker panicked".to_owned());
                Err(MachineError::Panicked { what })
            });
            // A caller that went away no longer wants it.
            drop(task.done.send((task.index, result)));
        }
    }

    fn favourite(&self) -> Option<&Arc<str>> {
        self.answers
            .setup
            .as_ref()
            .filter(|_| self.passed_over % (MOST_PASSED_OVER + 1) < MOST_PASSED_OVER)
    }

    fn grade_task(&mut self, task: &Task) -> Result<Verdict, MachineError> {
        self.cancelled = Arc::clone(&task.cancelled);
        lock(&self.shared.running)[self.number] = Arc::clone(&task.cancelled);
        if self.shared.closing.load(Ordering::Relaxed) {
            return Err(MachineError::Closed);
        }
        let limits = self.shared.config.limits;
        let mut result = self.attempt(&task.job, &limits);
        if matches!(result, Err(MachineError::Sandbox(_))) {
            result = self.attempt(&task.job, &limits);
        }
        match result {
            Err(MachineError::Cancelled) if self.shared.closing.load(Ordering::Relaxed) => {
                Err(MachineError::Closed)
            }
            other => other,
        }
    }

    fn attempt(&mut self, job: &Job, limits: &Limits) -> Result<Verdict, MachineError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(MachineError::Cancelled);
        }
        let result = grade(job, limits, self);
        if matches!(result, Err(MachineError::Sandbox(_))) {
            self.discard_zygotes();
        }
        match result {
            Err(MachineError::Sandbox(SandboxError::Cancelled)) => Err(MachineError::Cancelled),
            other => other,
        }
    }

    fn discard_zygotes(&mut self) {
        self.answers.discard(&self.shared);
        self.judges.discard(&self.shared);
    }
}

/// A zygote that has run one setup code and no other.
#[derive(Default)]
struct Seat {
    link: Option<ZygoteLink>,
    setup: Option<Arc<str>>,
}

impl Seat {
    fn discard(&mut self, shared: &Shared) {
        self.setup = None;
        if let Some(link) = self.link.take()
            && let Some(broker) = lock(&shared.broker).as_ref()
        {
            broker.kill(&link);
        }
    }

    /// Its zygote, after `setup`.
    fn prepared(
        &mut self,
        setup: &Arc<str>,
        shared: &Shared,
        cancelled: &AtomicBool,
    ) -> Result<&mut ZygoteLink, MachineError> {
        if self.setup.as_ref().is_some_and(|known| known != setup) {
            self.discard(shared);
        }
        if self.link.is_none() {
            self.link = Some(shared.zygote(cancelled)?);
        }
        if self.setup.is_none() {
            self.set_up(setup, shared, cancelled)?;
        }
        Ok(self.link.as_mut().ok_or(SandboxError::ZygoteGone)?)
    }

    fn set_up(
        &mut self,
        setup: &Arc<str>,
        shared: &Shared,
        cancelled: &AtomicBool,
    ) -> Result<(), MachineError> {
        if let Some(what) = shared.failed_setups.refusal(setup) {
            return Err(MachineError::Setup { what });
        }
        let link = self.link.as_mut().ok_or(SandboxError::ZygoteGone)?;
        let wall = Duration::from_secs_f64(shared.config.limits.wall_s);
        let within = wall.clamp(SETUP_TIME.0, SETUP_TIME.1);
        let done = link.setup(setup.as_bytes(), within, cancelled);
        let (what, is_of_time) = match done {
            Ok(Ok(())) => {
                self.setup = Some(Arc::clone(setup));
                return Ok(());
            }
            Ok(Err(what)) => (what, false),
            Err(SandboxError::ZygoteSilent { seconds }) => {
                (format!("it did not end within {seconds:.1} s"), true)
            }
            Err(other) => return Err(other.into()),
        };
        // What it did before it failed must not meet the next answer.
        self.discard(shared);
        shared.failed_setups.note(setup, &what, is_of_time);
        Err(MachineError::Setup { what })
    }
}

/// The head of a child's payload.
fn header(request: &Request<'_>) -> Vec<u8> {
    let job = request.job;
    let source = Text::from_bytes(request.source.to_vec()).map_or(Value::None, Value::Str);
    let marker = if request.role.needs_marker(job.mode) {
        job.marker.as_str()
    } else {
        ""
    };
    let header = Value::Tuple(vec![
        text(request.role.name()),
        source,
        text(&job.graded),
        text(&job.method),
        text(job.mode.name()),
        text(marker),
        request.extra.clone(),
        Value::Bool(job.skip_main),
    ]);
    let mut encoded = vec![0; 4];
    encode(&header, &mut encoded);
    let length = length_word(encoded.len() - 4);
    encoded[..4].copy_from_slice(&length);
    encoded
}

/// Runs one child in `link`.
fn run_child(
    link: &mut ZygoteLink,
    request: &Request<'_>,
    exchange: Option<OwnedFd>,
    cancelled: &AtomicBool,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<RunReport, MachineError> {
    let payload = [&header(request)[..], request.calls];
    let report = link.run(&payload, &request.limits, exchange, cancelled, sink)?;
    if report.stop == Some(Stop::Cancelled) {
        return Err(MachineError::Cancelled);
    }
    Ok(report)
}

impl Machine for Worker {
    fn run(
        &mut self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<RunReport, MachineError> {
        let (shared, cancelled) = (&self.shared, &self.cancelled);
        let link = self
            .answers
            .prepared(&request.job.setup_code, shared, cancelled)?;
        run_child(link, request, None, cancelled, sink)
    }

    fn run_judged(
        &mut self,
        answer: &Request<'_>,
        judge: &Request<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(RunReport, RunReport), MachineError> {
        let (shared, cancelled) = (&self.shared, &self.cancelled);
        let setup = &answer.job.setup_code;
        let asked = self.answers.prepared(setup, shared, cancelled)?;
        let asking = self.judges.prepared(setup, shared, cancelled)?;
        let (one, other) = exchange::pair().map_err(SandboxError::Wire)?;
        std::thread::scope(|scope| {
            // The judge's own output is nobody's business.
            let judging =
                scope.spawn(|| run_child(asking, judge, Some(other), cancelled, &mut |_| {}));
            let answered = run_child(asked, answer, Some(one), cancelled, sink);
            let judged = judging.join().unwrap_or_else(|_| {
                Err(MachineError::Panicked {
                    what: "the judge's thread panicked".to_owned(),
                })
            });
            Ok((answered?, judged?))
        })
    }
}

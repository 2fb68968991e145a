//! Grades batches over N zygotes: one thread and one zygote per worker, one queue for every caller.
//!
//! A rollout whose machinery fails is run once more in a fresh zygote; a second failure is reported, never scored.
//! A zygote runs one setup code and no other; one that failed is not tried again, one that took too long once more.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vgrout_sandbox::error::at;
use vgrout_sandbox::exchange;
use vgrout_sandbox::supervise::{RunReport, Stop, ZygoteLink};
use vgrout_sandbox::{FenceReport, SandboxError};

use crate::codec::encode;
use crate::error::MachineError;
use crate::job::{Job, Limits};
use crate::oracle::{Machine, Request, grade};
use crate::program::PoolConfig;
use crate::test_set::{length_word, text};
use crate::value::{Text, Value};
use crate::verdict::Verdict;
use crate::zygotes::{Role, Seat, Zygotes};

/// How far down the queue a worker looks for a task whose setup code its zygote has run.
const LOOK_AHEAD: usize = 64;
/// How often in a row it may pass over the first task for that.
const MOST_PASSED_OVER: usize = 64;
/// How often a waiting caller looks up.
const TICK: Duration = Duration::from_millis(20);

/// Workers, their zygotes and the broker they come from.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    report: FenceReport,
}

#[derive(Debug)]
struct Shared {
    zygotes: Zygotes,
    queue: Mutex<VecDeque<Task>>,
    wake: Condvar,
    closing: AtomicBool,
    /// How to cancel what each worker runs.
    running: Mutex<Vec<Arc<AtomicBool>>>,
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
        let workers = config.workers.max(1);
        let (zygotes, report) = Zygotes::start(config)?;
        let shared = Arc::new(Shared {
            zygotes,
            queue: Mutex::default(),
            wake: Condvar::new(),
            closing: AtomicBool::new(false),
            running: Mutex::new(vec![Arc::default(); workers]),
        });
        let threads = (0..workers)
            .map(|number| {
                let shared = Arc::clone(&shared);
                let builder = std::thread::Builder::new().name(format!("vgrout-grader-{number}"));
                builder
                    .spawn(move || Worker::new(shared, number).serve())
                    .map_err(at("start a worker thread"))
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
        self.shared.zygotes.close();
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

impl Shared {
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
            answers: Seat::new(Role::Answers),
            judges: Seat::new(Role::Judges),
            passed_over: 0,
            cancelled: Arc::default(),
        }
    }

    fn serve(mut self) {
        while let Some(task) = self.shared.next_task(self.favourite()) {
            let stays = self.answers.setup() == Some(&task.job.setup_code);
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
            .setup()
            .filter(|_| self.passed_over % (MOST_PASSED_OVER + 1) < MOST_PASSED_OVER)
    }

    fn grade_task(&mut self, task: &Task) -> Result<Verdict, MachineError> {
        self.cancelled = Arc::clone(&task.cancelled);
        lock(&self.shared.running)[self.number] = Arc::clone(&task.cancelled);
        if self.shared.closing.load(Ordering::Relaxed) {
            return Err(MachineError::Closed);
        }
        let own = self.shared.zygotes.config().limits;
        let (limits, most) = (task.job.limits.unwrap_or(own), own.memory_bytes);
        if limits.memory_bytes > most {
            let wanted = limits.memory_bytes;
            return Err(MachineError::Memory { wanted, most });
        }
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
        self.answers.discard(&self.shared.zygotes);
        self.judges.discard(&self.shared.zygotes);
    }
}

fn number(limit: Option<u32>) -> Value {
    limit.map_or(Value::None, |limit| Value::Int(limit.into()))
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
        Value::Tuple(request.of_python.map(number).to_vec()),
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
        let (zygotes, cancelled) = (&self.shared.zygotes, &self.cancelled);
        let link = self
            .answers
            .prepared(&request.job.setup_code, zygotes, cancelled)?;
        run_child(link, request, None, cancelled, sink)
    }

    fn run_judged(
        &mut self,
        answer: &Request<'_>,
        judge: &Request<'_>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(RunReport, RunReport), MachineError> {
        let (zygotes, cancelled) = (&self.shared.zygotes, &self.cancelled);
        let setup = &answer.job.setup_code;
        let asked = self.answers.prepared(setup, zygotes, cancelled)?;
        let asking = self.judges.prepared(setup, zygotes, cancelled)?;
        let (one, other) = exchange::pair().map_err(at("join an answer and its judge"))?;
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

//! The broker and the zygotes that come from it: a lost one is replaced, and each runs one setup code.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vgrout_sandbox::limits::check_host_limits;
use vgrout_sandbox::supervise::{Broker, ZygoteLink};
use vgrout_sandbox::{FenceReport, SandboxError};

use crate::error::MachineError;
use crate::program::{PoolConfig, broker_command};
use crate::setups::FailedSetups;

/// Setup code gets the rollout's wall-clock limit, but at least and at most this.
const SETUP_TIME: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(20));
/// How many brokers are tried before a rollout is given up.
const BROKER_TRIES: u32 = 5;

/// Where zygotes come from.
#[derive(Debug)]
pub(crate) struct Zygotes {
    config: PoolConfig,
    broker: Mutex<Option<Arc<Broker>>>,
    failed_setups: FailedSetups,
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

impl Zygotes {
    /// Starts the broker and checks its fence against `config.min_level`; gives its report as well.
    ///
    /// # Errors
    /// The broker does not start, or the kernel enforces less than demanded.
    pub(crate) fn start(config: PoolConfig) -> Result<(Self, FenceReport), SandboxError> {
        check_host_limits(config.limits.memory_bytes)?;
        let broker = Broker::start(&broker_command(&config))?;
        let report = broker.report().clone();
        report.require(config.min_level)?;
        let zygotes = Self {
            config,
            broker: Mutex::new(Some(Arc::new(broker))),
            failed_setups: FailedSetups::default(),
        };
        Ok((zygotes, report))
    }

    /// How they are made.
    pub(crate) fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// Ends the broker and with it every process of theirs.
    pub(crate) fn close(&self) {
        drop(lock(&self.broker).take());
    }

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
}

/// What a seat's zygote forks: the runner guards a judge before it runs any setup code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Answers,
    Judges,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Judges => "judges",
        }
    }
}

/// A zygote that has run one setup code and no other.
pub(crate) struct Seat {
    role: Role,
    link: Option<ZygoteLink>,
    setup: Option<Arc<str>>,
}

impl Seat {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            link: None,
            setup: None,
        }
    }

    /// The setup code that its zygote has run.
    pub(crate) fn setup(&self) -> Option<&Arc<str>> {
        self.setup.as_ref()
    }

    /// Ends its zygote.
    pub(crate) fn discard(&mut self, zygotes: &Zygotes) {
        self.setup = None;
        if let Some(link) = self.link.take()
            && let Some(broker) = lock(&zygotes.broker).as_ref()
        {
            broker.kill(&link);
        }
    }

    /// Its zygote, after `setup`.
    ///
    /// # Errors
    /// The machinery failed, or the setup code did.
    pub(crate) fn prepared(
        &mut self,
        setup: &Arc<str>,
        zygotes: &Zygotes,
        cancelled: &AtomicBool,
    ) -> Result<&mut ZygoteLink, MachineError> {
        if self.setup.as_ref().is_some_and(|known| known != setup) {
            self.discard(zygotes);
        }
        if self.link.is_none() {
            self.link = Some(zygotes.zygote(cancelled)?);
        }
        if self.setup.is_none() {
            self.set_up(setup, zygotes, cancelled)?;
        }
        Ok(self.link.as_mut().ok_or(SandboxError::ZygoteGone)?)
    }

    fn set_up(
        &mut self,
        setup: &Arc<str>,
        zygotes: &Zygotes,
        cancelled: &AtomicBool,
    ) -> Result<(), MachineError> {
        if let Some(what) = zygotes.failed_setups.refusal(setup) {
            return Err(MachineError::Setup { what });
        }
        let link = self.link.as_mut().ok_or(SandboxError::ZygoteGone)?;
        let wall = Duration::from_secs_f64(zygotes.config.limits.wall_s);
        let within = wall.clamp(SETUP_TIME.0, SETUP_TIME.1);
        let order = format!("{}\n{setup}", self.role.name());
        let done = link.setup(order.as_bytes(), within, cancelled);
        let (what, is_of_time) = match done {
            Ok(Ok(())) => {
                self.setup = Some(Arc::clone(setup));
                return Ok(());
            }
            Ok(Err(what)) => (what, false),
            Err(SandboxError::ZygoteSilent { seconds }) => {
                (format!("it did not end within {seconds:.1} s"), true)
            }
            Err(SandboxError::ZygoteGone) => return Err(SandboxError::SetupEnded.into()),
            Err(other) => return Err(other.into()),
        };
        // What it did before it failed must not meet the next answer.
        self.discard(zygotes);
        zygotes.failed_setups.note(setup, &what, is_of_time);
        Err(MachineError::Setup { what })
    }
}

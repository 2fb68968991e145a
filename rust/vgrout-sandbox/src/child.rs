//! The zygote's loop: one fenced, single-threaded process that forks one child per rollout and reaps it.
//!
//! It never reads what a child produced, and forgets each rollout's payload when the host empties the arena.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::OFlags;
use rustix::mm::munmap;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, set_parent_process_death_signal, setrlimit,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::arena::MappedArena;
use crate::ballast::Ballast;
use crate::error::{RawErrno, SandboxError, at};
use crate::exchange::Exchange;
use crate::fence::{fence_child, fence_zygote};
use crate::limits::ChildLimits;
use crate::messages::{Exit, Order, Reply, RunOrder};
use crate::namespaces::{Forked, fork_child};
use crate::policy::ZygotePolicy;
use crate::seccomp::{ChildFilter, install_sigsys_reporter};
use crate::sys;
use crate::waiting::number_in_proc;
use crate::wire;

/// Soft stack limit of a child: deep recursion through C code is the rollout's right.
const STACK_BYTES: u64 = 64 << 20;
/// What setup code may take besides what a rollout may: its children inherit what it took.
const SETUP_HEADROOM_BYTES: u64 = 256 << 20;
/// The stage a child writes into the page it then unmaps: the fence is on.
const STAGE_FENCED: u32 = 1;

/// What the zygote must do next.
#[derive(Debug)]
pub enum Next {
    /// Run this setup code and answer through [`Zygote::setup_done`].
    Setup {
        /// UTF-8 source text.
        source: Vec<u8>,
    },
    /// This process is now a fenced child: run the rollout and exit.
    Child {
        /// Bytes of payload in the arena.
        payload_len: usize,
        /// Bytes of record area behind it.
        record_capacity: usize,
        /// One end of the exchange with another rollout's child, where the host made one.
        exchange: Option<Exchange>,
    },
    /// The host or the broker is gone: exit.
    Ended,
}

/// One zygote, after its fence went on.
#[derive(Debug)]
pub struct Zygote {
    control: OwnedFd,
    arena: MappedArena,
    filter: ChildFilter,
    base_address_space: u64,
    stage: *mut u32,
    wait_mask: libc::sigset_t,
    ballast: Ballast,
}

// SAFETY: a zygote is single-threaded; the raw pointer never leaves the process.
unsafe impl Send for Zygote {}
// SAFETY: as above.
unsafe impl Sync for Zygote {}

impl Zygote {
    /// Fences this process and tells the host that it is ready.
    ///
    /// # Errors
    /// Whatever step failed; the host has been told, and the process must exit.
    pub fn enter(
        control: OwnedFd,
        stdout: &OwnedFd,
        arena: &OwnedFd,
        policy: &ZygotePolicy,
        memory_bytes: u64,
    ) -> Result<Self, SandboxError> {
        // Before the address space is measured: it is no part of what a rollout may use.
        let mut ballast = Ballast::none();
        ballast.take();
        // Asked for now: behind the fence there is no `/proc`.
        let number = number_in_proc().map_or(u64::MAX, u64::from);
        let entered = Self::enter_fence(&control, stdout, arena, policy, memory_bytes);
        match entered {
            Ok((arena, filter, base_address_space, stage)) => {
                // SAFETY: an all-zero sigset is overwritten by sigprocmask before use.
                let mut wait_mask: libc::sigset_t = unsafe { mem::zeroed() };
                // SAFETY: valid pointers to initialised sets; the handler below only interrupts ppoll.
                unsafe {
                    let mut blocked: libc::sigset_t = mem::zeroed();
                    libc::sigemptyset(&raw mut blocked);
                    libc::sigaddset(&raw mut blocked, libc::SIGCHLD);
                    libc::signal(libc::SIGCHLD, note_child as *const () as libc::sighandler_t);
                    libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, &raw mut wait_mask);
                    libc::sigdelset(&raw mut wait_mask, libc::SIGCHLD);
                }
                let ready = Reply::Ready { number }.words();
                wire::send(&control, &ready, &[], &[]).map_err(SandboxError::Wire)?;
                Ok(Self {
                    control,
                    arena,
                    filter,
                    base_address_space,
                    stage,
                    wait_mask,
                    ballast,
                })
            }
            Err(error) => {
                // The host may be gone too; there is nobody else to tell.
                drop(wire::send(
                    &control,
                    &Reply::Refused.words(),
                    error.to_string().as_bytes(),
                    &[],
                ));
                Err(error)
            }
        }
    }

    fn enter_fence(
        control: &OwnedFd,
        stdout: &OwnedFd,
        arena: &OwnedFd,
        policy: &ZygotePolicy,
        memory_bytes: u64,
    ) -> Result<(MappedArena, ChildFilter, u64, *mut u32), SandboxError> {
        place_descriptors(control, stdout).map_err(at("place the descriptors"))?;
        let mapped = MappedArena::map(arena).map_err(at("map the arena"))?;
        let stage = sys::shared_memory(4096).map_err(at("map the child's stage"))?;
        let base_address_space = address_space_bytes().map_err(at("read the address space"))?;
        let filter = ChildFilter::compile()?;
        close_all_but(control.as_raw_fd()).map_err(at("close descriptors"))?;
        let most = base_address_space.saturating_add(memory_bytes);
        limit_address_space(most.saturating_add(SETUP_HEADROOM_BYTES))?;
        fence_zygote(policy)?;
        // After the change of uid, which clears it.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(at("set the death signal"))?;
        // SAFETY: the slot lies in the shared arena, mapped for the life of the process.
        unsafe { install_sigsys_reporter(mapped.trapped_syscall_slot()) }.map_err(raw_error)?;
        Ok((mapped, filter, base_address_space, stage.cast()))
    }

    /// Serves the host until there is something for Python to do.
    ///
    /// # Errors
    /// The control socket's error, or a fork that failed.
    pub fn wait(&mut self) -> Result<Next, SandboxError> {
        loop {
            let Some(message) = wire::recv(&self.control, 0).map_err(SandboxError::Wire)? else {
                return Ok(Next::Ended);
            };
            match Order::read(&message.words) {
                Some(Order::Setup { length }) => {
                    let source = self.arena.payload(length).to_vec();
                    return Ok(Next::Setup { source });
                }
                Some(Order::Run(order)) => {
                    if let Some(child) = self.run(order, message.fds)? {
                        return Ok(child);
                    }
                }
                // A kill or a CPU question that crossed with the child's exit.
                _ => {}
            }
        }
    }

    /// Answers a [`Next::Setup`]; an empty `failure` means it ran.
    ///
    /// # Errors
    /// The control socket's error.
    pub fn setup_done(&self, failure: &str) -> Result<(), SandboxError> {
        let bytes = failure.as_bytes();
        let cut = &bytes[..bytes.len().min(4096)];
        wire::send(&self.control, &Reply::SetupDone.words(), cut, &[]).map_err(SandboxError::Wire)
    }

    /// The arena, for the child's records.
    #[must_use]
    pub fn arena(&self) -> &MappedArena {
        &self.arena
    }

    /// Makes room for allocations of the machinery's own, whatever the rollout has left.
    pub fn give_back_room(&mut self) {
        self.ballast.give_back();
    }

    /// Sets the room aside again; false where the rollout's own memory does not hold what was allocated meanwhile.
    pub fn take_room(&mut self) -> bool {
        self.ballast.take()
    }

    fn run(&self, order: RunOrder, mut fds: Vec<OwnedFd>) -> Result<Option<Next>, SandboxError> {
        let limits = ChildLimits::new(
            order.backstop_s,
            self.base_address_space.saturating_add(order.memory_bytes),
            STACK_BYTES,
        );
        // SAFETY: a live shared page.
        unsafe { self.stage.write_volatile(0) };
        let zygote = getpid();
        // SAFETY: the zygote is single-threaded.
        match unsafe { fork_child() }.map_err(raw_error)? {
            Forked::Parent { pid } => {
                // The child's alone: its peer must see its end.
                fds.clear();
                self.attend(pid).map(|()| None)
            }
            Forked::Child => {
                self.become_child(zygote, &limits);
                Ok(Some(Next::Child {
                    payload_len: order.payload,
                    record_capacity: order.records,
                    exchange: fds.pop().map(Exchange::new),
                }))
            }
        }
    }

    /// Puts the last layers on. A failure exits before the stage page says "fenced".
    fn become_child(&self, zygote: Pid, limits: &ChildLimits) {
        // SAFETY: plain system calls on our own descriptors, masks and mapping, in a fresh
        // single-threaded child; nothing allocates.
        unsafe {
            libc::close(self.control.as_raw_fd());
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const self.wait_mask,
                std::ptr::null_mut(),
            );
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            let alone = getppid() != Some(zygote);
            if alone || fence_child(&self.filter, limits).is_err() {
                libc::_exit(1);
            }
            // Out of reach before any foreign code runs: the host can trust what it says.
            self.stage.write_volatile(STAGE_FENCED);
            let _ = munmap(self.stage.cast(), 4096);
        }
    }

    /// Waits for the child, answering the host meanwhile; reports its end.
    fn attend(&self, pid: libc::pid_t) -> Result<(), SandboxError> {
        let (status, usage) = loop {
            let mut status = 0;
            // SAFETY: an all-zero rusage is valid; wait4 writes into live locals.
            let mut usage: libc::rusage = unsafe { mem::zeroed() };
            // SAFETY: as above.
            match unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) } {
                0 => {}
                reaped if reaped == pid => break (status, usage),
                _ => return Err(at("wait for the child")(io::Error::last_os_error())),
            }
            let mut entry = libc::pollfd {
                fd: self.control.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // SIGCHLD is let in only while waiting here, so an exit cannot slip in between.
            // SAFETY: one pollfd, no timeout, a valid mask.
            let ready = unsafe {
                libc::ppoll(
                    &raw mut entry,
                    1,
                    std::ptr::null(),
                    &raw const self.wait_mask,
                )
            };
            if ready > 0 {
                self.answer_while_running(pid)?;
            }
        };
        // SAFETY: the stage page is mapped for the zygote's life.
        let stage = unsafe { self.stage.read_volatile() };
        let micros = |time: libc::timeval| {
            time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_usec.unsigned_abs()
        };
        self.say(Reply::Exited(Exit {
            wait_status: status,
            cpu_micros: micros(usage.ru_utime) + micros(usage.ru_stime),
            peak_memory_bytes: usage.ru_maxrss.unsigned_abs() * 1024,
            is_fenced: stage == STAGE_FENCED,
        }))
    }

    fn say(&self, reply: Reply) -> Result<(), SandboxError> {
        wire::send(&self.control, &reply.words(), &[], &[]).map_err(SandboxError::Wire)
    }

    fn answer_while_running(&self, pid: libc::pid_t) -> Result<(), SandboxError> {
        let message = wire::recv(&self.control, 0).map_err(SandboxError::Wire)?;
        match message.map(|message| Order::read(&message.words)) {
            Some(Some(Order::Cpu)) => {
                let nanos = cpu_nanos(pid);
                self.say(Reply::CpuUsed { nanos })
            }
            Some(Some(Order::Kill)) => {
                sys::kill(pid);
                Ok(())
            }
            Some(_) => Ok(()),
            None => {
                // The host is gone, so is the rollout.
                sys::kill(pid);
                exit_now(0)
            }
        }
    }
}

/// Leaves the process at once, running no handlers and flushing nothing.
pub fn exit_now(status: i32) -> ! {
    sys::exit_now(status)
}

extern "C" fn note_child(_signal: libc::c_int) {}

fn raw_error(error: RawErrno) -> SandboxError {
    at(error.step)(io::Error::from_raw_os_error(error.errno))
}

/// Standard input and error become /dev/null, standard output the rollout's pipe.
fn place_descriptors(control: &OwnedFd, stdout: &OwnedFd) -> io::Result<()> {
    if control.as_raw_fd() <= 2 || stdout.as_raw_fd() <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let null = sys::open(c"/dev/null", OFlags::RDWR)?;
    dup2_stdin(&null)?;
    dup2_stdout(stdout)?;
    dup2_stderr(&null)?;
    // Closed with all others: it could have one of the three numbers.
    mem::forget(null);
    Ok(())
}

fn close_all_but(keep: RawFd) -> io::Result<()> {
    // SAFETY: closes descriptors of this process that nobody uses after this point.
    unsafe {
        let mut limit: libc::rlimit = mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        let keep_unsigned = keep.cast_unsigned();
        let below = keep_unsigned == 3
            || libc::syscall(libc::SYS_close_range, 3, keep_unsigned - 1, 0) == 0;
        let above = libc::syscall(libc::SYS_close_range, keep_unsigned + 1, u32::MAX, 0) == 0;
        if !(below && above) {
            let last = i32::try_from(limit.rlim_cur.min(65536)).unwrap_or(65536);
            for fd in (3..last).filter(|fd| *fd != keep) {
                libc::close(fd);
            }
        }
    }
    Ok(())
}

/// Setup code is data as well: without a limit it could take the machine's memory.
fn limit_address_space(bytes: u64) -> Result<(), SandboxError> {
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::As, limit).map_err(at("limit the address space"))
}

fn address_space_bytes() -> io::Result<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let total = pages
        .split(' ')
        .next()
        .and_then(|word| word.parse::<u64>().ok());
    total
        .map(|pages| pages * 4096)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// CPU time of a live child of ours, from its own kernel clock.
fn cpu_nanos(pid: libc::pid_t) -> u64 {
    let mut clock = 0;
    // SAFETY: an all-zero timespec is valid; both calls write into live locals.
    unsafe {
        let mut time: libc::timespec = mem::zeroed();
        if libc::clock_getcpuclockid(pid, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
        {
            return 0;
        }
        time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
    }
}

//! The seccomp filters: compiled in advance, loaded without allocation.
//!
//! Each program has three answers, where the compiler's own format has two: a hand-written head
//! (foreign architecture → kill; x32 numbers and attack-only calls → SIGSYS; `clone3` → `ENOSYS`;
//! calls without a condition → allow) is followed by the compiled rules for calls with conditions,
//! whose mismatch is `EPERM`. Filters stack and the strictest answer wins, so a child is bound by
//! its zygote's head as well. The filters see numbers, never paths; that is why `openat` is
//! refused.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicPtr, Ordering};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

pub use crate::error::RawErrno;
use crate::error::SandboxError;
pub use crate::fence::fence_child;
use crate::sys;
use crate::syscalls::{Allowed, CHILD, Condition, TRAPPED, Test, Trapped, ZYGOTE_ONLY};

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u32 = 0xC000_00B7;

/// The bit that marks a call of the x32 interface, which shares the architecture's tag with the
/// native one.
#[cfg(target_arch = "x86_64")]
const X32_BIT: u32 = 0x4000_0000;

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const KILL_PROCESS: u32 = 0x8000_0000;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const ALLOW: u32 = 0x7fff_0000;

const LOAD: u16 = 0x20;
const RETURN: u16 = 0x06;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
#[cfg(target_arch = "x86_64")]
const JUMP_IF_ANY_BIT: u16 = 0x45;

/// A program ready to be loaded.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    name: &'static str,
    instructions: BpfProgram,
}

/// The default-deny filter of a child, compiled ahead of the fork.
#[derive(Debug, Clone)]
pub struct ChildFilter(Program);

impl ChildFilter {
    /// Compiles the filter. Allocates; a zygote does it once.
    ///
    /// # Errors
    /// [`SandboxError::CompileFilter`] where the tables contradict each other, which is a defect of
    /// this crate.
    pub fn compile() -> Result<Self, SandboxError> {
        Program::compile("child", &[], &[CHILD]).map(Self)
    }

    /// The number of BPF instructions.
    #[must_use]
    pub fn instructions(&self) -> usize {
        self.0.instructions.len()
    }

    pub(crate) fn load(&self) -> Result<(), RawErrno> {
        self.0.load()
    }
}

/// Compiles the filter that a zygote enters and its children inherit.
pub(crate) fn zygote_program() -> Result<Program, SandboxError> {
    Program::compile("zygote", TRAPPED, &[CHILD, ZYGOTE_ONLY])
}

impl Program {
    fn compile(
        name: &'static str,
        trapped: &[Trapped],
        tables: &[&[Allowed]],
    ) -> Result<Self, SandboxError> {
        let failed = |error: seccompiler::BackendError| SandboxError::CompileFilter {
            filter: name,
            reason: error.to_string(),
        };
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for entry in tables.iter().copied().flatten() {
            let own = entry
                .rules
                .iter()
                .map(|rule| compile_rule(rule))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed)?;
            // A later table widens what an earlier one allows; no condition at all is the widest.
            let known = rules.get(&entry.number).map(Vec::len);
            match known {
                Some(0) => {}
                Some(_) if own.is_empty() => {
                    rules.insert(entry.number, own);
                }
                _ => rules.entry(entry.number).or_default().extend(own),
            }
        }
        // Calls without a condition share one answer: a short program loads faster, and each child
        // loads it anew.
        let plain = numbers(
            rules
                .iter()
                .filter(|(_, own)| own.is_empty())
                .map(|(&number, _)| number),
        );
        rules.retain(|_, own| !own.is_empty());
        let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        let filter =
            SeccompFilter::new(rules, refuse, SeccompAction::Allow, ARCH).map_err(failed)?;
        let body: BpfProgram = filter.try_into().map_err(failed)?;
        let trapped = numbers(trapped.iter().map(|call| call.number));
        let instructions = [
            head(),
            answer_any(&trapped, TRAP),
            answer_any(&plain, ALLOW),
            answer_abort(),
            body,
        ]
        .concat();
        Ok(Self { name, instructions })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn len(&self) -> usize {
        self.instructions.len()
    }

    /// Loads the program into the calling thread, which needs `no_new_privs`. Async-signal-safe,
    /// allocates nothing.
    pub(crate) fn load(&self) -> Result<(), RawErrno> {
        let refused = |errno| RawErrno {
            step: "load a seccomp filter",
            errno,
        };
        let program = libc::sock_fprog {
            len: libc::c_ushort::try_from(self.instructions.len())
                .map_err(|_| refused(libc::E2BIG))?,
            // The two types are the kernel's `struct sock_filter`; the kernel only reads.
            filter: self
                .instructions
                .as_ptr()
                .cast::<libc::sock_filter>()
                .cast_mut(),
        };
        let mode = u64::from(libc::SECCOMP_SET_MODE_FILTER);
        let address = (&raw const program).addr() as u64;
        // SAFETY: `program` and its instructions outlive the call, which copies them.
        unsafe { sys::call(libc::SYS_seccomp, [mode, 0, address, 0, 0, 0]) }
            .map(|_| ())
            .map_err(refused)
    }
}

fn compile_rule(conditions: &[Condition]) -> Result<SeccompRule, seccompiler::BackendError> {
    let compiled = conditions.iter().map(|condition| {
        let length = if condition.wide {
            SeccompCmpArgLen::Qword
        } else {
            SeccompCmpArgLen::Dword
        };
        let (operator, value) = match condition.test {
            Test::Equals(value) => (SeccompCmpOp::Eq, value),
            Test::Differs(value) => (SeccompCmpOp::Ne, value),
            Test::Above(value) => (SeccompCmpOp::Gt, value),
            Test::AtMost(value) => (SeccompCmpOp::Le, value),
            Test::Clear(mask) => (SeccompCmpOp::MaskedEq(mask), 0),
        };
        SeccompCondition::new(condition.argument, length, operator, value)
    });
    SeccompRule::new(compiled.collect::<Result<_, _>>()?)
}

fn instruction(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The first instructions: what is judged before any table. They leave the call's number loaded.
fn head() -> BpfProgram {
    let mut program = vec![
        instruction(LOAD, OFFSET_ARCH, 0, 0),
        instruction(JUMP_IF_EQUAL, AUDIT_ARCH, 1, 0),
        instruction(RETURN, KILL_PROCESS, 0, 0),
        instruction(LOAD, OFFSET_NUMBER, 0, 0),
    ];
    #[cfg(target_arch = "x86_64")]
    program.extend([
        instruction(JUMP_IF_ANY_BIT, X32_BIT, 0, 1),
        instruction(RETURN, TRAP, 0, 0),
    ]);
    // The flags of `clone3` lie behind a pointer, so it cannot be judged; libraries fall back to
    // `clone`.
    program.extend([
        instruction(JUMP_IF_EQUAL, number_of(libc::SYS_clone3), 0, 1),
        instruction(RETURN, ERRNO | libc::ENOSYS.cast_unsigned(), 0, 0),
    ]);
    program
}

/// Gives `action` for each of the numbers and goes on behind itself for all others.
fn answer_any(numbers: &[u32], action: u32) -> BpfProgram {
    // A jump spans 255 instructions at most.
    let blocks = numbers.chunks(250).flat_map(|block| {
        let mut program: BpfProgram = Vec::with_capacity(block.len() + 2);
        for (index, &number) in block.iter().enumerate() {
            let to_answer = u8::try_from(block.len() - index).unwrap_or(u8::MAX);
            program.push(instruction(JUMP_IF_EQUAL, number, to_answer, 0));
        }
        program.extend([
            instruction(JUMP, 1, 0, 0),
            instruction(RETURN, action, 0, 0),
        ]);
        program
    });
    blocks.collect()
}

/// SIGABRT sent by `abort`, to whomever: refused like every signal, but the process is at its end and should say so.
/// The low word of an argument is its first four bytes on both architectures.
fn answer_abort() -> BpfProgram {
    let signal_of = |call, argument: u32| {
        [
            instruction(JUMP_IF_EQUAL, number_of(call), 0, 4),
            instruction(LOAD, 16 + 8 * argument, 0, 0),
            instruction(JUMP_IF_EQUAL, libc::SIGABRT.cast_unsigned(), 0, 1),
            instruction(RETURN, TRAP, 0, 0),
            instruction(LOAD, OFFSET_NUMBER, 0, 0),
        ]
    };
    [
        signal_of(libc::SYS_tgkill, 2),
        signal_of(libc::SYS_tkill, 1),
    ]
    .concat()
}

fn numbers(calls: impl Iterator<Item = libc::c_long>) -> Vec<u32> {
    calls.map(number_of).collect()
}

fn number_of(call: libc::c_long) -> u32 {
    // Every number in the tables is a small positive one.
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// The name of a system call that one of the tables lists, without its prefix.
#[must_use]
pub fn syscall_name(number: i64) -> Option<&'static str> {
    let allowed = CHILD
        .iter()
        .chain(ZYGOTE_ONLY)
        .map(|entry| (entry.number, entry.name));
    let trapped = TRAPPED.iter().map(|entry| (entry.number, entry.name));
    let abort = [(libc::SYS_tgkill, "tgkill"), (libc::SYS_tkill, "tkill")];
    allowed
        .chain(trapped)
        .chain(abort)
        .find(|&(known, _)| known == number)
        .map(|(_, name)| name.trim_start_matches("SYS_"))
}

static REPORT_SLOT: AtomicPtr<u32> = AtomicPtr::new(std::ptr::null_mut());

/// Installs a handler that stores the number of a trapped call, plus one, in `slot`; the process
/// still dies by SIGSYS.
///
/// Children inherit the handler, and their filter keeps them from replacing it. They can write to
/// the slot, so the number is a hint for a message and never evidence.
///
/// # Errors
/// The kernel's refusal.
///
/// # Safety
/// `slot` must be aligned, writable and mapped for as long as the process or a child of it lives;
/// to be read from outside it must lie in shared memory.
pub unsafe fn install_sigsys_reporter(slot: *mut u32) -> Result<(), RawErrno> {
    REPORT_SLOT.store(slot, Ordering::SeqCst);
    // SAFETY: all zeros are a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO;
    action.sa_sigaction =
        (report_and_die as extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void)) as usize;
    // SAFETY: the action is complete and its handler keeps to async-signal-safe operations.
    sys::check(
        unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) },
        "install the SIGSYS reporter",
    )
    .map(|_| ())
}

/// The part of `siginfo_t` that a SIGSYS fills: three common words, padding, the call's address,
/// then its number.
#[repr(C)]
struct SigsysInfo {
    common: [i32; 4],
    address: usize,
    number: i32,
    arch: u32,
}

extern "C" fn report_and_die(
    _signal: i32,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    let slot = REPORT_SLOT.load(Ordering::Relaxed);
    if !info.is_null() && !slot.is_null() {
        // SAFETY: the kernel passes a full `siginfo_t`, which is larger than this prefix and
        // aligned alike.
        let number = unsafe { (*info.cast::<SigsysInfo>()).number };
        // SAFETY: the installer's caller vouched for the slot.
        unsafe { slot.write_volatile(number.cast_unsigned().wrapping_add(1)) };
    }
    // SIGSYS is blocked while its handler runs, so a second trapped call is fatal: no `kill` is
    // needed, none is allowed. SAFETY: `bpf` with a null attribute reads no memory, should it ever
    // get through.
    let _ = unsafe { sys::call(libc::SYS_bpf, [u64::MAX, 0, 0, 0, 0, 0]) };
    sys::exit_now(128 + libc::SIGSYS);
}

#[cfg(test)]
#[path = "seccomp_tests.rs"]
mod tests;

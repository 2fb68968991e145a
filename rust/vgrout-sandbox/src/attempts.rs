//! The system calls behind the attacks.
//!
//! An attempt gives the value it got away with, or the kernel's errno. Nothing here allocates, and
//! nothing here does damage where it succeeds: directories are removed again, signals are signal 0,
//! memory is only read.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use crate::attacks::Target;
use crate::sys::{self, call, errno};

pub(crate) fn plain(number: libc::c_long, arguments: [u64; 6]) -> Result<i64, i32> {
    // SAFETY: the calls above pass numbers, C string literals or null; what they create dies with
    // this process.
    unsafe { call(number, arguments) }
}

pub(crate) fn at_cwd() -> u64 {
    i64::from(libc::AT_FDCWD).cast_unsigned()
}

pub(crate) fn pid() -> u64 {
    std::process::id().into()
}

/// The host's process, unless its number means another process in here.
fn visible(target: &Target<'_>) -> Result<libc::pid_t, i32> {
    let own = std::process::id() == target.pid.unsigned_abs();
    if target.own_pids && (own || target.pid == 1) {
        Err(libc::ESRCH)
    } else {
        Ok(target.pid)
    }
}

pub(crate) fn open_root(_: &Target<'_>) -> Result<i64, i32> {
    let flags = u64::from((libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC).cast_unsigned());
    plain(
        libc::SYS_openat,
        [at_cwd(), c"/".as_ptr().addr() as u64, flags, 0, 0, 0],
    )
}

pub(crate) fn list_root(target: &Target<'_>) -> Result<i64, i32> {
    let fd = open_root(target)?;
    let mut entries = [0_u8; 512];
    // SAFETY: the buffer is valid for its length.
    let got = unsafe {
        call(
            libc::SYS_getdents64,
            [
                fd.cast_unsigned(),
                entries.as_mut_ptr().addr() as u64,
                512,
                0,
                0,
                0,
            ],
        )
    }?;
    // `.` and `..` take 24 bytes each.
    if got <= 48 {
        Err(libc::ENOENT)
    } else {
        Ok(got)
    }
}

pub(crate) fn make_directory(target: &Target<'_>) -> Result<i64, i32> {
    let path = target.new_directory.as_ptr();
    let made = plain(
        libc::SYS_mkdirat,
        [at_cwd(), path.addr() as u64, 0o700, 0, 0, 0],
    )?;
    // SAFETY: the path is a C string.
    unsafe { libc::rmdir(path) };
    Ok(made)
}

pub(crate) fn read_memory_file(target: &Target<'_>) -> Result<i64, i32> {
    let path = target.memory_file.as_ptr().addr() as u64;
    let flags = u64::from((libc::O_RDONLY | libc::O_CLOEXEC).cast_unsigned());
    let fd = plain(libc::SYS_openat, [at_cwd(), path, flags, 0, 0, 0])?;
    let mut word = 0_i64;
    let buffer = (&raw mut word).addr() as u64;
    // SAFETY: eight writable bytes.
    unsafe {
        call(
            libc::SYS_pread64,
            [fd.cast_unsigned(), buffer, 8, target.canary as u64, 0, 0],
        )
    }?;
    Ok(word)
}

pub(crate) fn read_memory_call(target: &Target<'_>) -> Result<i64, i32> {
    let pid = visible(target)?;
    let mut word = 0_i64;
    let local = libc::iovec {
        iov_base: (&raw mut word).cast(),
        iov_len: 8,
    };
    let remote = libc::iovec {
        iov_base: std::ptr::with_exposed_provenance_mut(target.canary),
        iov_len: 8,
    };
    let (local, remote) = (
        (&raw const local).addr() as u64,
        (&raw const remote).addr() as u64,
    );
    // SAFETY: the local vector is eight writable bytes; the remote one is only read, in another
    // process.
    unsafe {
        call(
            libc::SYS_process_vm_readv,
            [pid.unsigned_abs().into(), local, 1, remote, 1, 0],
        )
    }?;
    Ok(word)
}

pub(crate) fn trace_parent(target: &Target<'_>) -> Result<i64, i32> {
    // PTRACE_SEIZE stops nothing, and the tracer's end detaches it.
    plain(
        libc::SYS_ptrace,
        [0x4206, visible(target)?.unsigned_abs().into(), 0, 0, 0, 0],
    )
}

pub(crate) fn signal_parent(target: &Target<'_>) -> Result<i64, i32> {
    plain(
        libc::SYS_kill,
        [visible(target)?.unsigned_abs().into(), 0, 0, 0, 0, 0],
    )
}

pub(crate) fn see_parent(target: &Target<'_>) -> Result<i64, i32> {
    // The fenced process's own parent is process 1 of the namespace, whose parent is nobody.
    plain(
        libc::SYS_getpgid,
        [visible(target)?.unsigned_abs().into(), 0, 0, 0, 0, 0],
    )
}

pub(crate) fn fork_with(flags: u64) -> Result<i64, i32> {
    let pid = plain(libc::SYS_clone, [flags, 0, 0, 0, 0, 0])?;
    if pid == 0 {
        sys::exit_now(0);
    }
    Ok(pid)
}

pub(crate) fn clone_three(_: &Target<'_>) -> Result<i64, i32> {
    let mut arguments = [0_u64; 8];
    arguments[4] = 17; // exit_signal
    let pid = plain(
        libc::SYS_clone3,
        [arguments.as_ptr().addr() as u64, 64, 0, 0, 0, 0],
    )?;
    if pid == 0 {
        sys::exit_now(0);
    }
    Ok(pid)
}

pub(crate) fn socket(family: libc::c_int, kind: libc::c_int) -> Result<i64, i32> {
    plain(
        libc::SYS_socket,
        [
            u64::from(family.unsigned_abs()),
            u64::from(kind.unsigned_abs()),
            0,
            0,
            0,
            0,
        ],
    )
}

fn descriptor(number: i64) -> libc::c_int {
    libc::c_int::try_from(number).unwrap_or(-1)
}

fn internet_address(address: [u8; 4], port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: 2, // AF_INET
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(address),
        },
        sin_zero: [0; 8],
    }
}

fn with_internet_socket(
    kind: libc::c_int,
    address: &libc::sockaddr_in,
    act: unsafe extern "C" fn(libc::c_int, *const libc::sockaddr, libc::socklen_t) -> libc::c_int,
) -> Result<i64, i32> {
    let fd = descriptor(socket(libc::AF_INET, kind | libc::SOCK_NONBLOCK)?);
    // SAFETY: the address is a whole `sockaddr_in` of 16 bytes.
    let done = unsafe { act(fd, std::ptr::from_ref(address).cast(), 16) };
    if done == -1 { Err(errno()) } else { Ok(0) }
}

pub(crate) fn connect_tcp(_: &Target<'_>) -> Result<i64, i32> {
    with_internet_socket(
        libc::SOCK_STREAM,
        &internet_address([127, 0, 0, 1], 9),
        libc::connect,
    )
}

pub(crate) fn bind_tcp(_: &Target<'_>) -> Result<i64, i32> {
    with_internet_socket(
        libc::SOCK_STREAM,
        &internet_address([127, 0, 0, 1], 0),
        libc::bind,
    )
}

pub(crate) fn send_udp(_: &Target<'_>) -> Result<i64, i32> {
    // TEST-NET-1: connecting a datagram socket sends nothing, but needs a route.
    with_internet_socket(
        libc::SOCK_DGRAM,
        &internet_address([192, 0, 2, 1], 9),
        libc::connect,
    )
}

pub(crate) fn connect_abstract(target: &Target<'_>) -> Result<i64, i32> {
    let Some(address) = target.listener else {
        return Err(libc::ECONNREFUSED);
    };
    let fd = descriptor(socket(
        libc::AF_UNIX,
        libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
    )?);
    // SAFETY: open until this process ends.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::net::connect(fd, address)
        .map(|()| 0)
        .map_err(Errno::raw_os_error)
}

pub(crate) fn find_interface(_: &Target<'_>) -> Result<i64, i32> {
    const GET_NAME: u64 = 0x8910;
    const GET_FLAGS: u64 = 0x8913;
    let fd = socket(libc::AF_INET, libc::SOCK_DGRAM)?.cast_unsigned();
    for index in 1..64_i32 {
        // `struct ifreq`: 16 bytes of name, then a union of 24 bytes.
        let mut request = [0_u8; 40];
        request[16..20].copy_from_slice(&index.to_ne_bytes());
        let address = request.as_mut_ptr().addr() as u64;
        if plain(libc::SYS_ioctl, [fd, GET_NAME, address, 0, 0, 0]).is_err() {
            continue;
        }
        plain(libc::SYS_ioctl, [fd, GET_FLAGS, address, 0, 0, 0])?;
        let flags = i32::from(i16::from_ne_bytes([request[16], request[17]]));
        if flags & libc::IFF_UP != 0 {
            return Ok(index.into());
        }
    }
    Err(libc::ENODEV)
}

pub(crate) fn make_executable(_: &Target<'_>) -> Result<i64, i32> {
    let page = plain(libc::SYS_mmap, [0, 4096, 3, 0x22, u64::MAX, 0])?.cast_unsigned();
    plain(libc::SYS_mprotect, [page, 4096, 5, 0, 0, 0])
}

pub(crate) fn raise_limit(_: &Target<'_>) -> Result<i64, i32> {
    let limit = [0_u64; 2];
    plain(
        libc::SYS_prlimit64,
        [0, 4, limit.as_ptr().addr() as u64, 0, 0, 0],
    )
}

pub(crate) fn use_memory(_: &Target<'_>) -> Result<i64, i32> {
    const BYTES: usize = 64 << 20;
    let start = plain(libc::SYS_mmap, [0, BYTES as u64, 3, 0x22, u64::MAX, 0])?;
    let base: *mut u8 = std::ptr::with_exposed_provenance_mut(usize::try_from(start).unwrap_or(0));
    for offset in (0..BYTES).step_by(4096) {
        // SAFETY: within the mapping made above.
        unsafe { base.add(offset).write_volatile(1) };
    }
    Ok(start)
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn call_int80(_: &Target<'_>) -> Result<i64, i32> {
    let value: i64;
    // SAFETY: number 20 of the 32-bit table is getpid; the kernel changes rax only, r8 to r11 on
    // older versions.
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inlateout("rax") 20_i64 => value,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    if value < 0 {
        Err(i32::try_from(-value).unwrap_or(libc::EPERM))
    } else {
        Ok(value)
    }
}

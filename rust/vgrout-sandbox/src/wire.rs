//! Messages between host, broker and zygotes: one `SOCK_SEQPACKET` datagram each, fixed words first,
//! then optional bytes, with optional descriptors beside them.
//!
//! Refuses to interpret anything a rollout could have written: no child ever holds one of these sockets.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Words at the head of every message.
pub const WORDS: usize = 8;
/// The most bytes behind the words: a fence report.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most descriptors one message carries.
pub const MAX_FDS: usize = 3;

/// One message.
#[derive(Debug, Default)]
pub struct Message {
    /// See [`messages`](crate::messages).
    pub words: [u64; WORDS],
    /// Whatever follows the words.
    pub bytes: Vec<u8>,
    /// Descriptors that came along, close-on-exec.
    pub fds: Vec<OwnedFd>,
}

/// Two connected, close-on-exec sequenced-packet sockets.
///
/// # Errors
/// The kernel's error, usually a descriptor limit.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for the two descriptors the call writes.
    let rc = unsafe {
        libc::socketpair(
            libc::AF_UNIX,
            libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC,
            0,
            fds.as_mut_ptr(),
        )
    };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so both descriptors are open and owned by nobody else.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

/// Sends one message; a closed peer is `BrokenPipe`, never a signal.
///
/// # Errors
/// The kernel's error.
pub fn send(fd: RawFd, words: &[u64; WORDS], bytes: &[u8], fds: &[RawFd]) -> io::Result<()> {
    let words = words.map(u64::to_le);
    let mut parts = [
        libc::iovec {
            iov_base: words.as_ptr().cast_mut().cast(),
            iov_len: mem::size_of_val(&words),
        },
        libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        },
    ];
    let mut control = [0u64; 8];
    // SAFETY: an all-zero msghdr is a valid empty one.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = parts.as_mut_ptr();
    header.msg_iovlen = 2;
    if !fds.is_empty() {
        let payload = match u32::try_from(mem::size_of_val(fds)) {
            Ok(payload) if fds.len() <= MAX_FDS => payload,
            _ => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
        };
        header.msg_control = control.as_mut_ptr().cast();
        // SAFETY: CMSG_SPACE only computes a size; 64 aligned bytes hold three descriptors.
        header.msg_controllen = unsafe { libc::CMSG_SPACE(payload) } as _;
        // SAFETY: `msg_control` points at `control`, large enough for one header and its descriptors.
        unsafe {
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(payload) as _;
            std::ptr::copy_nonoverlapping(
                fds.as_ptr().cast::<u8>(),
                libc::CMSG_DATA(first),
                payload as usize,
            );
        }
    }
    loop {
        // SAFETY: `header` points at buffers that outlive the call.
        let sent = unsafe { libc::sendmsg(fd, &raw const header, libc::MSG_NOSIGNAL) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Sends bytes alone, without the words of a message; none are no message at all, which would read as an end.
///
/// # Errors
/// The kernel's error.
pub fn send_bytes(fd: RawFd, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    // SAFETY: the pointer and length are those of a live slice.
    let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Receives one message with at most `room` bytes behind its words; `None` when the peer is gone.
///
/// # Errors
/// The kernel's error; `InvalidData` for a message that is too short or was cut.
pub fn recv(fd: RawFd, room: usize) -> io::Result<Option<Message>> {
    let mut buffer = vec![0u8; WORDS * 8 + room];
    let mut control = [0u64; 8];
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: an all-zero msghdr is a valid empty one.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of_val(&control) as _;
    let received = loop {
        // SAFETY: `header` points at buffers that outlive the call.
        let received = unsafe { libc::recvmsg(fd, &raw mut header, libc::MSG_CMSG_CLOEXEC) };
        if received >= 0 {
            break received.unsigned_abs();
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::ConnectionReset => return Ok(None),
            _ => return Err(error),
        }
    };
    let mut message = Message::default();
    // SAFETY: the kernel filled the control buffer up to `msg_controllen`.
    unsafe {
        let mut entry = libc::CMSG_FIRSTHDR(&raw const header);
        while !entry.is_null() {
            if (*entry).cmsg_level == libc::SOL_SOCKET && (*entry).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*entry).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = std::slice::from_raw_parts(libc::CMSG_DATA(entry), bytes);
                for raw in data.as_chunks::<4>().0 {
                    message
                        .fds
                        .push(OwnedFd::from_raw_fd(RawFd::from_ne_bytes(*raw)));
                }
            }
            entry = libc::CMSG_NXTHDR(&raw const header, entry);
        }
    }
    if received == 0 {
        return Ok(None);
    }
    let head = mem::size_of_val(&message.words);
    if received < head || header.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    for (word, raw) in message.words.iter_mut().zip(buffer.chunks_exact(8)) {
        *word = raw
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    message.bytes = buffer[head..received].to_vec();
    Ok(Some(message))
}

/// Waits until `fd` has something to read or `timeout_ms` passed; true if it has.
///
/// # Errors
/// The kernel's error.
pub fn readable(fd: &impl AsRawFd, timeout_ms: i32) -> io::Result<bool> {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    match unsafe { libc::poll(&raw mut entry, 1, timeout_ms) } {
        0 => Ok(false),
        n if n > 0 => Ok(true),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

//! Messages between host, broker and zygotes: one `SOCK_SEQPACKET` datagram each, fixed words first,
//! then optional bytes, with optional descriptors beside them.
//!
//! Refuses to interpret anything a rollout could have written: no child ever holds one of these sockets.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Words at the head of every message.
pub const WORDS: usize = 8;
/// The most bytes behind the words: a fence report.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most descriptors one message carries.
pub const MAX_FDS: usize = 3;
/// Room for that many, with their header.
const CONTROL_BYTES: usize = rustix::cmsg_space!(ScmRights(MAX_FDS));

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
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    Ok(net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?)
}

/// Sends one message; a closed peer is `BrokenPipe`, never a signal.
///
/// # Errors
/// The kernel's error.
pub fn send(
    fd: impl AsFd,
    words: &[u64; WORDS],
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let words = words.map(u64::to_le_bytes);
    let parts = [IoSlice::new(words.as_flattened()), IoSlice::new(bytes)];
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let beside = SendAncillaryMessage::ScmRights(fds);
    if fds.len() > MAX_FDS || !(fds.is_empty() || control.push(beside)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    retry_on_intr(|| net::sendmsg(&fd, &parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Sends bytes alone, without the words of a message; none are no message at all, which would read as an end.
///
/// # Errors
/// The kernel's error.
pub fn send_bytes(fd: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    if !bytes.is_empty() {
        net::send(fd, bytes, SendFlags::NOSIGNAL)?;
    }
    Ok(())
}

/// Receives one message with at most `room` bytes behind its words; `None` when the peer is gone.
///
/// # Errors
/// The kernel's error; `InvalidData` for a message that is too short or was cut.
pub fn recv(fd: impl AsFd, room: usize) -> io::Result<Option<Message>> {
    let mut buffer = vec![0u8; WORDS * 8 + room];
    let mut space = [MaybeUninit::uninit(); CONTROL_BYTES];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        let parts = &mut [IoSliceMut::new(&mut buffer)];
        net::recvmsg(&fd, parts, &mut control, RecvFlags::CMSG_CLOEXEC)
    });
    let (received, flags) = match received {
        Ok(received) => (received.bytes, received.flags),
        Err(Errno::CONNRESET) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let mut message = Message::default();
    for beside in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = beside {
            message.fds.extend(fds);
        }
    }
    if received == 0 {
        return Ok(None);
    }
    let head = mem::size_of_val(&message.words);
    if received < head || flags.contains(ReturnFlags::TRUNC) {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    for (word, raw) in message.words.iter_mut().zip(buffer.as_chunks().0) {
        *word = u64::from_le_bytes(*raw);
    }
    message.bytes = buffer[head..received].to_vec();
    Ok(Some(message))
}

/// Waits until `fd` has something to read or `timeout_ms` passed, whatever signals come meanwhile; true if it has.
///
/// # Errors
/// The kernel's error.
pub fn readable(fd: impl AsFd, timeout_ms: u32) -> io::Result<bool> {
    let start = Instant::now();
    let mut entry = [PollFd::new(&fd, PollFlags::IN)];
    loop {
        let passed = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);
        match poll(
            &mut entry,
            Some(&milliseconds(timeout_ms.saturating_sub(passed))),
        ) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A time as `poll` takes it.
pub(crate) fn milliseconds(count: u32) -> Timespec {
    Timespec {
        tv_sec: (count / 1000).into(),
        tv_nsec: (count % 1000 * 1_000_000).into(),
    }
}

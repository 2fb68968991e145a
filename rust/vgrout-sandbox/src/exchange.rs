//! A stream between two children that the host never reads: messages of any bytes, each with its length before it.
//!
//! Whoever reads takes what comes for hostile: a length is checked before anything is allocated.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// Two connected ends, close-on-exec.
///
/// # Errors
/// The kernel's error, usually a descriptor limit.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = UnixStream::pair()?;
    Ok((one.into(), other.into()))
}

/// A child's end.
#[derive(Debug)]
pub struct Exchange {
    stream: std::fs::File,
}

impl Exchange {
    /// Takes over a descriptor of [`pair`].
    #[must_use]
    pub fn new(end: OwnedFd) -> Self {
        // Read and written as a file: the calls for that are open to every child.
        Self { stream: end.into() }
    }

    /// Sends one message; false if the other end is gone.
    ///
    /// # Errors
    /// The message is longer than a length can say, or the kernel's error.
    pub fn send(&mut self, message: &[u8]) -> io::Result<bool> {
        let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let sent = self
            .stream
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.stream.write_all(message));
        match sent {
            Ok(()) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Receives one message of at most `most` bytes; `None` if the other end is gone or ended inside a message.
    ///
    /// # Errors
    /// `InvalidData` for a longer message, or the kernel's error.
    pub fn receive(&mut self, most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; 4];
        let mut message = Vec::new();
        let read = self.stream.read_exact(&mut length).and_then(|()| {
            let length = u32::from_le_bytes(length) as usize;
            if length > most {
                return Err(io::ErrorKind::InvalidData.into());
            }
            message.resize(length, 0);
            self.stream.read_exact(&mut message)
        });
        match read {
            Ok(()) => Ok(Some(message)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (Exchange, Exchange) {
        let (one, other) = pair().expect("a socket pair");
        (Exchange::new(one), Exchange::new(other))
    }

    #[test]
    fn messages_arrive_whole_and_in_order() {
        let (mut one, mut other) = ends();
        for message in [&b"first"[..], b"", b"third"] {
            assert!(one.send(message).expect("sent"));
        }
        for message in [&b"first"[..], b"", b"third"] {
            assert_eq!(
                other.receive(5).expect("received").as_deref(),
                Some(message)
            );
        }
    }

    #[test]
    fn an_end_that_is_gone_is_no_error() {
        let (mut one, other) = ends();
        drop(other);
        assert_eq!(one.receive(9).expect("an end"), None);
        assert!(!one.send(b"x").expect("an end"));
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_before_it_is_read() {
        let (mut one, mut other) = ends();
        assert!(one.send(&[7; 64]).expect("sent"));
        let refused = other.receive(63).expect_err("too long");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_message_that_breaks_off_is_an_end() {
        let (mut one, mut other) = ends();
        one.stream.write_all(&[200, 0, 0, 0, 1, 2]).expect("sent");
        drop(one);
        assert_eq!(other.receive(1000).expect("an end"), None);
    }
}

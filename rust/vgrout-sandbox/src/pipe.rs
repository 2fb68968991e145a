//! The host's end of a zygote's standard output: never blocks, never holds more than one buffer.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// Capacity asked for: fewer wake-ups under a flood.
const PIPE_BYTES: usize = 256 << 10;
/// Bytes read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// The reading end.
#[derive(Debug)]
pub struct OutputPipe {
    fd: OwnedFd,
}

impl OutputPipe {
    /// A new pipe, and the writing end for the zygote.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn open() -> io::Result<(Self, OwnedFd)> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        // A smaller pipe still works: the size is a wish.
        let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
        // Only the reading end.
        rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
        Ok((Self { fd: read }, write))
    }

    /// The descriptor, for polling.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Hands over what is there, at most about `most` bytes; gives their number.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn drain(&self, sink: &mut dyn FnMut(&[u8]), most: u64) -> io::Result<u64> {
        let mut buffer = vec![0u8; BUFFER_BYTES];
        let mut total = 0u64;
        while total < most {
            match rustix::io::read(&self.fd, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(got) => {
                    sink(&buffer[..got]);
                    total += got as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(total)
    }
}

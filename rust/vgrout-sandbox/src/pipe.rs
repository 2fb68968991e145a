//! The host's end of a zygote's standard output: never blocks, never holds more than one buffer.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Capacity asked for: fewer wake-ups under a flood.
const PIPE_BYTES: libc::c_int = 256 << 10;
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
        let mut fds = [0; 2];
        // SAFETY: room for two descriptors.
        if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: both descriptors are open and ours.
        let (read, write) = unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) };
        // SAFETY: plain fcntl on our own descriptors; only the reading end becomes non-blocking.
        unsafe {
            // A smaller pipe still works: the size is a wish.
            libc::fcntl(write.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES);
            if libc::fcntl(read.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok((Self { fd: read }, write))
    }

    /// The descriptor, for polling.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Hands over what is there, at most about `most` bytes; gives their number.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn drain(&self, sink: &mut dyn FnMut(&[u8]), most: u64) -> io::Result<u64> {
        let mut buffer = vec![0u8; BUFFER_BYTES];
        let mut total = 0u64;
        while total < most {
            // SAFETY: the buffer is live and its length is given.
            let got = unsafe { libc::read(self.fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            match got {
                0 => break,
                n if n > 0 => {
                    sink(&buffer[..n.unsigned_abs()]);
                    total += n.unsigned_abs() as u64;
                }
                _ => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::WouldBlock => break,
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error),
                },
            }
        }
        Ok(total)
    }
}

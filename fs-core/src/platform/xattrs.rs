//! Extended attributes of any length.

use rustix::io::Errno;

/// Calls `read` with a buffer that is large enough.
pub(crate) fn read_growing(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    // Most entries have none, and these must not cost an allocation.
    let mut small = [0; 256];
    match read(&mut small) {
        Err(Errno::RANGE) => {}
        result => return Ok(small[..result?].to_vec()),
    }
    let mut buffer = vec![0; 4 << 10];
    loop {
        match read(&mut buffer) {
            Ok(len) => {
                buffer.truncate(len);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 8, 0),
            Err(error) => return Err(error),
        }
    }
}

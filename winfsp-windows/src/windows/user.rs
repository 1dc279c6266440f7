use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::{GetLengthSid, GetTokenInformation, TOKEN_USER, TokenUser};

use crate::security::Sid;

/// The token of this process, as in `GetCurrentProcessToken` of the Windows headers. It need not be opened or
/// closed.
const OWN_TOKEN: HANDLE = -4_isize as HANDLE;
/// Length of the buffer in words of eight bytes. The structure takes two. The user's identifier behind it
/// takes at most nine, `SECURITY_MAX_SID_SIZE`.
const WORDS: u32 = 32;

/// The user who runs this process.
#[expect(unsafe_code, reason = "std has no function for the user")]
pub(super) fn current() -> Option<Sid> {
    // The buffer consists of words, so that the structure is aligned.
    let mut buffer = [0_u64; WORDS as usize];
    let mut length = 0;
    // SAFETY: the buffer is as long as stated, and only the call uses it.
    let done = unsafe {
        GetTokenInformation(OWN_TOKEN, TokenUser, buffer.as_mut_ptr().cast(), 8 * WORDS, &raw mut length)
    };
    if done == 0 {
        return None;
    }
    // SAFETY: the call has put a TOKEN_USER at the start of the buffer, which is aligned for it. Its
    // identifier is in the same buffer. The buffer is not changed before the bytes are copied. `GetLengthSid`
    // returns their number.
    let sid = unsafe {
        let user = &*buffer.as_ptr().cast::<TOKEN_USER>();
        let length = GetLengthSid(user.User.Sid) as usize;
        std::slice::from_raw_parts(user.User.Sid.cast::<u8>(), length).to_vec()
    };
    Sid::from_bytes(&sid)
}

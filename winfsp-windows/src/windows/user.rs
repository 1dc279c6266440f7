use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::{GetLengthSid, GetTokenInformation, TOKEN_USER, TokenUser};

use crate::security::Sid;

/// This process's own token, as `GetCurrentProcessToken` of the Windows headers: it need not be opened or closed.
const OWN_TOKEN: HANDLE = -4_isize as HANDLE;
/// Words of eight bytes: the structure takes two, and the user's name behind it at most nine, `SECURITY_MAX_SID_SIZE`.
const WORDS: u32 = 32;

/// Who runs this process.
#[expect(unsafe_code, reason = "std does not tell who the user is")]
pub(super) fn current() -> Option<Sid> {
    // Of words, so that the structure lies as it must.
    let mut buffer = [0_u64; WORDS as usize];
    let mut length = 0;
    // SAFETY: the buffer is as long as is said, and the call's alone.
    let done = unsafe {
        GetTokenInformation(OWN_TOKEN, TokenUser, buffer.as_mut_ptr().cast(), 8 * WORDS, &raw mut length)
    };
    if done == 0 {
        return None;
    }
    // SAFETY: the call has put a TOKEN_USER at the buffer's begin, which is aligned for it; its identifier lies in the
    // same buffer, which is not touched before the bytes are copied, and `GetLengthSid` tells how many they are.
    let sid = unsafe {
        let user = &*buffer.as_ptr().cast::<TOKEN_USER>();
        let length = GetLengthSid(user.User.Sid) as usize;
        std::slice::from_raw_parts(user.User.Sid.cast::<u8>(), length).to_vec()
    };
    Sid::from_bytes(&sid)
}

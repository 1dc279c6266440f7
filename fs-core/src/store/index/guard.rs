//! Turns redb's panics into errors. redb verifies a file only when an index is opened to be changed.
//! Otherwise redb 4.6 still panics on a damaged file, for example on a page of an unknown type or on sizes
//! beyond a page.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`. A panic in it becomes the error's text, and nothing is printed.
pub(crate) fn fenced<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !FENCED.get() {
                usual(info);
            }
        }));
    });
    let outer = FENCED.replace(true);
    // A panic leaves half-done changes only in memory, behind locks that it poisons. So later calls fail,
    // too.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    FENCED.set(outer);
    result.map_err(|payload| format!("it is damaged ({})", text(&*payload)))
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(fenced(|| 7), Ok(7));
        let error = fenced(|| assert!(std::hint::black_box(false), "page {}", 3)).unwrap_err();
        assert_eq!(error, "it is damaged (page 3)");
        assert!(!FENCED.get());
    }
}

//! The search for one particular error inside the chain of causes that an HTTP client wraps around it.

use std::error::Error;
use std::io;

/// The first cause in the chain, `error` itself included, for which `pick` returns something.
///
/// [`io::Error`] needs care: its `source()` skips the error it carries and names that error's cause.
pub(crate) fn find<'a, T>(
    error: &'a (dyn Error + 'static),
    pick: impl Fn(&'a (dyn Error + 'static)) -> Option<T>,
) -> Option<T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = pick(cause) {
            return Some(found);
        }
        next = match cause.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    None
}

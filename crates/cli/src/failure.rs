//! Why a verb failed, and the exit code that says so.

use deskwire_api_types::Problem;
pub(crate) use deskwire_client::Error as Failure;

/// What a verb ends with.
pub(crate) type Done = Result<(), Failure>;

/// Exit code: the daemon refused, or this command did.
pub(crate) const REFUSED: u8 = 1;
/// Exit code: the arguments cannot be used.
pub(crate) const USAGE: u8 = 2;
/// Exit code: no answer from the daemon.
pub(crate) const UNREACHABLE: u8 = 3;

/// The exit code of a failure.
pub(crate) fn exit_code(failure: &Failure) -> u8 {
    match failure {
        Failure::Refused(_) => REFUSED,
        Failure::Usage(_) => USAGE,
        Failure::Unreachable { .. } => UNREACHABLE,
    }
}

/// A failure of the arguments.
pub(crate) fn usage(words: impl Into<String>) -> Failure {
    Failure::Usage(words.into())
}

/// A refusal of this command itself: a stable code, its title, what is wrong, and what to do.
pub(crate) fn refused(code: &str, title: &str, detail: impl Into<String>, next: &str) -> Failure {
    Failure::Refused(Box::new(Problem::new(400, code, title, detail).with_next(next)))
}

/// A failure of reading or writing something of this machine.
pub(crate) fn local(what: &str, error: &std::io::Error) -> Failure {
    refused(
        "local-file",
        "A local file cannot be used",
        format!("{what}: {error}."),
        "Check the path, the rights and the space.",
    )
}

//! Power cuts, flipped bits, syncs that fail and real file systems under a real daemon: what was answered is there, or the desk says that it
//! is not; nothing in between.

mod cuts;
mod failing;
mod flips;
mod fresh;
mod mounted;
mod traffic;

/// How many images a test looks at: few in an ordinary run, as many as one likes with this variable.
fn count(variable: &str, ordinary: usize) -> usize {
    std::env::var(variable).ok().map_or(ordinary, |text| text.parse().unwrap())
}

//! What bad input gets: a sentence, a stable code, the right exit code, and nothing changed.

mod config;
mod disk;
mod linking;
mod work;

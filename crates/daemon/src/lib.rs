//! Configuration and wiring of the daemon.

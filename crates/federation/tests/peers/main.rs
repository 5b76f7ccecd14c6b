//! Two real desks over TLS on the loopback interface: engines over the store in memory, listeners, couriers.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene has failed")]

mod carrier;
mod delivery;
mod files;
mod linking;
mod order;
mod pull;
mod support;
mod tls;

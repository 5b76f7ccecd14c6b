//! What one listener grants to its clients, together and each.

use std::time::Duration;

use crate::body::Pace;

/// Limits and deadlines of one listener. [`Limits::default`] suits strangers on the Internet, [`Limits::local`] the
/// operator's own programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. For a further one the oldest that never got a good answer is closed; where there is none,
    /// it is closed itself. Default 1024.
    pub max_connections: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64. Raise it to the whole when a proxy stands in front:
    /// then everybody comes from its address. Default 32.
    pub max_connections_per_ip: usize,
    /// Requests in work at once, the long ones included; further ones are answered 503. Default 2048.
    pub max_requests: usize,
    /// Requests in work at once of one IPv4 address or one IPv6 /64. Default 256.
    pub max_requests_per_ip: usize,
    /// From the accepted connection to the finished TLS handshake. Default 10 s.
    pub tls_handshake: Duration,
    /// For the head of a request to arrive, the wait for it on an open HTTP/1 connection included. Default 10 s.
    pub header_read: Duration,
    /// Bytes of a request's head; raised to 8 KiB when smaller. Default 16 KiB.
    pub max_header_bytes: usize,
    /// A connection without a request in work is closed after this. Default 75 s.
    pub idle: Duration,
    /// From the head of the request to the head of the response, the body of the request included; longer than the
    /// longest poll. Default 120 s.
    pub request: Duration,
    /// How fast the body of a request must come. Default: [`Pace::default`].
    pub body: Pace,
    /// How long the client may take for 64 KiB of a response; noticed after at most twice this time. Default 30 s.
    pub response_stall: Duration,
    /// HTTP/2 requests at once on one connection. Default 32.
    pub h2_max_concurrent_streams: u32,
    /// Bytes of one HTTP/2 request, and of all requests of one connection, that may come before they are read.
    /// Default 512 KiB and 1 MiB.
    pub h2_windows: (u32, u32),
    /// HTTP/2 streams reset by the client before they were looked at ("rapid reset") that end a connection.
    /// Default 20.
    pub h2_max_pending_accept_reset_streams: usize,
    /// HTTP/2 streams reset by us for the client's errors that end a connection. Default 64.
    pub h2_max_local_error_reset_streams: usize,
    /// HTTP/2 pings on a quiet connection, so that a dead client is noticed under a long poll. Default 20 s.
    pub h2_ping_interval: Duration,
    /// How long a ping may stay unanswered. Default 10 s.
    pub h2_ping_timeout: Duration,
    /// How long requests in work may go on after the shutdown was requested. Default 10 s.
    pub drain: Duration,
}

impl Limits {
    /// For programs of the operator on the same machine: large uploads over slow disks, many tabs, one address.
    #[must_use]
    pub fn local() -> Self {
        let strangers = Self::default();
        Self {
            max_connections_per_ip: strangers.max_connections,
            max_requests_per_ip: strangers.max_requests,
            request: Duration::from_secs(900),
            body: Pace { deadline: Duration::from_secs(600), ..Pace::default() },
            ..strangers
        }
    }

    /// How long a connection that was told to close may linger.
    pub(super) fn goodbye(&self) -> Duration {
        self.idle.min(Duration::from_secs(1))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_connections_per_ip: 32,
            max_requests: 2_048,
            max_requests_per_ip: 256,
            tls_handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            max_header_bytes: 16 * 1024,
            idle: Duration::from_secs(75),
            request: Duration::from_secs(120),
            body: Pace::default(),
            response_stall: Duration::from_secs(30),
            h2_max_concurrent_streams: 32,
            h2_windows: (512 * 1024, 1024 * 1024),
            h2_max_pending_accept_reset_streams: 20,
            h2_max_local_error_reset_streams: 64,
            h2_ping_interval: Duration::from_secs(20),
            h2_ping_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

//! Why an address cannot be listened on, in words for whoever starts the server.

use std::io;
use std::net::SocketAddr;

/// An address that cannot be listened on. The fault is the operator's or another program's; it is final until one
/// of them changes something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another program listens there.
    #[error(
        "port {} on {} is used by another program. Stop it (ss -ltnp shows which one) or choose another port",
        address.port(), address.ip()
    )]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    #[error(
        "this machine has no address {}. Use one that `ip address` shows, 127.0.0.1 for this machine alone or \
         0.0.0.0 for every interface", address.ip()
    )]
    NotAvailable {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system reserves the port.
    #[error(
        "this user may not listen on port {}. Choose a port from 1024 on, or give the program \
         CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=)", address.port()
    )]
    Permission {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Anything else.
    #[error(
        "{address} cannot be listened on: {source}. Check the address and this machine's network settings"
    )]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    pub(super) fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => Self::NotAvailable { address },
            io::ErrorKind::PermissionDenied => Self::Permission { address },
            _ => Self::Other { address, source },
        }
    }

    /// A stable name for scripts and documentation.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "port-in-use",
            Self::NotAvailable { .. } => "address-not-available",
            Self::Permission { .. } => "port-not-permitted",
            Self::Other { .. } => "address-not-bound",
        }
    }
}

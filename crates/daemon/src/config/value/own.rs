//! Ticket prefixes and addresses of this machine, as settings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::{FromText, Value};

/// What stands before ticket numbers: 1 to 8 of `A-Z0-9`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Most letters and digits.
    pub const MAX: usize = 8;

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for Prefix {
    fn from_text(text: &str) -> Result<Self, String> {
        let good = (1..=Self::MAX).contains(&text.len())
            && text.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
            && text.starts_with(|first: char| first.is_ascii_uppercase());
        if good { Ok(Self(text.to_owned())) } else { Err(String::new()) }
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::from_text(text).map_err(|_| Self::takes())
    }
}

/// Where partners are listened to: an address with a port, or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl Listen {
    const NOWHERE: &str = "none";
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str(Self::NOWHERE),
        }
    }
}

impl FromText for Listen {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            Self::NOWHERE => Ok(Self(None)),
            address => SocketAddr::from_text(address).map(|address| Self(Some(address))),
        }
    }
}

/// An address that only programs of this machine reach, with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

impl Loopback {
    /// Any free port of 127.0.0.1.
    #[must_use]
    pub const fn free_port() -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromText for Loopback {
    fn from_text(text: &str) -> Result<Self, String> {
        let address = SocketAddr::from_text(text)?;
        if address.ip().is_loopback() {
            return Ok(Self(address));
        }
        Err("other machines could reach that one, and the token would cross the network in clear; to reach the API from \
             another machine forward a port over SSH"
            .to_owned())
    }
}

//! The address of a desk: `https://HOST` or `https://HOST:PORT`, in one spelling. proto-spec, section 2.5.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::text::Url;

/// Where a desk can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
    host: Host,
    port: u16,
}

/// Name or number of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name in ASCII.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

/// Why an address was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not `https://`, in lower case.
    #[error("an endpoint begins with https://")]
    Scheme,
    /// A path, query, fragment or user.
    #[error("an endpoint is https://HOST or https://HOST:PORT and nothing else")]
    More,
    /// Not a port from 1 to 65535 without superfluous zeros.
    #[error("the port is a number from 1 to 65535")]
    Port,
    /// Not a DNS name in ASCII or an address in its usual spelling.
    #[error("the host is no DNS name and no address in its usual spelling")]
    Host,
    /// More than 300 bytes.
    #[error("an endpoint has at most 300 bytes")]
    TooLong,
}

/// The port where none is written.
const DEFAULT_PORT: u16 = 443;

impl Endpoint {
    /// As written.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port; 443 where none is written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let authority = text.strip_prefix("https://").ok_or(EndpointError::Scheme)?;
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(EndpointError::More);
        }
        let (host, port) = split_port(authority)?;
        let host = parse_host(host).ok_or(EndpointError::Host)?;
        let port = port.map_or(Ok(DEFAULT_PORT), |port| parse_port(port).ok_or(EndpointError::Port))?;
        let url = Url::new(text).map_err(|_| EndpointError::TooLong)?;
        Ok(Self { url, host, port })
    }
}

impl TryFrom<&Url> for Endpoint {
    type Error = EndpointError;

    fn try_from(url: &Url) -> Result<Self, EndpointError> {
        url.as_str().parse()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), EndpointError> {
    if authority.starts_with('[') {
        let (host, behind) = authority.split_once(']').ok_or(EndpointError::Host)?;
        let host = &authority[..=host.len()];
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if behind.is_empty() => Ok((host, None)),
            None => Err(EndpointError::Host),
        };
    }
    Ok(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.starts_with('0') && text.bytes().all(|letter| letter.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn parse_host(text: &str) -> Option<Host> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse().ok().map(Host::V6);
    }
    if let Ok(address) = text.parse() {
        return Some(Host::V4(address));
    }
    let labels = || text.split('.');
    let good = text.len() <= 253 && labels().all(label);
    // A last label of digits, or `0x…`, is how libraries write addresses in other bases.
    let last = labels().next_back()?;
    let number = last.bytes().all(|letter| letter.is_ascii_digit()) || last.starts_with("0x");
    if good && !number { Some(Host::Name(text.to_owned())) } else { None }
}

fn label(text: &str) -> bool {
    let letters = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(letters)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    //! An address with two readings lets a peer send us where its pin was never checked.
    use super::*;

    #[test]
    fn names_addresses_and_ports_are_taken() {
        let taken = |text: &str| text.parse::<Endpoint>().unwrap();
        assert_eq!(taken("https://a.example:8443").port(), 8443);
        assert_eq!(taken("https://a.example").port(), 443);
        assert_eq!(taken("https://127.0.0.1:1").host(), &Host::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(taken("https://[::1]:8443").host(), &Host::V6(Ipv6Addr::LOCALHOST));
        assert_eq!(taken("https://xn--bcher-kva.example").to_string(), "https://xn--bcher-kva.example");
    }

    #[test]
    fn everything_with_a_second_reading_is_refused() {
        for wrong in [
            "http://a.example",
            "HTTPS://a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://u@a.example",
            "https://a.example?x",
            "https://a.example#x",
            "https://a.example:0",
            "https://a.example:65536",
            "https://a.example:08443",
            "https://a.example:",
            "https://",
            "https://a..example",
            "https://-a.example",
            "https://A.example",
            "https://bücher.example",
            "https://0x7f.0.0.1",
            "https://2130706433",
            "https://127.1",
            "https://0177.0.0.1",
            "https://::1",
            "https://[::1",
            "https://[::1]x",
            "https://a b",
            "https://a.0x7f",
            "https://a.example:+80",
        ] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }
}

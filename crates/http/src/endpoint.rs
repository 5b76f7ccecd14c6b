//! The address of a partner as a URL: a small, strict subset on which every URL parser agrees.
//!
//! The text comes from somebody else and goes to an HTTP client with a parser of its own. Whatever two parsers could
//! read differently (user information, escapes, `127.1`, `0x7f000001`, dots in paths) is refused here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An `https` URL without user information, query or fragment, in canonical form: lower case, no default port, no
/// slash at the end. At most 300 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: String,
    host: Host,
    port: u16,
}

/// The host of an [`Endpoint`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name, lower case, to be looked up and its addresses checked.
    Name(String),
    /// A literal address, which no resolver sees: check it before dialling.
    Ip(IpAddr),
}

impl Endpoint {
    /// The longest URL taken, in bytes.
    pub const MAX_BYTES: usize = 300;

    /// Reads a URL.
    ///
    /// # Errors
    /// [`EndpointError`] saying what is in the way.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.len() > Self::MAX_BYTES {
            return Err(EndpointError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(EndpointError::NotAscii);
        }
        let rest = strip_https(text).ok_or(EndpointError::NotHttps)?;
        if rest.contains(['?', '#']) {
            return Err(EndpointError::QueryOrFragment);
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(EndpointError::UserInformation);
        }
        let (host, port) = split_port(authority)?;
        let host = parse_host(host)?;
        let path = canonical_path(path)?;
        let url = match port {
            443 => format!("https://{host}{path}"),
            _ => format!("https://{host}:{port}{path}"),
        };
        Ok(Self { url, host, port })
    }

    /// The URL in canonical form, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host to dial.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port to dial, 1 to 65535.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of `path` below this endpoint; `path` starts with a slash and is ours, never a peer's.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        debug_assert!(path.starts_with('/'), "a path below an endpoint starts with a slash: {path}");
        format!("{}{path}", self.url)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Longer than [`Endpoint::MAX_BYTES`].
    #[error("the address is longer than 300 bytes. Use a shorter host name or path")]
    TooLong,
    /// Spaces, control characters or letters outside ASCII.
    #[error(
        "the address holds spaces or characters outside ASCII. Write international names in their xn-- form"
    )]
    NotAscii,
    /// Another scheme, or none.
    #[error("the address does not start with https://. Only https is spoken between partners")]
    NotHttps,
    /// `user:password@host`.
    #[error("the address holds a user name before an @. Leave it out: partners are known by their keys")]
    UserInformation,
    /// A question mark or a number sign.
    #[error("the address holds a query or a fragment. Leave out everything from the ? or # on")]
    QueryOrFragment,
    /// Not a number from 1 to 65535 in plain digits.
    #[error("the port is not a number from 1 to 65535. Correct it, or leave it out for 443")]
    Port,
    /// Not a DNS name and not an IP address.
    #[error(
        "the host is neither a DNS name nor an IP address. Write it like desk.example.com or [2001:4860::8]"
    )]
    Host,
    /// A decimal, octal, hexadecimal or shortened form of an IPv4 address.
    #[error(
        "the host is a number that is not written as an IPv4 address. Write four decimal numbers with dots"
    )]
    NumericHost,
    /// Empty or dotted segments, or characters that would need escapes.
    #[error(
        "the path holds characters or segments that are not allowed. Use letters, digits and - . _ ~ between single \
         slashes"
    )]
    Path,
}

impl EndpointError {
    /// A stable name for scripts and documentation.
    pub const CODE: &'static str = "endpoint-invalid";
}

fn strip_https(text: &str) -> Option<&str> {
    const SCHEME: &str = "https://";
    let scheme = text.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| &text[SCHEME.len()..])
}

/// Host and port of an authority; a colon inside brackets belongs to the host.
fn split_port(authority: &str) -> Result<(&str, u16), EndpointError> {
    let host_end = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').ok_or(EndpointError::Host)? + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    if rest.is_empty() {
        return Ok((host, 443));
    }
    let digits = rest.strip_prefix(':').ok_or(EndpointError::Host)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.starts_with('0') {
        return Err(EndpointError::Port);
    }
    digits.parse().map(|port| (host, port)).map_err(|_| EndpointError::Port)
}

fn parse_host(host: &str) -> Result<Host, EndpointError> {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inside.parse().map_err(|_| EndpointError::Host)?;
        return Ok(Host::Ip(address.into()));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(address.into()));
    }
    let name = host.to_ascii_lowercase();
    if !name.split('.').all(is_label) || name.len() > 253 {
        return Err(EndpointError::Host);
    }
    // What URL parsers and system resolvers turn into an IPv4 address: 2130706433, 0x7f.1, 017700000001, 127.1.
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if numeric {
        return Err(EndpointError::NumericHost);
    }
    Ok(Host::Name(name))
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn canonical_path(path: &str) -> Result<&str, EndpointError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some(segments) = path.strip_prefix('/') else { return Ok("") };
    let fine = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    if !segments.split('/').all(fine) {
        return Err(EndpointError::Path);
    }
    Ok(path)
}

#[cfg(test)]
mod tests;

//! Which addresses this machine may be sent to by somebody else: public unicast ones, and ranges its operator allowed.
//!
//! A peer names the address we dial. Without this guard it could make us knock at our own back office, at a cloud's
//! metadata service, or at ourselves. The check is on the *resolved* address, at connect time, every time: hand
//! [`resolve`] to the HTTP client as its resolver, and check literal addresses with [`AddressPolicy::check`],
//! because clients do not ask a resolver for those.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::sync::Semaphore;

use crate::error_chain;

/// The addresses that may be dialled. The default allows public unicast addresses and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Vec<AllowedRange>,
}

impl AddressPolicy {
    /// Public unicast addresses, and those in `ranges`.
    pub fn allowing(ranges: impl IntoIterator<Item = AllowedRange>) -> Self {
        Self { allowed: ranges.into_iter().collect() }
    }

    /// Whether `address` may be dialled. An IPv4 address in IPv6 dress (`::ffff:10.0.0.1`) counts as what it is.
    ///
    /// # Errors
    /// [`AddressRefused`] naming the kind of address.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        let address = address.to_canonical();
        let Some(kind) = kind_if_not_public(address) else { return Ok(()) };
        let never = matches!(kind, AddressKind::Unspecified | AddressKind::Multicast);
        if !never && self.allowed.iter().any(|range| range.0.contains(&address)) {
            return Ok(());
        }
        Err(AddressRefused { address, kind })
    }

    /// Those of `addresses` that may be dialled, in the same order. A name with one public and one private address
    /// stays reachable at the public one.
    ///
    /// # Errors
    /// [`AddressRefused`] for the first address when none is left.
    pub fn filter(
        &self,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, AddressRefused> {
        let mut refused = None;
        let mut kept = Vec::new();
        for address in addresses {
            match self.check(address.ip()) {
                Ok(()) => kept.push(address),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match refused {
            Some(error) if kept.is_empty() => Err(error),
            _ => Ok(kept),
        }
    }
}

/// Look-ups at once. Each takes a thread of those that verify and read files, for as long as a dead name server lets it
/// wait: servers whose names lead nowhere must not take them all.
static LOOKUPS: Semaphore = Semaphore::const_new(8);

/// Looks `host` up (name or literal address) and returns the addresses that may be dialled: at least one.
///
/// The caller connects to exactly these, so that a name cannot change between check and connection.
///
/// # Errors
/// [`ResolveError`]: the name has no address, or none that may be dialled.
pub async fn resolve(policy: &AddressPolicy, host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let turn = LOOKUPS.acquire().await;
    let lookup = tokio::net::lookup_host((host, port)).await;
    drop(turn);
    let found = lookup.map_err(|source| ResolveError::Lookup { host: host.to_owned(), source })?;
    let kept =
        policy.filter(found).map_err(|refused| ResolveError::Refused { host: host.to_owned(), refused })?;
    if kept.is_empty() {
        return Err(ResolveError::NoAddress { host: host.to_owned() });
    }
    Ok(kept)
}

/// Looks for a refused address in the chain of causes of `error` (for example a `reqwest::Error`).
#[must_use]
pub fn refused_address(error: &(dyn Error + 'static)) -> Option<AddressRefused> {
    error_chain::find(error, |cause| cause.downcast_ref::<AddressRefused>().copied())
}

/// A range of addresses that the operator allows in addition, in CIDR notation: `127.0.0.0/8`, `fd12::/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedRange(IpNet);

impl FromStr for AllowedRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let range = strict_range(text)
            .ok_or_else(|| RangeError::NotARange { text: text.chars().take(60).collect() })?;
        if range.trunc() != range {
            return Err(RangeError::HostBits { given: range, meant: range.trunc() });
        }
        Ok(Self(range))
    }
}

impl fmt::Display for AllowedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Not in CIDR notation.
    #[error(
        "{text:?} is not a range of addresses. Write address and prefix length, for example 10.20.0.0/16"
    )]
    NotARange {
        /// The text, shortened.
        text: String,
    },
    /// Bits are set behind the prefix, so the writer may have meant something else.
    #[error("{given} names one address inside a range. Write {meant} for the whole range")]
    HostBits {
        /// As written.
        given: IpNet,
        /// The range around it.
        meant: IpNet,
    },
}

/// An address that is not dialled because a stranger may have chosen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is {kind} and is not dialled: only public addresses are. If the partner really is there, allow the \
     range of that address for this partner"
)]
pub struct AddressRefused {
    /// The address, IPv4 in IPv6 dress undressed.
    pub address: IpAddr,
    /// What it is instead of public.
    pub kind: AddressKind,
}

impl AddressRefused {
    /// A stable name for scripts and documentation.
    pub const CODE: &'static str = "address-not-allowed";
}

/// What an address is, when it is not a public unicast one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// `0.0.0.0`, `::`: many systems take it for the machine itself. Never allowed.
    Unspecified,
    /// The machine itself.
    Loopback,
    /// A private network, or one shared behind a carrier's NAT.
    Private,
    /// The local wire; clouds keep their metadata service there.
    LinkLocal,
    /// A cloud's service for its own machines, at an address that looks public.
    CloudService,
    /// Many receivers at once, multicast or broadcast. Never allowed.
    Multicast,
    /// Documentation, benchmarks, or kept back by the registries.
    Reserved,
    /// A translation prefix with an IPv4 address inside that is itself not public.
    Translated,
    /// A retired transition mechanism (6to4, Teredo) with an IPv4 address inside.
    Transition,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "the unspecified address",
            Self::Loopback => "this machine itself",
            Self::Private => "in a private network",
            Self::LinkLocal => "on the local wire (link-local)",
            Self::CloudService => "a cloud's internal service",
            Self::Multicast => "a multicast or broadcast address",
            Self::Reserved => "in a reserved range",
            Self::Translated => "a translated form of an address that is not public",
            Self::Transition => "an address of a retired transition mechanism",
        })
    }
}

/// Why a host name gives no address to dial.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name could not be looked up.
    #[error(
        "{host} could not be looked up: {source}. Check the spelling of the name and this machine's DNS settings"
    )]
    Lookup {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The name exists without an address.
    #[error("{host} has no address. Ask the partner whether the name is right")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// It has addresses, none of which may be dialled.
    #[error("{host} leads to an address that is not dialled: {refused}")]
    Refused {
        /// The name.
        host: String,
        /// The first of them.
        #[source]
        refused: AddressRefused,
    },
}

/// Stricter than the library's own reader, which takes `010.0.0.0/8`: octal to some, decimal to others.
fn strict_range(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let plain = prefix == "0" || (!prefix.starts_with('0') && prefix.bytes().all(|b| b.is_ascii_digit()));
    IpNet::new(address.parse().ok()?, prefix.parse().ok().filter(|_| plain)?).ok()
}

fn kind_if_not_public(address: IpAddr) -> Option<AddressKind> {
    match address {
        IpAddr::V4(v4) => V4_NOT_PUBLIC
            .iter()
            .find(|(net, len, _)| Ipv4Net::new_assert(*net, *len).contains(&v4))
            .map(|row| row.2),
        IpAddr::V6(v6) => v6_kind_if_not_public(v6),
    }
}

/// An allow list: what is not known to be public is not public.
fn v6_kind_if_not_public(v6: Ipv6Addr) -> Option<AddressKind> {
    if v6.is_unspecified() {
        return Some(AddressKind::Unspecified);
    }
    if v6.is_loopback() {
        return Some(AddressKind::Loopback);
    }
    if in_v6(v6, NAT64, 96) {
        let [.., a, b, c, d] = v6.octets();
        let inner = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
        return kind_if_not_public(inner).map(|_| AddressKind::Translated);
    }
    if let Some(row) = V6_NOT_PUBLIC.iter().find(|(net, len, _)| in_v6(v6, *net, *len)) {
        return Some(row.2);
    }
    let public = in_v6(v6, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    (!public).then_some(AddressKind::Reserved)
}

fn in_v6(address: Ipv6Addr, net: Ipv6Addr, len: u8) -> bool {
    Ipv6Net::new_assert(net, len).contains(&address)
}

/// RFC 6052: an IPv6-only network reaches public IPv4 addresses through it.
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// IANA's special-purpose registry for IPv4 without what is globally reachable, plus one cloud's own address.
const V4_NOT_PUBLIC: [(Ipv4Addr, u8, AddressKind); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, AddressKind::Unspecified),
    (Ipv4Addr::new(10, 0, 0, 0), 8, AddressKind::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, AddressKind::Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, AddressKind::Loopback),
    (Ipv4Addr::new(168, 63, 129, 16), 32, AddressKind::CloudService),
    (Ipv4Addr::new(169, 254, 0, 0), 16, AddressKind::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, AddressKind::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, AddressKind::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, AddressKind::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, AddressKind::Transition),
    (Ipv4Addr::new(192, 168, 0, 0), 16, AddressKind::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, AddressKind::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, AddressKind::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, AddressKind::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, AddressKind::Multicast),
    (Ipv4Addr::new(255, 255, 255, 255), 32, AddressKind::Multicast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, AddressKind::Reserved),
];

/// Names for what lies outside 2000::/3, and the exceptions inside it.
const V6_NOT_PUBLIC: [(Ipv6Addr, u8, AddressKind); 10] = [
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, AddressKind::Private),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, AddressKind::Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, AddressKind::LinkLocal),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, AddressKind::Multicast),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, AddressKind::Translated),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, AddressKind::Transition),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, AddressKind::Reserved),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, AddressKind::Reserved),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, AddressKind::Transition),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, AddressKind::Reserved),
];

#[cfg(test)]
mod tests;

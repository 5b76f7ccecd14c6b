//! What this desk tells partners of itself, put together from settings and keys.

use std::net::{IpAddr, SocketAddr};

use deskwire_proto::endpoint::{Endpoint, Host};

use crate::config::Config;

/// The addresses told to partners: those of the settings, else the one listened on where it names an interface.
pub(crate) fn announced(config: &Config, listen: SocketAddr) -> Vec<Endpoint> {
    if !config.peer.endpoints.0.is_empty() {
        return config.peer.endpoints.0.clone();
    }
    if listen.ip().is_unspecified() || listen.port() == 0 {
        return Vec::new();
    }
    let address = SocketAddr::new(listen.ip(), listen.port());
    format!("https://{address}").parse().into_iter().collect()
}

/// The host of an endpoint as certificates name it.
pub(crate) fn host_text(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Name(name) => name.clone(),
        Host::V4(address) => IpAddr::from(*address).to_string(),
        Host::V6(address) => IpAddr::from(*address).to_string(),
    }
}

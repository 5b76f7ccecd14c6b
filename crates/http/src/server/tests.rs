//! Words for the operator.

use std::io::{Error, ErrorKind};

use super::*;

/// Whoever starts the server reads one sentence and knows what to do.
#[test]
fn each_bind_error_names_the_way_out() {
    let address: SocketAddr = "0.0.0.0:443".parse().unwrap();
    for (kind, code, way_out) in [
        (ErrorKind::AddrInUse, "port-in-use", "choose another port"),
        (ErrorKind::AddrNotAvailable, "address-not-available", "ip address"),
        (ErrorKind::PermissionDenied, "port-not-permitted", "CAP_NET_BIND_SERVICE"),
        (ErrorKind::Unsupported, "address-not-bound", "Check the address"),
    ] {
        let error = BindError::new(address, Error::from(kind));
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(way_out), "{error}");
    }
}

/// A server whose trigger is gone could never be asked to stop.
#[tokio::test]
async fn a_dropped_trigger_asks_to_stop() {
    let trigger = ShutdownTrigger::new();
    let mut shutdown = trigger.subscribe();
    assert!(!shutdown.is_requested());
    drop(trigger);
    shutdown.requested().await;
    assert!(shutdown.is_requested());
}

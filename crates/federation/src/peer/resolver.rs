//! Name look-ups for the HTTP client, which sees only addresses that may be dialled.

use std::sync::Arc;

use deskwire_http::address::{self, AddressPolicy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves at connect time, every time, and connects to exactly what was checked.
pub(super) struct Guarded(Arc<AddressPolicy>);

impl Guarded {
    pub(super) fn new(policy: &Arc<AddressPolicy>) -> Self {
        Self(Arc::clone(policy))
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let found = address::resolve(&policy, name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

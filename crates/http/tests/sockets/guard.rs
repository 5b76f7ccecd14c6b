//! The guard on addresses in the place where it works: as the resolver of the HTTP client.

use std::sync::Arc;

use deskwire_http::address::{AddressKind, AddressPolicy, refused_address, resolve};
use deskwire_http::tls::pinned_client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::support::{Server, limits, router};

struct Guarded(Arc<AddressPolicy>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let found = resolve(&policy, name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A partner's name that leads to this machine must not be dialled, and the reason must reach the operator.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_dialled_unless_allowed() {
    let (server, pin) = Server::tls(router(), limits()).await;
    let url = format!("https://localhost:{}/hello", server.address.port());
    let client = |policy: AddressPolicy| {
        reqwest::Client::builder()
            .tls_backend_preconfigured(pinned_client([pin]))
            .dns_resolver(Guarded(Arc::new(policy)))
            .no_proxy()
            .build()
            .unwrap()
    };
    let error = client(AddressPolicy::default()).get(&url).send().await.unwrap_err();
    assert_eq!(refused_address(&error).map(|refused| refused.kind), Some(AddressKind::Loopback), "{error:?}");
    let allowed = AddressPolicy::allowing(["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(client(allowed).get(&url).send().await.unwrap().status(), 200);
}

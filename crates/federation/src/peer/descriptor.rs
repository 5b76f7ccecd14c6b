//! The one fetch over a connection whose key nobody vouches for yet. proto-spec, sections 2.6 and 3.4.

use std::sync::Arc;
use std::time::Duration;

use deskwire_http::address::AddressPolicy;
use deskwire_http::tls::{SpkiHash, observing_client};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::limits::DOCUMENT_BYTES;

use super::{Answer, CONNECT, Trouble, Wanted, build, check_literal};

/// Where a desk shows its descriptor to anybody.
pub(crate) const WELL_KNOWN: &str = "/.well-known/deskwire";
/// The media type of every CBOR body.
pub(crate) const MEDIA_TYPE: &str = "application/deskwire+cbor";

/// The fetch in all.
const FETCH: Duration = Duration::from_secs(10);

/// Reads a descriptor and the TLS key of whoever gave it. The descriptor verifies by itself; whose it must be, and
/// whether it vouches for that key, is for the caller to check before anything else is sent there.
///
/// # Errors
/// Why nothing of use came.
pub(crate) async fn read_descriptor(
    policy: &Arc<AddressPolicy>,
    endpoint: &Endpoint,
) -> Result<(Descriptor, SpkiHash), Trouble> {
    check_literal(policy, endpoint)?;
    let (tls, observed) = observing_client();
    let client = build(policy, tls, CONNECT)?;
    let request = client.get(format!("{endpoint}{WELL_KNOWN}")).timeout(FETCH);
    let response = request.send().await.map_err(|error| Trouble::of_request(endpoint, &error))?;
    let wanted = Wanted::Document { max: DOCUMENT_BYTES };
    let body = Answer::of(endpoint, response, wanted).await?.whole().await?;
    let descriptor =
        Descriptor::open(&body).map_err(|code| Trouble::unverified(endpoint, "descriptor", code))?;
    let key = observed.get().ok_or_else(|| Trouble::not_a_desk(endpoint, "no TLS key was seen"))?;
    Ok((descriptor, key))
}

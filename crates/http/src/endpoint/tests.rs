//! Which texts are endpoints, and that the HTTP client's parser reads them as this one does.

use super::*;

/// Two spellings of one endpoint must compare equal, or a partner looks like two.
#[test]
fn endpoints_have_one_form() {
    for (text, canonical) in [
        ("https://desk.example", "https://desk.example"),
        ("HTTPS://Desk.Example/", "https://desk.example"),
        ("https://desk.example:443/", "https://desk.example"),
        ("https://desk.example:8443", "https://desk.example:8443"),
        ("https://desk.example/help/Desk-1/", "https://desk.example/help/Desk-1"),
        ("https://192.0.2.1:8443", "https://192.0.2.1:8443"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://4.example", "https://4.example"),
    ] {
        let endpoint = Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(endpoint.as_str(), canonical, "{text}");
        assert_eq!(Endpoint::parse(canonical), Ok(endpoint), "{text} again");
    }
}

/// Each of these is read differently by somebody, or leads where no partner is.
#[test]
fn what_could_be_read_two_ways_is_refused() {
    use EndpointError as E;
    let long = format!("https://desk.example/{}", "a".repeat(300));
    let label = format!("https://{}.example", "a".repeat(64));
    for (text, expected) in [
        ("", E::NotHttps),
        ("http://desk.example", E::NotHttps),
        ("desk.example", E::NotHttps),
        ("https:desk.example", E::NotHttps),
        ("file:///etc/passwd", E::NotHttps),
        ("https://", E::Host),
        ("https:///path", E::Host),
        ("https://user@desk.example", E::UserInformation),
        ("https://user:password@desk.example", E::UserInformation),
        ("https://desk.example?x", E::QueryOrFragment),
        ("https://desk.example#x", E::QueryOrFragment),
        ("https://desk.example:0", E::Port),
        ("https://desk.example:", E::Port),
        ("https://desk.example:65536", E::Port),
        ("https://desk.example:+443", E::Port),
        ("https://desk.example:0443", E::Port),
        ("https://2130706433", E::NumericHost),
        ("https://0x7f000001", E::NumericHost),
        ("https://0x7f.1", E::NumericHost),
        ("https://017700000001", E::NumericHost),
        ("https://0177.0.0.1", E::NumericHost),
        ("https://127.1", E::NumericHost),
        ("https://127.0.0.1.5", E::NumericHost),
        ("https://256.0.0.1", E::NumericHost),
        ("https://desk.0x", E::NumericHost),
        ("https://127.0.0.1.", E::Host),
        ("https://desk.example.", E::Host),
        ("https://.desk.example", E::Host),
        ("https://desk..example", E::Host),
        ("https://-desk.example", E::Host),
        ("https://desk_1.example", E::Host),
        ("https://desk%2eexample", E::Host),
        ("https://desk.example\\@inside", E::UserInformation),
        ("https://desk.example\\inside", E::Host),
        ("https://[::1", E::Host),
        ("https://[fe80::1%25eth0]", E::Host),
        ("https://[::1]8443", E::Host),
        ("https://[127.0.0.1]", E::Host),
        ("https://::1", E::Port),
        ("https://desk.example//x", E::Path),
        ("https://desk.example/../x", E::Path),
        ("https://desk.example/./x", E::Path),
        ("https://desk.example/%2e%2e/x", E::Path),
        ("https://desk.example/a;b", E::Path),
        ("https://desk.example ", E::NotAscii),
        ("https://desk.example\n", E::NotAscii),
        ("https://bücher.example", E::NotAscii),
        (&long, E::TooLong),
        (&label, E::Host),
    ] {
        assert_eq!(Endpoint::parse(text), Err(expected), "{text:?}");
    }
}

/// If the HTTP client read another host out of the text than was checked, the check would be worth nothing.
#[test]
fn the_http_client_reads_the_same_host_and_port() {
    for text in [
        "https://desk.example",
        "https://desk.example:8443/path/deeper",
        "https://192.0.2.1",
        "https://[2001:db8::1]:8443",
        "https://[::ffff:127.0.0.1]",
        "https://a-b.c-d.example/x~y_z.w",
        "https://a0x.example",
        "https://1.2.3.4a",
    ] {
        let ours = Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let theirs = reqwest::Url::parse(&ours.join("/leaf")).unwrap();
        assert_eq!(theirs.port_or_known_default(), Some(ours.port()), "{text}");
        assert!(theirs.path().ends_with("/leaf"), "{text}");
        let host = theirs.host_str().unwrap();
        match ours.host() {
            Host::Name(name) => assert_eq!(host, name, "{text}"),
            Host::Ip(address) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                assert_eq!(bare.parse::<IpAddr>().unwrap(), *address, "{text}");
            }
        }
    }
}

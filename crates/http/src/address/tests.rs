//! The table of addresses, and names that lead to them.

use super::*;

fn kind(text: &str) -> Option<AddressKind> {
    AddressPolicy::default().check(text.parse().unwrap()).err().map(|refused| refused.kind)
}

/// Each of these, dialled for a stranger, reaches something of ours.
#[test]
fn what_is_not_public_is_refused_in_every_dress() {
    use AddressKind::*;
    let table = [
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("::", Unspecified),
        ("::ffff:0.0.0.0", Unspecified),
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("::1", Loopback),
        ("::ffff:127.0.0.1", Loopback),
        ("10.0.0.1", Private),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.168.1.1", Private),
        ("100.64.0.1", Private),
        ("100.100.100.200", Private),
        ("::ffff:192.168.1.1", Private),
        ("fd00:ec2::254", Private),
        ("fc00::1", Private),
        ("fec0::1", Private),
        ("169.254.169.254", LinkLocal),
        ("fe80::1", LinkLocal),
        ("::ffff:169.254.169.254", LinkLocal),
        ("168.63.129.16", CloudService),
        ("224.0.0.1", Multicast),
        ("ff02::1", Multicast),
        ("192.0.0.192", Reserved),
        ("192.0.2.1", Reserved),
        ("198.18.0.1", Reserved),
        ("198.51.100.1", Reserved),
        ("203.0.113.1", Reserved),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Multicast),
        ("::127.0.0.1", Reserved),
        ("100::1", Reserved),
        ("5f00::1", Reserved),
        ("2001:2::1", Reserved),
        ("2001:db8::1", Reserved),
        ("3fff::1", Reserved),
        ("4000::1", Reserved),
        ("64:ff9b::7f00:1", Translated),
        ("64:ff9b::a9fe:a9fe", Translated),
        ("64:ff9b:1::1", Translated),
        ("2001::1", Transition),
        ("2002:7f00:1::", Transition),
        ("2002:808:808::1", Transition),
        ("192.88.99.1", Transition),
    ];
    for (text, expected) in table {
        assert_eq!(kind(text), Some(expected), "{text}");
    }
}

/// A guard that refuses everything protects well and links nobody.
#[test]
fn public_addresses_are_dialled() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "2001:200::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ] {
        assert_eq!(kind(text), None, "{text}");
    }
}

/// A partner inside the operator's network is reachable once its range is allowed, and nothing else with it.
#[test]
fn an_allowed_range_opens_itself_alone() {
    let policy = AddressPolicy::allowing(["10.20.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()]);
    let check = |text: &str| policy.check(text.parse().unwrap()).is_ok();
    assert!(check("10.20.3.4") && check("::ffff:10.20.3.4") && check("fd12::1") && check("8.8.8.8"));
    assert!(!check("10.21.0.1") && !check("fd13::1") && !check("127.0.0.1"));
    assert!(!check("64:ff9b::a14:304"), "a translator's 10.20.3.4 is another machine");
}

/// Even "allow everything" does not make a broadcast or the unspecified address a partner.
#[test]
fn some_addresses_cannot_be_allowed() {
    let policy = AddressPolicy::allowing(["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
    let check = |text: &str| policy.check(text.parse().unwrap()).is_ok();
    assert!(check("127.0.0.1") && check("fe80::1"));
    for never in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"] {
        assert!(!check(never), "{never}");
    }
}

/// A range with host bits is usually a mistyped prefix, and would silently allow more than was meant.
#[test]
fn a_range_says_exactly_what_it_covers() {
    assert_eq!("127.0.0.0/8".parse::<AllowedRange>().unwrap().to_string(), "127.0.0.0/8");
    let error = "10.1.2.3/8".parse::<AllowedRange>().unwrap_err();
    assert!(error.to_string().contains("10.0.0.0/8"), "{error}");
    for text in
        ["", "10.0.0.0", "10.0.0.0/33", "::/129", "ten/8", "010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/+8"]
    {
        assert!(text.parse::<AllowedRange>().is_err(), "{text}");
    }
}

/// A name with a public and a private address must not lead inside, nor be unreachable.
#[test]
fn of_several_addresses_only_public_ones_are_kept() {
    let policy = AddressPolicy::default();
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let (inside, outside) = (address("127.0.0.1:443"), address("8.8.8.8:443"));
    assert_eq!(policy.filter([inside, outside]), Ok(vec![outside]));
    assert_eq!(policy.filter([inside]).unwrap_err().kind, AddressKind::Loopback);
    assert_eq!(policy.filter([]), Ok(vec![]));
}

/// A name is checked by what it leads to, at the moment it is dialled.
#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_allowed() {
    let error = resolve(&AddressPolicy::default(), "localhost", 443).await.unwrap_err();
    assert_eq!(refused_address(&error).unwrap().kind, AddressKind::Loopback, "{error}");
    let allowed = AddressPolicy::allowing(["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert!(!resolve(&allowed, "localhost", 443).await.unwrap().is_empty());
}

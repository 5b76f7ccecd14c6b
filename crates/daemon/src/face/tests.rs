//! Partners refuse a descriptor that is not newer than the last: a desk that forgot its version could not be changed.

use std::net::SocketAddr;

use super::*;
use crate::config::Sources;
use crate::init::{init, tests::new_desk as new_desk_in};

struct Desk {
    _around: tempfile::TempDir,
    folder: Folder,
    config: Config,
    material: Material,
}

fn new_desk() -> Desk {
    let around = tempfile::tempdir().unwrap();
    let new = new_desk_in(&around.path().join("acme"));
    let config = init(&new).unwrap().config;
    let folder = Folder::new(new.folder);
    let material = Material::load(&folder, &config).unwrap();
    Desk { _around: around, folder, config, material }
}

impl Desk {
    fn says(&self, port: u16, now: u64) -> Vec<u8> {
        self.says_after(None, port, now)
    }

    fn says_after(&self, known: Option<u64>, port: u16, now: u64) -> Vec<u8> {
        let known = known.map(Timestamp);
        let listen = Listen(Some(SocketAddr::from(([127, 0, 0, 1], port))));
        let identity =
            identity(&self.folder, &self.config, &self.material, listen, (known, Timestamp(now))).unwrap();
        identity.descriptor().raw().to_vec()
    }
}

fn version(descriptor: &[u8]) -> u64 {
    Descriptor::open(descriptor).unwrap().body().version.0
}

#[test]
fn what_has_not_changed_is_said_again_byte_for_byte() {
    let desk = new_desk();
    let first = desk.says(8441, 1_000);
    assert_eq!(version(&first), 1_000);
    assert_eq!(desk.says(8441, 9_000), first);
}

#[test]
fn a_change_gets_a_higher_version_even_when_the_clock_went_back() {
    let desk = new_desk();
    desk.says(8441, 1_000);
    assert_eq!(version(&desk.says(8442, 500)), 1_001);
    assert_eq!(version(&desk.says(8443, 2_000)), 2_000);
}

#[test]
fn a_version_that_the_journal_knows_is_passed_even_when_the_file_is_older_or_gone() {
    let desk = new_desk();
    desk.says(8441, 1_000);
    assert_eq!(version(&desk.says_after(Some(7_000), 8441, 500)), 7_001, "an old file says nothing again");
    fs::remove_file(desk.folder.descriptor()).unwrap();
    assert_eq!(version(&desk.says_after(Some(9_000), 8441, 500)), 9_001);
    assert_eq!(version(&desk.says_after(Some(9_001), 8441, 500)), 9_001, "what is the newest stays");
}

#[test]
fn a_key_that_is_not_of_the_log_is_refused() {
    let (desk, other) = (new_desk(), new_desk());
    fs::copy(other.folder.signing_key(), desk.folder.signing_key()).unwrap();
    let material = Material::load(&desk.folder, &desk.config).unwrap();
    let listen = Listen(Some(SocketAddr::from(([127, 0, 0, 1], 1))));
    let error = identity(&desk.folder, &desk.config, &material, listen, (None, Timestamp(1))).unwrap_err();
    assert_eq!(error.code, "signing-key-not-newest");
}

#[test]
fn an_address_that_says_nothing_is_not_announced() {
    let file = "[desk]\nname = \"A\"\nprefix = \"A\"\n";
    let config = Config::load(&Sources::of_file("x", file)).unwrap();
    assert!(announced(&config, Listen(Some("0.0.0.0:8441".parse().unwrap()))).is_empty());
    assert!(announced(&config, Listen(Some("[::]:8441".parse().unwrap()))).is_empty());
    let shown = |address: &str| announced(&config, Listen(Some(address.parse().unwrap())))[0].to_string();
    assert_eq!(shown("192.0.2.1:8441"), "https://192.0.2.1:8441");
    assert_eq!(shown("[2001:db8::1]:443"), "https://[2001:db8::1]:443");
}

#[test]
fn terms_come_from_the_settings_sorted_as_the_protocol_has_them() {
    let file = "[desk]\nname = \"A\"\nprefix = \"A\"\n[terms]\nfields = [\"object\", \"contact\", \"object\"]\n\
                person = \"nothing\"\n[files]\nlargest = \"5 MiB\"\n";
    let config = Config::load(&Sources::of_file("x", file)).unwrap();
    let terms = terms(&config);
    terms.check().unwrap();
    assert_eq!((terms.fields.len(), terms.file), (2, 5 << 20));
}

//! Certificates and pins, without sockets.

use std::os::unix::fs::PermissionsExt;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::*;

fn files(folder: &std::path::Path) -> PemFiles {
    PemFiles { certificate: folder.join("tls/certificate.pem"), key: folder.join("tls/key.pem") }
}

fn made() -> SelfSigned {
    SelfSigned::generate(&["desk.example".into(), "192.0.2.7".into(), "2001:db8::7".into()]).unwrap()
}

/// A server that restarts must come back with the key its partners pinned.
#[test]
fn a_written_pair_is_read_back_with_the_same_pin() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let made = made();
    assert!(!files.exist());
    made.write(&files).unwrap();
    assert!(files.exist());
    assert_eq!(ServerIdentity::load(&files).unwrap().spki(), made.spki());
}

/// Other users of the machine must not read the private key.
#[test]
fn key_and_folder_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    made().write(&files).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&files.key), 0o600);
    assert_eq!(mode(&files.certificate), 0o600);
    assert_eq!(mode(files.key.parent().unwrap()), 0o700);
}

/// Running the set-up twice must not cost the key that partners pinned.
#[test]
fn a_whole_pair_is_never_replaced_but_half_a_pair_is() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let first = made();
    first.write(&files).unwrap();
    assert_eq!(made().write(&files).unwrap_err().code(), "tls-certificate-exists");
    assert_eq!(ServerIdentity::load(&files).unwrap().spki(), first.spki());
    std::fs::remove_file(&files.certificate).unwrap();
    let second = made();
    second.write(&files).unwrap();
    assert_eq!(ServerIdentity::load(&files).unwrap().spki(), second.spki());
}

/// The pin must be the hash of SubjectPublicKeyInfo as every other tool computes it, or no partner can check it.
/// Made with `openssl req -x509` and `openssl x509 -pubkey | openssl pkey -pubin -outform der | sha256sum`.
#[test]
fn the_pin_is_the_one_openssl_computes() {
    let pem = include_bytes!("tests/openssl-p256.pem");
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let hex: String = spki_sha256(&certificate).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("tests/openssl-p256.spki-sha256").trim());
}

/// A key beside the wrong certificate must be refused at start, not at the first partner's connection.
#[test]
fn unusable_files_are_refused_with_a_reason() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (files(one.path()), files(two.path()));
    made().write(&ours).unwrap();
    made().write(&theirs).unwrap();
    let mixed = PemFiles { certificate: ours.certificate.clone(), key: theirs.key.clone() };
    assert_eq!(ServerIdentity::load(&mixed).unwrap_err().code(), "tls-key-unusable");
    let swapped = PemFiles { certificate: ours.key.clone(), key: ours.key.clone() };
    assert_eq!(ServerIdentity::load(&swapped).unwrap_err().code(), "tls-certificate-missing");
    let absent = PemFiles { certificate: one.path().join("no.pem"), key: ours.key };
    assert_eq!(ServerIdentity::load(&absent).unwrap_err().code(), "tls-file-not-read");
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(ServerIdentity::from_pem(garbage, b"").unwrap_err().code(), "tls-file-not-pem");
    assert!(spki_sha256(&CertificateDer::from(vec![0x30, 0x03, 1, 2, 3])).is_err());
}

/// A key that leaks into a log is a lost key.
#[test]
fn debug_output_holds_no_private_key() {
    let made = made();
    let shown = format!("{made:?}");
    assert!(shown.contains("BEGIN CERTIFICATE"));
    assert!(!shown.contains("PRIVATE KEY"));
}

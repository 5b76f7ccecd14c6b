//! The file of the signing key: PKCS #8 for Ed25519 (RFC 8410) in PEM (RFC 7468), which other tools read too, with a few
//! lines in front that say what it is.

use std::path::Path;

use data_encoding::BASE64;
use deskwire_proto::id::DeskId;
use deskwire_proto::key::SecretKey;
use zeroize::Zeroizing;

use crate::error::StartError;
use crate::folder::{Readers, check_secret};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// DER of a version 0 PrivateKeyInfo up to the 32 bytes of the seed.
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const SEED: usize = 32;

/// The text of the file.
pub(crate) fn encode(key: &SecretKey, desk: DeskId) -> Zeroizing<String> {
    let mut der = Zeroizing::new([0; PKCS8_HEAD.len() + SEED]);
    der[..PKCS8_HEAD.len()].copy_from_slice(&PKCS8_HEAD);
    der[PKCS8_HEAD.len()..].copy_from_slice(&*key.seed());
    let body = Zeroizing::new(BASE64.encode(&*der));
    Zeroizing::new(format!(
        "Signing key (Ed25519) of the Deskwire desk {desk}.\n\
         Whoever has it can speak for this desk until the recovery key replaces it. Keep it secret.\n\
         {BEGIN}\n{}\n{END}\n",
        body.as_str()
    ))
}

/// Reads the file, which only its owner may be able to read.
pub(crate) fn load(path: &Path) -> Result<SecretKey, StartError> {
    if path.try_exists().is_ok_and(|there| !there) {
        return Err(StartError::new(
            "signing-key-missing",
            format!("There is no signing key at {}.", path.display()),
            "If it was lost alone, put it back. A backup without keys holds none: take the desk over with its recovery words, with `deskwire key rotate`.",
        ));
    }
    check_secret(path, Readers::None)?;
    let text =
        std::fs::read(path).map(Zeroizing::new).map_err(|error| StartError::file("read", path, &error))?;
    std::str::from_utf8(&text).ok().and_then(decode).ok_or_else(|| {
        StartError::new(
            "signing-key-unreadable",
            format!("{} does not hold a signing key as `deskwire init` writes it.", path.display()),
            "Restore it from a backup; without it the desk can only be taken over with its recovery key.",
        )
    })
}

fn decode(text: &str) -> Option<SecretKey> {
    let inner = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let packed: Zeroizing<String> =
        Zeroizing::new(inner.chars().filter(|letter| !letter.is_ascii_whitespace()).collect());
    let der = Zeroizing::new(BASE64.decode(packed.as_bytes()).ok()?);
    let seed: Zeroizing<[u8; SEED]> = Zeroizing::new(der.strip_prefix(&PKCS8_HEAD)?.try_into().ok()?);
    Some(SecretKey::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    //! A key file that does not come back as the same key is a lost desk.
    use super::*;

    #[test]
    fn the_file_gives_the_same_key_back_and_hides_nothing_else_in_it() {
        let key = SecretKey::from_seed(&[7; 32]);
        let text = encode(&key, DeskId::new([1; 32]));
        assert_eq!(decode(&text).unwrap().public(), key.public());
        assert_eq!(decode(&text.replace('\n', "\r\n")).unwrap().public(), key.public());
    }

    #[test]
    fn a_damaged_file_gives_no_key() {
        let text = encode(&SecretKey::from_seed(&[7; 32]), DeskId::new([1; 32]));
        let body = text.lines().nth(3).unwrap();
        for wrong in [
            "",
            &text.replace("BEGIN PRIVATE", "BEGIN PUBLIC"),
            &text.replace(body, &body[4..]),
            &text.replace(body, &body.replacen("MC4", "MC5", 1)),
            &text.replace(END, ""),
        ] {
            assert!(decode(wrong).is_none(), "{wrong}");
        }
    }
}

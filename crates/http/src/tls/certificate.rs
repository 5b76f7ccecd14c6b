//! Self-signed certificates: made, written as PEM files, read again, and named by the hash of their key.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::provider;

/// SHA-256 of a certificate's SubjectPublicKeyInfo (DER, outer SEQUENCE included): the name of a TLS key.
pub type SpkiHash = [u8; 32];

/// The hash by which the key inside a certificate is pinned. It outlives the certificate: a new certificate for the
/// same key has the same hash.
///
/// # Errors
/// [`TlsError::Certificate`] when the bytes are not an X.509 v3 certificate.
pub fn spki_sha256(certificate: &CertificateDer<'_>) -> Result<SpkiHash, TlsError> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(TlsError::Certificate)?;
    Ok(Sha256::digest(parsed.subject_public_key_info()).into())
}

/// Where the PEM files of one TLS key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// Certificate chain, own certificate first.
    pub certificate: PathBuf,
    /// Private key, PKCS #8.
    pub key: PathBuf,
}

impl PemFiles {
    /// Whether a whole pair is there. The certificate is written last, so a lone key is an unfinished write.
    #[must_use]
    pub fn exist(&self) -> bool {
        self.certificate.exists() && self.key.exists()
    }
}

/// A fresh ECDSA P-256 key with a certificate that it signed for itself.
pub struct SelfSigned {
    certificate_pem: String,
    key_pem: Zeroizing<String>,
    spki: SpkiHash,
}

impl SelfSigned {
    /// Makes a key and a certificate for `names` (host names, IPv4 or IPv6 addresses), valid to the end of 9999:
    /// keys end by being replaced, never by a date that nobody watches.
    ///
    /// # Errors
    /// [`TlsError::Generate`] when a name is not ASCII or the system gives no randomness.
    pub fn generate(names: &[String]) -> Result<Self, TlsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(TlsError::Generate)?;
        let mut params = CertificateParams::new(names).map_err(TlsError::Generate)?;
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(9999, 12, 31);
        params.distinguished_name = rcgen::DistinguishedName::new();
        let subject = names.first().map_or("self-signed", String::as_str);
        params.distinguished_name.push(DnType::CommonName, subject);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).map_err(TlsError::Generate)?;
        Ok(Self {
            spki: spki_sha256(certificate.der())?,
            certificate_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// The pin that peers need.
    #[must_use]
    pub fn spki(&self) -> SpkiHash {
        self.spki
    }

    /// The certificate as PEM text; the private key never leaves this type but into [`SelfSigned::write`].
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Writes both files, readable by their owner alone (0600, missing folders 0700), durably: after success they
    /// survive a power cut. Never replaces a whole pair; a key without certificate is the rest of an interrupted
    /// write and is replaced.
    ///
    /// # Errors
    /// [`TlsError::Exists`] when the certificate file is already there, [`TlsError::Write`] when the disk refuses.
    pub fn write(&self, files: &PemFiles) -> Result<(), TlsError> {
        if files.certificate.exists() {
            return Err(TlsError::Exists { path: files.certificate.clone() });
        }
        write_owner_only(&files.key, self.key_pem.as_bytes())?;
        write_owner_only(&files.certificate, self.certificate_pem.as_bytes())
    }

    /// The same pair ready for use by a server.
    ///
    /// # Errors
    /// As [`ServerIdentity::from_pem`].
    pub fn identity(&self) -> Result<ServerIdentity, TlsError> {
        ServerIdentity::from_pem(self.certificate_pem.as_bytes(), self.key_pem.as_bytes())
    }
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfSigned").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// A certificate with its private key, checked to belong together: what a TLS server presents.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    pub(super) certified: Arc<CertifiedKey>,
    spki: SpkiHash,
}

impl ServerIdentity {
    /// Reads a pair from disk.
    ///
    /// # Errors
    /// [`TlsError::Read`] when a file cannot be read, else as [`ServerIdentity::from_pem`].
    pub fn load(files: &PemFiles) -> Result<Self, TlsError> {
        let read =
            |path: &Path| fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source });
        Self::from_pem(&read(&files.certificate)?, &Zeroizing::new(read(&files.key)?))
    }

    /// Reads a pair from PEM text: a certificate chain, own certificate first, and one private key.
    ///
    /// # Errors
    /// [`TlsError::Pem`], [`TlsError::NoCertificate`], [`TlsError::Certificate`], or [`TlsError::Key`] when the key
    /// is of an unknown kind or belongs to another certificate.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|source| TlsError::Pem { what: "certificate", source })?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|source| TlsError::Pem { what: "private key", source })?;
        let spki = spki_sha256(chain.first().ok_or(TlsError::NoCertificate)?)?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(TlsError::Key)?;
        Ok(Self { certified: Arc::new(certified), spki })
    }

    /// The pin that peers need.
    #[must_use]
    pub fn spki(&self) -> SpkiHash {
        self.spki
    }
}

/// Why a TLS key or certificate cannot be made, stored or used. The fault is the operator's or the machine's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate could not be made.
    #[error(
        "no TLS certificate could be made: {0}. Check that every host name is plain ASCII (xn-- form for others)"
    )]
    Generate(#[source] rcgen::Error),
    /// A certificate is there already.
    #[error("{} exists already and is not replaced. Move it away first if a new TLS key is really wanted", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("{} could not be written: {source}. Check free space and the owner of its folder", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("{} could not be read: {source}. Check the path and that this user owns the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not PEM.
    #[error("the {what} is not a PEM text: {source}. Expected is a block that starts with -----BEGIN")]
    Pem {
        /// Which of the two.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The PEM text holds no certificate.
    #[error("the certificate file holds no certificate. Expected is a block -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The certificate cannot be parsed.
    #[error("the certificate is not a usable X.509 v3 certificate: {0}. Replace it")]
    Certificate(#[source] webpki::Error),
    /// The key is unusable or belongs to another certificate.
    #[error("the private key does not fit: {0}. Put key and certificate of one pair side by side")]
    Key(#[source] rustls::Error),
}

impl TlsError {
    /// A stable name for scripts and documentation.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Generate(_) => "tls-certificate-not-made",
            Self::Exists { .. } => "tls-certificate-exists",
            Self::Write { .. } => "tls-file-not-written",
            Self::Read { .. } => "tls-file-not-read",
            Self::Pem { .. } => "tls-file-not-pem",
            Self::NoCertificate => "tls-certificate-missing",
            Self::Certificate(_) => "tls-certificate-unusable",
            Self::Key(_) => "tls-key-unusable",
        }
    }
}

/// Temporary name, sync, rename, sync of the folder: the file is there whole or not at all.
fn write_owner_only(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    try_write_owner_only(path, bytes).map_err(|source| TlsError::Write { path: path.to_owned(), source })
}

fn try_write_owner_only(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

//! Key logs of partners.

use deskwire_api_types::{KeyLogImport, KeyLogImported};

use crate::{Client, Error, query::Path};

impl Client {
    /// `POST /v1/key-logs`: hands the daemon a partner's key log that somebody carried here.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn import_key_log(&self, key_log: &str) -> Result<KeyLogImported, Error> {
        self.post(Path::new("key-logs"), &KeyLogImport { key_log: key_log.to_owned() }).await
    }
}

//! Which items: one by its id or the beginning of it, or all of a link.

use deskwire_api_types::{QueueQuery, QueueTarget};
use deskwire_client::Client;

use crate::failure::{self, Failure};

/// Digits of an id.
const WHOLE: usize = 32;
/// As many as one call brings.
const PAGE: u32 = 500;

/// Which items.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Target {
    /// The item: its id or the beginning of it, as `deskwire queue list` shows it.
    item: Option<String>,
    /// All of this link instead of one item.
    #[arg(long, value_name = "NAME")]
    link: Option<String>,
}

impl Target {
    /// The link, if one was named.
    pub(super) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    /// What the daemon is told. An id that nothing in the queue has is left to it: it says what is wrong.
    pub(super) async fn resolve(&self, client: &Client) -> Result<QueueTarget, Failure> {
        let Some(typed) = &self.item else {
            return Ok(QueueTarget { item: None, link: self.link.clone() });
        };
        let typed = typed.trim().to_lowercase();
        let item = if typed.len() < WHOLE { whole(client, &typed).await? } else { typed };
        Ok(QueueTarget { item: Some(item), link: None })
    }
}

async fn whole(client: &Client, typed: &str) -> Result<String, Failure> {
    let mut found: Option<String> = None;
    let mut query = QueueQuery { limit: Some(PAGE), ..QueueQuery::default() };
    loop {
        let page = client.queue(&query).await?;
        for item in page.items.into_iter().filter(|item| item.item.starts_with(typed)) {
            if found.is_some() {
                return Err(failure::usage(format!("“{typed}” begins several ids: type more of it")));
            }
            found = Some(item.item);
        }
        match page.after {
            Some(after) => query.after = Some(after),
            None => break,
        }
    }
    found.ok_or_else(|| {
        failure::usage(format!(
            "no item on its way has an id that begins with “{typed}”: see `deskwire queue list`"
        ))
    })
}

//! `deskwire ticket attach`: hangs a file on a ticket.

use std::path::{Path, PathBuf};

use deskwire_api_types::{FilePreview, FileQuery};

use super::audience::To;
use crate::{
    context::Context,
    failure::{self, Done, Failure},
    render::{self, bytes},
};

/// Attach a file to a ticket; it stays on this desk unless --to names somebody.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// The file.
    file: PathBuf,
    /// Another name for it.
    #[arg(long)]
    name: Option<String>,
    /// Media type, when the name does not tell it.
    #[arg(long, value_name = "TYPE")]
    media: Option<String>,
    #[command(flatten)]
    to: To,
    /// Only show what would leave, to each partner; the bytes of the file follow its announcement.
    #[arg(long)]
    preview: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket attach ACME-12 photo.jpg
  deskwire ticket attach ACME-12 /var/log/register.log --to kassa --name register-3.log";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => name_of(&self.file)?,
        };
        let media = self.media.clone().or_else(|| media_of(&name).map(str::to_owned));
        if self.preview {
            let size = std::fs::metadata(&self.file)
                .map_err(|error| failure::usage(format!("{}: {error}", self.file.display())))?
                .len();
            let previews = context.talk(async |client| {
                let audience = self.to.audience(&client, &self.number).await?;
                let request = FilePreview { name: name.clone(), media: media.clone(), size, audience };
                client.preview_file(&self.number, &request).await
            })?;
            return context.out.document(&previews, |style| render::previews(&previews, style));
        }
        let file = context.talk(async |client| {
            let (audience, readers) = self.to.announced(&client, &self.number).await?;
            let query = FileQuery { name, media, audience: Some(audience.to_string()) };
            let done = client.attach(&self.number, &query, &self.file).await?;
            readers.iter().for_each(|words| context.out.note(words));
            Ok(done)
        })?;
        context.out.document(&file, |_| {
            format!(
                "{}, {}, on {}: {}\nid {}\n",
                file.name,
                bytes(file.size),
                file.ticket,
                file.audience,
                file.id
            )
        })
    }
}

fn name_of(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        failure::usage(format!("{} has no name that can be sent: give one with --name", path.display()))
    })
}

/// The media type of the commonest endings.
fn media_of(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" => Some("text/plain"),
        "csv" => Some("text/csv"),
        "json" => Some("application/json"),
        "pdf" => Some("application/pdf"),
        "zip" => Some("application/zip"),
        "gz" => Some("application/gzip"),
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "webp" => Some("image/webp"),
        "mp4" => Some("video/mp4"),
        _ => None,
    }
}

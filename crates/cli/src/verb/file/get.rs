//! `deskwire file get`: fetches a file's bytes.

use std::path::{Path, PathBuf};

use deskwire_api_types::FileInfo;
use deskwire_client::{Client, Download, Error};

use crate::{
    context::Context,
    failure::{self, Done, Failure},
    output::Output,
    part::Part,
    render::bytes,
};

/// Fetch a file; it appears under its name only when it is whole and its hash is right.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of the file, as `deskwire ticket show` prints it.
    id: String,
    /// Where to put it, or - for standard output; its own name in this folder unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that is already there.
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire file get 0123456789abcdef0123456789abcdef
  deskwire file get 0123456789abcdef0123456789abcdef -o log.txt --force";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let out = context.out;
        if self.output.as_deref() == Some(Path::new("-")) {
            if out.is_json() {
                return Err(failure::usage("--json and -o - both want standard output"));
            }
            return context.talk(async |client| print(&client, &self.id, out).await);
        }
        let (file, path) = context.talk(async |client| self.save(&client).await)?;
        out.document(&file, |_| format!("{} has {} and the right hash.\n", path.display(), bytes(file.size)))
    }

    async fn save(&self, client: &Client) -> Result<(FileInfo, PathBuf), Failure> {
        let file = client.file(&self.id).await?;
        let path = self.output.clone().unwrap_or_else(|| PathBuf::from(safe_name(&file)));
        Part::room(&path, self.force)?;
        let mut download = client.file_content(&self.id).await?;
        let part = Part::create(&path)?;
        while let Some(piece) = next(&mut download, client, &self.id).await? {
            part.write(piece.as_ref())?;
        }
        check(&file, &download)?;
        part.finish(&path)?;
        Ok((file, path))
    }
}

/// To standard output; what went wrong shows at the end, in the exit code.
async fn print(client: &Client, id: &str, out: Output) -> Done {
    let file = client.file(id).await?;
    let mut download = client.file_content(id).await?;
    while let Some(piece) = next(&mut download, client, id).await? {
        out.raw(piece.as_ref())?;
    }
    check(&file, &download)
}

/// The next piece. A daemon that broke off because the file is damaged says so when it is asked again.
async fn next(
    download: &mut Download,
    client: &Client,
    id: &str,
) -> Result<Option<impl AsRef<[u8]>>, Failure> {
    match download.piece().await {
        Ok(piece) => Ok(piece),
        Err(broken) => Err(match client.file_content(id).await {
            Err(refused @ Error::Refused(_)) => refused,
            _ => broken,
        }),
    }
}

fn check(file: &FileInfo, download: &Download) -> Done {
    if download.sha256() == file.sha256 {
        return Ok(());
    }
    let detail = format!("What the daemon gave for {} does not have its hash.", file.name);
    let next = "Nothing was kept. Run `deskwire verify`: the stored file may be damaged.";
    Err(failure::refused("file-damaged", "The file is damaged", detail, next))
}

/// The file's name without anything that would lead out of this folder or hide it.
fn safe_name(file: &FileInfo) -> String {
    let last = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|letter| !letter.is_control()).collect();
    let name = name.trim_start_matches(['.', '-', ' ']).trim_end();
    if name.is_empty() { file.id.clone() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    //! A partner chooses the names of files: they must stay within the folder where the command runs.
    use deskwire_api_types::{Audience, FileState, Time};

    use super::*;

    fn named(name: &str) -> FileInfo {
        FileInfo {
            id: "0123456789abcdef0123456789abcdef".into(),
            ticket: "ACME-1".into(),
            name: name.into(),
            media: None,
            size: 0,
            sha256: String::new(),
            state: FileState::Here,
            fetched: 0,
            trouble: None,
            time: Time::from_millis(0),
            by: None,
            partner: None,
            delegation: None,
            audience: Audience::Internal,
            retracted: false,
            relayed: None,
            retraction: None,
            relays: vec![],
            deliveries: vec![],
        }
    }

    #[test]
    fn names_never_lead_out_of_the_folder() {
        assert_eq!(safe_name(&named("log.txt")), "log.txt");
        assert_eq!(safe_name(&named("../../.ssh/authorized_keys")), "authorized_keys");
        assert_eq!(safe_name(&named("C:\\windows\\x.dll")), "x.dll");
        assert_eq!(safe_name(&named("/etc/.profile")), "profile");
        assert_eq!(safe_name(&named("a\u{1b}[2J.txt")), "a[2J.txt");
        for bad in ["", "..", "/", "a/", "---"] {
            assert_eq!(safe_name(&named(bad)), "0123456789abcdef0123456789abcdef", "{bad}");
        }
    }
}

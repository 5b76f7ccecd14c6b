//! Last part: both desks compare what they see, and the whole history is verified from a file, with public keys alone.

use std::{fs, path::Path};

use deskwire_client::local::wait_for;
use serde::Serialize;

use super::{Cast, Player, Told, Transcript};
use crate::{
    desks,
    failure::{self, Failure},
    proof,
    render::bytes,
};

/// Name of the file.
const NAME: &str = "acme-kassa.deskwire-proof";

/// What came of comparing and verifying.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Proof {
    /// Whether principal and contractor see the same of each delegation, from the top of the chain down; with what
    /// differs.
    pub(crate) same: Vec<(bool, Vec<String>)>,
    /// Size of the file, bytes.
    pub(crate) size: u64,
    /// Messages whose signatures hold, of both sides.
    pub(crate) messages: u64,
    /// What is wrong with the file.
    pub(crate) findings: Vec<String>,
    /// What is found after one bit was changed.
    pub(crate) after_a_flip: Vec<String>,
}

pub(super) async fn play(
    cast: &Cast,
    root: &Path,
    script: &Transcript,
    told: &Told,
) -> Result<Proof, Failure> {
    script.title("Anybody can check it");
    let mut found = Proof { same: compare(cast, told, script).await?, ..Proof::default() };
    let path = root.join(NAME);
    export(&cast.kassa, &told.links.kassa_acme, &path).await?;
    let report = proof::verify(&path)?;
    found.size = fs::metadata(&path).map_or(0, |file| file.len());
    found.messages = report.streams.iter().map(|stream| stream.messages).sum();
    found.findings = report.findings.iter().map(|finding| finding.words.to_string()).collect();
    let words = format!(
        "exports its link with Acme, {}; the file alone, without a desk, shows {} signed messages, in order",
        bytes(found.size),
        found.messages
    );
    script.did(cast.kassa.short, &words);
    found.after_a_flip = flipped(&path)?;
    let words = format!(
        "one bit of it is changed: “{}”",
        found.after_a_flip.first().map_or("nothing is found", |words| words)
    );
    script.did("Forger", &words);
    Ok(found)
}

/// Each principal asks its contractor what it sees.
async fn compare(cast: &Cast, told: &Told, script: &Transcript) -> Result<Vec<(bool, Vec<String>)>, Failure> {
    let Cast { shop, acme, kassa, .. } = cast;
    let all = [(shop, &told.upper), (acme, &told.lower), (kassa, &told.visit)];
    for (player, id) in all {
        player.client.say_digest(id).await?;
    }
    let mut same = Vec::with_capacity(all.len());
    for (player, id) in all {
        let agreement = wait_for("The answer of the partner's desk", desks::LIMIT, async || {
            Ok(Some(player.client.agreement(id).await?).filter(|agreement| agreement.same.is_some()))
        })
        .await?;
        same.push((agreement.same == Some(true), agreement.differs));
    }
    script.did("All", "ask their partners what they see of the case: state, comments, files, work");
    Ok(same)
}

async fn export(player: &Player, link: &str, path: &Path) -> Result<(), Failure> {
    let fail = |error: std::io::Error| failure::local(&path.display().to_string(), &error);
    let mut download = player.client.export_link(link).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = download.piece().await? {
        bytes.extend_from_slice(&piece);
    }
    fs::write(path, bytes).map_err(fail)
}

/// What is found when one bit in the middle of the file is another one.
fn flipped(path: &Path) -> Result<Vec<String>, Failure> {
    let fail = |error: std::io::Error| failure::local(&path.display().to_string(), &error);
    let mut bytes = fs::read(path).map_err(fail)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    let other = path.with_extension("changed");
    fs::write(&other, bytes).map_err(fail)?;
    let report = proof::verify(&other);
    fs::remove_file(&other).map_err(fail)?;
    Ok(report?.findings.iter().map(|finding| finding.words.to_string()).collect())
}

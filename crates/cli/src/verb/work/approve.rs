//! `deskwire work approve`: the principal agrees to lines of work.

use deskwire_api_types::{ApproveWork, LineState};

use super::line;
use crate::{
    context::Context,
    failure::{self, Done},
    render,
    verb::delegation::Target,
};

/// Agree to lines of work of the contractor.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Ids of the lines, or their beginnings.
    #[arg(value_name = "LINE")]
    lines: Vec<String>,
    /// Every line that is open.
    #[arg(long, conflicts_with = "lines")]
    all: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire work approve 3f9a2c71 9d04b6aa
  deskwire work approve ACME-12 --all";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if self.lines.is_empty() && !self.all {
            return Err(failure::usage("name the lines to approve, or say --all"));
        }
        if context.global.key.is_some() && (self.all || self.lines.len() > 1) {
            return Err(failure::usage("--key is for one call: name one line"));
        }
        let list = context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            let mut list = client.work(&id).await?;
            let mut chosen = Vec::new();
            for typed in &self.lines {
                chosen.push(line::find(&list, typed)?);
            }
            if self.all {
                let open = list.lines.iter().filter(|line| line.state == LineState::Open);
                chosen.extend(open.map(|line| line.id.clone()));
            }
            for line in chosen {
                list = client.approve_work(&id, &ApproveWork { line }).await?;
            }
            Ok(list)
        })?;
        context.out.document(&list, |style| render::work(&list, style))
    }
}

//! `deskwire rule add`: one more rule.

use deskwire_api_types::{DelegationState, NewRule, Role};

use crate::{context::Context, failure::Done, parse::one_of, render};

/// Add a rule to a link: when a delegation has settled in a state, do this by itself.
///
/// Rules look at what nothing can change any more, and what they do is never told to the partner whose word set them off.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// The state that a delegation has settled in.
    #[arg(long, value_name = "STATE", value_parser = one_of::<DelegationState>(&[
        "offered", "accepted", "in-progress", "waiting", "resolved", "confirmed", "declined", "returned", "recalled",
    ]))]
    when: DelegationState,
    /// Only where this desk is this side.
    #[arg(long, value_name = "ROLE", value_parser = one_of::<Role>(&["principal", "contractor"]))]
    role: Option<Role>,
    /// Set the status of this desk's ticket.
    #[arg(long)]
    status: Option<String>,
    /// How this desk calls that status.
    #[arg(long, requires = "status")]
    label: Option<String>,
    /// Write this as an internal comment on the ticket; nobody is sent anything.
    #[arg(long, value_name = "TEXT")]
    notify: Option<String>,
    /// Confirm the delegation.
    #[arg(long)]
    confirm: bool,
    /// Resolve the delegation through which the ticket came.
    #[arg(long)]
    resolve: bool,
    /// The solution that is told upward with it.
    #[arg(long, value_name = "TEXT", requires = "resolve")]
    solution: Option<String>,
    /// Hand the partner's own solution upward with it, named or as that of a partner, as `deskwire relay set` says there.
    #[arg(long, requires = "resolve")]
    pass_solution: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire rule add kassa --when resolved --status solved --label 'Solved by partner' --notify 'Tell the client'
  deskwire rule add petrov --when resolved --role principal --confirm --resolve --pass-solution";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let Self { link, when, role, status, label, notify, confirm, resolve, solution, pass_solution } =
            self;
        let rule = NewRule { role, when, status, label, notify, confirm, resolve, solution, pass_solution };
        let rules = context.talk(async |client| client.add_rule(&link, &rule).await)?;
        context.out.document(&rules, |style| render::rules(&rules, style))
    }
}

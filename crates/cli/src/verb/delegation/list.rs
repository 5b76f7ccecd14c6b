//! `deskwire delegation list`: a page of delegations.

use deskwire_api_types::{DelegationQuery, DelegationState, DueFilter, Role};

use crate::{context::Context, failure::Done, parse::one_of, render};

const STATES: &[&str] = &[
    "offered",
    "accepted",
    "in-progress",
    "waiting",
    "resolved",
    "confirmed",
    "declined",
    "returned",
    "recalled",
];

/// List delegations, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only those in this state.
    #[arg(long, value_parser = one_of::<DelegationState>(STATES))]
    state: Option<DelegationState>,
    /// Only those in which this desk is the principal, or the contractor.
    #[arg(long, value_parser = one_of::<Role>(&["principal", "contractor"]))]
    role: Option<Role>,
    /// Only those of this link.
    #[arg(long)]
    link: Option<String>,
    /// Only those with a deadline that is near, or has passed.
    #[arg(long, value_parser = one_of::<DueFilter>(&["near", "overdue"]))]
    due: Option<DueFilter>,
    /// How many at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long, value_name = "PLACE")]
    before: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation list
  deskwire delegation list --role contractor --state offered
  deskwire delegation list --due overdue
  deskwire delegation list --link kassa --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = DelegationQuery {
            state: self.state,
            role: self.role,
            link: self.link,
            due: self.due,
            limit: self.limit,
            before: self.before,
        };
        let list = context.talk(async |client| client.delegations(&query).await)?;
        context.out.document(&list, |style| render::delegation_list(&list, style))
    }
}

//! `deskwire delegation update`: changes an offer.

use deskwire_api_types::{Action, Money, OfferUpdate, Priority, Time};

use super::target::Target;
use crate::{
    context::Context,
    failure::{self, Done},
    parse::{self, one_of},
};

/// Change what was asked for; the partner takes or declines what binds.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Title.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Description; - reads it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Category code.
    #[arg(long, value_name = "CODE")]
    category: Option<String>,
    /// Priority.
    #[arg(long, value_parser = one_of::<Priority>(&["low", "normal", "high", "urgent"]))]
    priority: Option<Priority>,
    /// When the partner has to accept or decline.
    #[arg(long, value_name = "WHEN", value_parser = parse::moment)]
    respond_by: Option<Time>,
    /// When the work has to be done.
    #[arg(long, value_name = "WHEN", value_parser = parse::moment)]
    resolve_by: Option<Time>,
    /// Company of the requester.
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Reference of the agreement.
    #[arg(long, value_name = "TEXT")]
    agreement: Option<String>,
    /// Price limit, such as '150.00 EUR'.
    #[arg(long, value_name = "AMOUNT", value_parser = parse::money)]
    price: Option<Money>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation update 3f9a2c71 --resolve-by +5d
  deskwire delegation update 3f9a2c71 --priority urgent --price '300.00 EUR'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = OfferUpdate {
            title: self.title,
            description: self.description.as_deref().map(parse::text_or_stdin).transpose()?,
            category: self.category,
            priority: self.priority,
            respond_by: self.respond_by,
            resolve_by: self.resolve_by,
            company: self.company,
            agreement: self.agreement,
            price: self.price,
            contact: None,
            object: None,
            equipment: None,
        };
        if body == OfferUpdate::default() {
            return Err(failure::usage("there is nothing to change: --help lists what can be"));
        }
        self.target.act(context, Action::Update, async |client, id| client.update(id, &body).await)
    }
}

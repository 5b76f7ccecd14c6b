//! `deskwire delegation update`: changes an offer.

use deskwire_api_types::{Action, Custom, Money, OfferUpdate, Priority, Time};

use super::target::Target;
use crate::{
    context::Context,
    failure::{self, Done},
    parse::{self, one_of},
    verb::fields::{self, EquipmentArgs, ObjectArgs, RequesterArgs},
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
    /// Reference of the agreement.
    #[arg(long, value_name = "TEXT")]
    agreement: Option<String>,
    /// Price limit, such as '150.00 EUR'.
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, value_parser = parse::money)]
    price: Option<Money>,
    /// A custom field of the terms in this desk's words, KEY=VALUE; repeat for more. All of them take the place of those
    /// that were sent before.
    #[arg(long, value_name = "KEY=VALUE", value_parser = fields::custom)]
    custom: Vec<Custom>,
    #[command(flatten)]
    requester: RequesterArgs,
    #[command(flatten)]
    object: ObjectArgs,
    #[command(flatten)]
    equipment: EquipmentArgs,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation update 3f9a2c71 --resolve-by +5d
  deskwire delegation update 3f9a2c71 --priority urgent --price '300.00 EUR'
  deskwire delegation update 3f9a2c71 --requester 'Boris Orlov' --phone '+7 900 000 00 01' --object 'Shop 14' --serial 4712";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = OfferUpdate {
            title: self.title,
            description: self.description.as_deref().map(parse::text_or_stdin).transpose()?,
            category: self.category,
            priority: self.priority,
            respond_by: self.respond_by,
            resolve_by: self.resolve_by,
            contact: self.requester.contact(),
            company: self.requester.company,
            object: self.object.object()?,
            equipment: self.equipment.equipment(),
            agreement: self.agreement,
            price: self.price,
            custom: self.custom,
        };
        if body == OfferUpdate::default() {
            return Err(failure::usage("there is nothing to change: --help lists what can be"));
        }
        self.target.act(context, Action::Update, async |client, id| client.update(id, &body).await)
    }
}

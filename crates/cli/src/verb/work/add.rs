//! `deskwire work add`: the contractor books a line of work.

use deskwire_api_types::{NewWork, Time, WorkType};

use crate::{
    context::Context,
    failure::Done,
    parse::{self, one_of},
    render,
    verb::delegation::Target,
};

/// Book a line of work. A line is never changed; if it is disputed, book another one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// What is counted.
    #[arg(value_name = "TYPE", value_parser = one_of::<WorkType>(&["time", "travel", "material", "fixed"]))]
    kind: WorkType,
    /// How many, such as 1.25.
    #[arg(allow_negative_numbers = true)]
    quantity: String,
    /// Of what: hour, km, piece, or another word.
    unit: String,
    /// Price of one; below 0 for a discount.
    #[arg(allow_negative_numbers = true)]
    price: String,
    /// What was done or used, one line.
    what: String,
    /// Currency of the price, unless the terms name one.
    #[arg(long, value_name = "EUR")]
    currency: Option<String>,
    /// Tax in per cent.
    #[arg(long, value_name = "PERCENT")]
    tax: Option<String>,
    /// When it was done; now unless given.
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    date: Option<Time>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire work add 3f9a2c71 time 1.25 hour 95.00 --currency EUR --tax 20 'Replaced the power supply'
  deskwire work add ACME-12 travel 34 km 0.42 --date 2026-10-14T09:00:00Z 'To the shop and back'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = NewWork {
            r#type: self.kind,
            quantity: self.quantity,
            unit: self.unit,
            price: self.price,
            currency: self.currency.map(|code| code.to_ascii_uppercase()),
            tax: self.tax,
            date: self.date,
            what: self.what,
        };
        let list = context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            client.add_work(&id, &body).await
        })?;
        context.out.document(&list, |style| render::work(&list, style))
    }
}

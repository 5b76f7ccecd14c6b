//! `deskwire ticket delegate`: shows what would leave, asks, and hands the ticket over.

use deskwire_api_types::{DelegateRequest, Money, Preview, Time};

use crate::{
    context::Context,
    failure::{Done, Failure},
    parse::{self, Fields},
    render,
};

/// Hand a ticket to a partner: shows what will be sent, and asks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// Local name or id of the link.
    link: String,
    /// Optional fields to send: all that the terms allow, none, or names with commas between.
    #[arg(long, value_name = "FIELDS", value_parser = parse::fields)]
    fields: Option<Fields>,
    /// Words for the partner, put before the description.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Another title than the ticket's.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Another description than the ticket's, or - to read it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Id of a file of the ticket to send along; may be repeated.
    #[arg(long = "file", value_name = "ID")]
    files: Vec<String>,
    /// When the partner has to accept or decline.
    #[arg(long, value_name = "WHEN", value_parser = parse::moment)]
    respond_by: Option<Time>,
    /// When the work has to be done.
    #[arg(long, value_name = "WHEN", value_parser = parse::moment)]
    resolve_by: Option<Time>,
    /// How much of an inherited deadline stays with this desk, such as 4h.
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true, value_parser = parse::span)]
    reserve: Option<u64>,
    /// Price limit, such as '150.00 EUR'.
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, value_parser = parse::money)]
    price: Option<Money>,
    /// Mark it as a trial that nobody should travel for.
    #[arg(long)]
    test: bool,
    /// Hand it over although a recall of this ticket is not settled yet, or the partner has it already: the work may then be
    /// done twice.
    #[arg(long)]
    anyway: bool,
    /// Send it without asking.
    #[arg(short, long, conflicts_with = "preview")]
    yes: bool,
    /// Only show what would be sent.
    #[arg(long)]
    preview: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket delegate ACME-12 kassa
  deskwire ticket delegate ACME-12 kassa --fields object,equipment --resolve-by +2d --yes
  deskwire ticket delegate ACME-12 kassa --preview --json";

const OTHERWISE: &str = "nobody can be asked here: --preview shows what would be sent, --yes sends it";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let (only_preview, yes, number) = (self.preview, self.yes, self.number.clone());
        let mut request = self.request()?;
        if only_preview {
            let preview = preview(context, &number, &request)?;
            return context.out.document(&preview, |style| render::preview(&preview, style));
        }
        if !(yes && context.out.is_json()) {
            let preview = preview(context, &number, &request)?;
            context.out.aside(|style| render::preview(&preview, style));
            let question = format!("\nSend this to {}?", preview.to.name);
            if !yes && !context.out.ask(&question, OTHERWISE)? {
                context.out.note("Nothing was sent.");
                return Ok(());
            }
            as_read(&mut request, &preview);
        }
        let delegation = context.talk(async |client| client.delegate(&number, &request).await)?;
        context.out.document(&delegation, |style| render::delegation_brief(&delegation, style))
    }

    fn request(self) -> Result<DelegateRequest, Failure> {
        let fields = match self.fields {
            None | Some(Fields::All) => None,
            Some(Fields::These(fields)) => Some(fields),
        };
        Ok(DelegateRequest {
            link: self.link,
            fields,
            title: self.title,
            description: self.description.as_deref().map(parse::text_or_stdin).transpose()?,
            note: self.note,
            files: self.files,
            respond_by: self.respond_by,
            resolve_by: self.resolve_by,
            reserve: self.reserve,
            price: self.price,
            test: self.test,
            anyway: self.anyway,
        })
    }
}

/// The deadlines that the person has read are those that are sent, however long the reading took; but for one that has
/// passed, such as this desk's own that it is late with: nobody can ask for that, and it is found anew.
fn as_read(request: &mut DelegateRequest, preview: &Preview) {
    let shown = |field: &str| {
        let line = preview.will_send.iter().find(|line| line.field == field)?;
        let time = serde_json::from_value::<Time>(serde_json::Value::String(line.value.clone())).ok()?;
        parse::moment("+0s").is_ok_and(|now| time.millis() > now.millis()).then_some(time)
    };
    request.respond_by = shown("deadline.respond").or(request.respond_by);
    request.resolve_by = shown("deadline.resolve").or(request.resolve_by);
}

fn preview(context: &Context, number: &str, request: &DelegateRequest) -> Result<Preview, Failure> {
    context.talk(async |client| client.preview(number, request).await)
}

#[cfg(test)]
mod tests {
    //! A deadline that is not the one that somebody has agreed to is a promise that nobody made.
    use super::*;
    use crate::render::samples;

    #[test]
    fn the_deadlines_that_were_read_are_sent() {
        let line = |field: &str, value: &str| deskwire_api_types::FieldValue {
            field: field.into(),
            value: value.into(),
        };
        let preview = Preview {
            to: samples::link().partner,
            link: "kassa".into(),
            verified: true,
            will_send: vec![
                line("title", "x"),
                line("deadline.respond", "2026-07-01T09:30:00Z"),
                line("deadline.resolve", "2126-07-01T09:30:00.513Z"),
            ],
            files: Vec::new(),
            will_not_send: Vec::new(),
        };
        let mut request = DelegateRequest { link: "kassa".into(), ..DelegateRequest::default() };
        as_read(&mut request, &preview);
        assert_eq!(request.respond_by, None, "it has passed");
        assert_eq!(
            request.resolve_by.map(|time| time.to_string()).as_deref(),
            Some("2126-07-01T09:30:00.513Z")
        );
    }
}

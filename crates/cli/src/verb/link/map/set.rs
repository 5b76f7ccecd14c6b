//! `deskwire link map set`: one pair of words.

use deskwire_api_types::{LinkMapping, MappedCode, MappedField, MappedPriority, MappedStatus, Priority};

use crate::{
    context::Context,
    failure::{self, Done},
    render,
};

/// Set one word of this desk and what it is on the link; without a word behind `=` it is taken away.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// What kind of word.
    #[arg(value_parser = ["status", "priority", "category", "field"])]
    what: String,
    /// This desk's word and the link's.
    #[arg(value_name = "OWN=LINK")]
    pair: String,
    /// For a status: how the partner is told to call it. It keeps that for good, so name nobody.
    #[arg(long)]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link map set kassa status in-workshop=in-progress --label 'In the workshop'
  deskwire link map set kassa priority urgent=high
  deskwire link map set kassa field cost-centre=account
  deskwire link map set kassa category tills=";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let (own, link) = self
            .pair
            .split_once('=')
            .map(|(own, link)| {
                (own.trim().to_owned(), Some(link.trim().to_owned()).filter(|link| !link.is_empty()))
            })
            .ok_or_else(|| failure::usage("write the pair as OWN=LINK"))?;
        let mut mapping = context.talk(async |client| client.link_mapping(&self.link).await)?;
        match self.what.as_str() {
            "status" => set_status(&mut mapping, own, link, self.label),
            "priority" => {
                set_priority(&mut mapping, &own, link.as_deref()).map_err(|words| failure::usage(&words))?
            }
            "category" => set_category(&mut mapping, own, link),
            _ => set_field(&mut mapping, own, link),
        }
        let mapping = context.talk(async |client| client.set_link_mapping(&self.link, &mapping).await)?;
        context.out.document(&mapping, |style| render::link_mapping(&mapping, style))
    }
}

fn set_status(mapping: &mut LinkMapping, own: String, link: Option<String>, label: Option<String>) {
    mapping.statuses.retain(|pair| pair.own != own);
    mapping.statuses.extend(link.map(|link| MappedStatus { own, link, label }));
}

fn set_category(mapping: &mut LinkMapping, own: String, link: Option<String>) {
    mapping.categories.retain(|pair| pair.own != own);
    mapping.categories.extend(link.map(|link| MappedCode { own, link }));
}

fn set_field(mapping: &mut LinkMapping, own: String, link: Option<String>) {
    let values = mapping.custom.iter().find(|field| field.own == own).map(|field| field.values.clone());
    mapping.custom.retain(|field| field.own != own);
    mapping.custom.extend(link.map(|link| MappedField { own, link, values: values.unwrap_or_default() }));
}

fn set_priority(mapping: &mut LinkMapping, own: &str, link: Option<&str>) -> Result<(), String> {
    let read = |word: &str| -> Result<Priority, String> {
        serde_json::from_value(serde_json::Value::from(word))
            .map_err(|_| format!("“{word}” is no priority: low, normal, high or urgent"))
    };
    let own = read(own)?;
    mapping.priorities.retain(|pair| pair.own != own);
    if let Some(link) = link {
        mapping.priorities.push(MappedPriority { own, link: read(link)? });
    }
    Ok(())
}

//! Whom a comment or a file is for: from what was typed to an audience, and said before it is sent.

use deskwire_api_types::{Audience, Delegation, DelegationState, TicketDetail};
use deskwire_client::Client;

use crate::{
    failure::{self, Failure},
    render::short,
};

/// Whom it is for.
#[derive(Debug, clap::Args)]
pub(crate) struct To {
    /// Who may read it: internal, requester, thread, or a partner's name, link or delegation; internal unless given.
    #[arg(long, value_name = "WHO", value_delimiter = ',')]
    to: Vec<String>,
}

impl To {
    /// The audience, without a word.
    pub(crate) async fn audience(&self, client: &Client, number: &str) -> Result<Audience, Failure> {
        let fixed = match self.to.as_slice() {
            [] => Some(Audience::Internal),
            [one] => one.parse::<Audience>().ok(),
            _ => None,
        };
        match fixed {
            Some(audience) => Ok(audience),
            None => chosen(&self.to, &client.ticket(number).await?),
        }
    }

    /// The audience and, when it is not internal, whom that means: to be said once it is done, as it may be refused.
    pub(crate) async fn announced(
        &self,
        client: &Client,
        number: &str,
    ) -> Result<(Audience, Option<String>), Failure> {
        let fixed = match self.to.as_slice() {
            [] => Some(Audience::Internal),
            [one] => one.parse::<Audience>().ok(),
            _ => None,
        };
        match fixed {
            Some(audience @ Audience::Internal) => return Ok((audience, None)),
            Some(audience @ Audience::Requester) => {
                return Ok((audience, Some("This goes to the requester.".to_owned())));
            }
            Some(_) | None => {}
        }
        let detail = client.ticket(number).await?;
        let audience = match fixed {
            Some(audience) => audience,
            None => chosen(&self.to, &detail)?,
        };
        let words = announcement(&audience, &detail);
        Ok((audience, Some(words)))
    }
}

/// The delegations that were named.
fn chosen(names: &[String], detail: &TicketDetail) -> Result<Audience, Failure> {
    let mut ids = Vec::new();
    for name in names {
        if name.parse::<Audience>().is_ok() {
            return Err(failure::usage(format!("“{name}” cannot be combined with other names in --to")));
        }
        let found = find(name, &detail.delegations)?;
        if !ids.contains(&found.id) {
            ids.push(found.id.clone());
        }
    }
    Ok(Audience::Delegations { ids })
}

/// The one delegation that a name means: open ones go before ended ones.
fn find<'a>(name: &str, delegations: &'a [Delegation]) -> Result<&'a Delegation, Failure> {
    let wanted = name.trim().to_lowercase();
    let matches = |delegation: &&Delegation| {
        delegation.link.to_lowercase() == wanted
            || delegation.partner.name.to_lowercase() == wanted
            || (wanted.len() >= 4 && delegation.id.starts_with(&wanted))
    };
    let found: Vec<_> = delegations.iter().filter(matches).collect();
    let open: Vec<_> = found.iter().copied().filter(|delegation| is_open(delegation)).collect();
    match (found.as_slice(), open.as_slice()) {
        (_, [one]) | ([one], []) => Ok(one),
        ([], _) => Err(failure::usage(unknown(name, delegations))),
        _ => {
            let ids: Vec<_> = found.iter().map(|delegation| short(&delegation.id)).collect();
            Err(failure::usage(format!(
                "“{name}” has several delegations of this ticket: name one of {}",
                ids.join(", ")
            )))
        }
    }
}

fn unknown(name: &str, delegations: &[Delegation]) -> String {
    if delegations.is_empty() {
        return format!(
            "this ticket has no partner, so “{name}” cannot read it: --to takes internal, requester or thread here"
        );
    }
    let names: Vec<_> = delegations.iter().map(|delegation| delegation.link.as_str()).collect();
    format!(
        "“{name}” is no partner of this ticket: --to takes internal, requester, thread, or {}",
        names.join(", ")
    )
}

fn is_open(delegation: &Delegation) -> bool {
    match delegation.state {
        DelegationState::Offered
        | DelegationState::Accepted
        | DelegationState::InProgress
        | DelegationState::Waiting
        | DelegationState::Resolved => true,
        DelegationState::Confirmed
        | DelegationState::Declined
        | DelegationState::Returned
        | DelegationState::Recalled => false,
    }
}

/// Who will read it, in a sentence.
fn announcement(audience: &Audience, detail: &TicketDetail) -> String {
    let named = |wanted: &dyn Fn(&Delegation) -> bool| {
        let mut names: Vec<&str> = detail
            .delegations
            .iter()
            .filter(|delegation| wanted(delegation))
            .map(|one| one.partner.name.as_str())
            .collect();
        names.dedup();
        names.join(", ")
    };
    match audience {
        Audience::Internal => "This stays on this desk.".to_owned(),
        Audience::Requester => "This goes to the requester.".to_owned(),
        Audience::Delegations { ids } => {
            format!("This leaves your desk, to {}.", named(&|delegation| ids.contains(&delegation.id)))
        }
        Audience::Thread => {
            let names = named(&is_open);
            if names.is_empty() {
                "This is for all partners of the ticket; it has none yet.".to_owned()
            } else {
                format!(
                    "This leaves your desk, to all partners of the ticket: {names}, and whom they relay it to."
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! If these failed, something would be read by a partner whom nobody meant.
    use super::*;
    use crate::render::samples;

    fn case(partners: &[(&str, &str, DelegationState)]) -> TicketDetail {
        let mut detail = samples::ticket_detail();
        detail.delegations = partners
            .iter()
            .map(|(id, link, state)| {
                let mut delegation = samples::delegation();
                delegation.id = format!("{id}00000000000000000000000000");
                delegation.link = (*link).to_owned();
                delegation.partner.name = format!("{link} GmbH");
                delegation.state = *state;
                delegation
            })
            .collect();
        detail
    }

    fn ids(names: &[&str], detail: &TicketDetail) -> Result<Vec<String>, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        match chosen(&names, detail) {
            Ok(Audience::Delegations { ids }) => Ok(ids.iter().map(|id| id[..6].to_owned()).collect()),
            Ok(other) => Err(other.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_partner_is_found_by_link_name_or_beginning_of_the_delegation() {
        let detail = case(&[
            ("aaaaaa", "Kassa", DelegationState::Accepted),
            ("bbbbbb", "Shop", DelegationState::Accepted),
        ]);
        assert_eq!(ids(&["kassa"], &detail), Ok(vec!["aaaaaa".into()]));
        assert_eq!(ids(&["shop gmbh"], &detail), Ok(vec!["bbbbbb".into()]));
        assert_eq!(ids(&["bbbb", "kassa", "shop"], &detail), Ok(vec!["bbbbbb".into(), "aaaaaa".into()]));
    }

    #[test]
    fn an_open_delegation_goes_before_an_ended_one_and_two_open_ones_are_asked_about() {
        let ended = ("aaaaaa", "kassa", DelegationState::Declined);
        let open = ("bbbbbb", "kassa", DelegationState::Offered);
        let other = ("cccccc", "kassa", DelegationState::Waiting);
        assert_eq!(ids(&["kassa"], &case(&[ended, open])), Ok(vec!["bbbbbb".into()]));
        assert_eq!(ids(&["kassa"], &case(&[ended])), Ok(vec!["aaaaaa".into()]));
        assert!(ids(&["kassa"], &case(&[ended, open, other])).unwrap_err().contains("cccccc"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_right_ones_and_a_mixture_is_refused() {
        let detail = case(&[("aaaaaa", "kassa", DelegationState::Accepted)]);
        assert!(ids(&["kasa"], &detail).unwrap_err().contains("kassa"));
        assert!(ids(&["kassa", "internal"], &detail).unwrap_err().contains("internal"));
        assert!(ids(&["kassa"], &case(&[])).unwrap_err().contains("no partner"));
    }

    #[test]
    fn everybody_who_will_read_it_is_named_before_it_is_sent() {
        let detail = case(&[
            ("aaaaaa", "Kassa", DelegationState::Accepted),
            ("bbbbbb", "Shop", DelegationState::Declined),
        ]);
        let words = announcement(&Audience::Thread, &detail);
        assert!(words.contains("Kassa GmbH") && !words.contains("Shop"), "{words}");
        let chosen = Audience::Delegations { ids: vec![detail.delegations[1].id.clone()] };
        assert_eq!(announcement(&chosen, &detail), "This leaves your desk, to Shop GmbH.");
    }
}

//! Documents for tests.

use deskwire_api_types::*;

/// 2026-07-01 09:30Z.
pub(crate) fn noon() -> Time {
    Time::from_millis(1_782_898_200_000)
}

/// An active link with something to send.
pub(crate) fn link() -> Link {
    let six = |word: &str| vec![word.to_owned(); 6];
    Link {
        id: Some("ab".repeat(32)),
        name: "kassa".into(),
        partner: PartnerDesk {
            id: "AAAA111-BBBB222".into(),
            id_hex: "cd".repeat(32),
            name: "Kassa GmbH".into(),
            endpoints: vec!["https://127.0.0.1:8443".into()],
        },
        state: LinkState::Active,
        verified: false,
        words: Some(Words {
            en: six("apple"),
            ru: six("яблоко"),
            de: six("apfel"),
            digits: "01234567890123456789".into(),
        }),
        terms: Terms {
            version: 1,
            principals: vec![Side::Inviter],
            fields: vec![FieldName::Contact, FieldName::Object],
            person: PersonTerm::Name,
            redelegate: Redelegate::Allowed,
            file: 25 << 20,
        },
        side: Side::Inviter,
        out: Outgoing { waiting: 1, unacknowledged: 2, length: 14, acknowledged: 12 },
        incoming: Incoming { length: 9 },
        created: noon(),
        last_contact: Some(noon()),
        last_error: None,
        next_attempt: None,
        partner_fetches: false,
        last_asked: None,
        fetches: false,
        health: Some(LinkHealth {
            state: HealthState::Late,
            parked: 2,
            oldest: Some(noon()),
            not_delivered_since: Some(noon()),
            oldest_parked: Some(noon()),
            failures: 7,
            clock_ahead_ms: Some(600_000),
            clock: Some("10 minutes ahead".into()),
            partner_started: Some(noon()),
            partner_instances: 3,
        }),
        suspended: Vec::new(),
        ends: Vec::new(),
        closing: false,
        events: Vec::new(),
    }
}

/// A delegation to Kassa, accepted.
pub(crate) fn delegation() -> Delegation {
    Delegation {
        id: "3f9a2c7100000000000000000000abcd".into(),
        role: Role::Principal,
        link: "kassa".into(),
        state: DelegationState::Accepted,
        settled_state: DelegationState::Accepted,
        provisional: false,
        waiting_for: None,
        turn: Turn::Partner,
        own: OwnSide { ticket: "ACME-12".into(), status: Some("open".into()), label: None },
        partner: PartnerSide {
            name: "Kassa GmbH".into(),
            desk: "AAAA111-BBBB222".into(),
            ticket: Some("KAS-7".into()),
            status: Some("open".into()),
            label: Some("in our queue".into()),
            here: None,
        },
        offer: OfferFields { title: Some("Cash register is dead".into()), ..OfferFields::default() },
        version: 1,
        reading: None,
        change: None,
        changes: vec![],
        left_out: vec![],
        question: None,
        confirms: None,
        actions: vec![Action::Recall, Action::Update],
        created: noon(),
        updated: noon(),
        undelivered: None,
        work: None,
        due: None,
        clock: None,
        timeline: vec![],
    }
}

/// An event of the partner.
pub(crate) fn event(kind: &str, effect: Effect) -> TimelineEvent {
    TimelineEvent {
        item: "ee".repeat(16),
        kind: kind.into(),
        from: Role::Contractor,
        by: Some(Person { name: Some("Ivan".into()), function: None }),
        time: noon(),
        counted: None,
        effect,
        code: None,
        words: None,
        reason: None,
        state: None,
    }
}

/// A ticket with a comment of each audience.
pub(crate) fn ticket_detail() -> TicketDetail {
    let comment = |id: &str, audience: Audience, body: &str| {
        ThreadEntry::Comment(Comment {
            id: id.repeat(16),
            ticket: "ACME-12".into(),
            time: noon(),
            by: Some(Person { name: Some("Anna".into()), function: None }),
            partner: None,
            delegation: None,
            audience,
            body: Some(body.into()),
            edited: None,
            retracted: false,
            withdrawn: false,
            relayed: None,
            history: vec![],
            retraction: None,
            relays: vec![],
            deliveries: vec![],
            no_effect: None,
        })
    };
    TicketDetail {
        ticket: Ticket {
            number: "ACME-12".into(),
            title: "Cash register is dead".into(),
            description: Some("It beeps three times.\nThen nothing.".into()),
            category: None,
            priority: Priority::High,
            status: "open".into(),
            label: None,
            requester: Some(Contact {
                name: "Olga".into(),
                phone: Some("+7 900".into()),
                ..Contact::default()
            }),
            company: None,
            object: None,
            equipment: None,
            agreement: None,
            custom: vec![],
            unmapped: vec![],
            due: None,
            next_due: None,
            created: noon(),
            updated: noon(),
            by: None,
            origin: None,
            origin_partner: None,
            handed: None,
        },
        thread: vec![
            comment("c1", Audience::Internal, "The client is angry"),
            comment("c2", Audience::Thread, "We look at it"),
        ],
        delegations: vec![delegation()],
        untold: vec![],
    }
}

//! What a person sees: that it says what happened, that a partner's text cannot deceive, and that columns stand.

use deskwire_api_types::*;
use deskwire_client::Error;

use super::*;

const PLAIN: fn() -> Style = || Style::new(false);

#[test]
fn a_partners_text_cannot_move_the_cursor_or_turn_the_reading_order() {
    let evil = "a\x1b[2Jb\rc\u{8}d\u{202e}e\u{9b}1m\tf\n";
    assert_eq!(visible(evil, PLAIN()), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}1m\tf\n");
    let style = Style::new(true);
    let own = style.bold("x");
    assert_eq!(visible(&format!("{own}\x1b]0;title\x07"), style), format!("{own}\u{fffd}]0;title\u{fffd}"));
    assert_eq!(visible(&own, PLAIN()), "\u{fffd}[1mx\u{fffd}[0m");
}

#[test]
fn columns_stand_whatever_the_language_and_with_colours() {
    let table = |style: Style| {
        let mut table = Table::new(&["NAME", "STATE"], style);
        table.row([style.bold("касса"), style.green("active")]);
        table.row(["x\ny".to_owned(), String::new()]);
        table.render("nothing")
    };
    assert_eq!(table(PLAIN()), "NAME   STATE\nкасса  active\nx y\n");
    let mut coloured = table(Style::new(true));
    for sequence in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m"] {
        assert!(coloured.contains(sequence));
        coloured = coloured.replace(sequence, "");
    }
    assert_eq!(coloured, table(PLAIN()));
    assert_eq!(Table::new(&["NAME"], PLAIN()).render("No links."), "No links.\n");
}

#[test]
fn long_values_stay_in_their_column() {
    let text = Fields::default().put("a", "one\ntwo").maybe("bcd", Some("three")).maybe("e", None::<String>);
    assert_eq!(text.render(PLAIN()), "  a    one\n       two\n  bcd  three\n");
}

#[test]
fn sizes_and_times_read_well() {
    assert_eq!(bytes(0), "0 bytes");
    assert_eq!(bytes(1023), "1023 bytes");
    assert_eq!(bytes(1024), "1.0 KiB");
    assert_eq!(bytes(20 << 20), "20.0 MiB");
    assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
    assert_eq!(when(samples::noon()), "2026-07-01 09:30Z");
    assert_eq!(short("äöüß"), "äöüß");
}

#[test]
fn a_failure_says_what_to_do_and_carries_its_code() {
    let mut problem =
        Problem::new(413, "file-too-large", "File too large", "The file has 30 MiB; 25 MiB are allowed.");
    problem = problem.with_next("Split it.").with_extra("limit", 26_214_400);
    problem.request_id = Some("r1".into());
    problem.retry_after = Some(7);
    assert_eq!(
        failure(&Error::Refused(Box::new(problem)), PLAIN()),
        "error: The file has 30 MiB; 25 MiB are allowed.\n  Split it.\n  The limit is 25.0 MiB.\n  Try again in 7 s.\n  (file-too-large, request r1)\n"
    );
    let cut = Error::Unreachable {
        url: "u".into(),
        words: "it broke off".into(),
        connected: true,
        key: Some("k1".into()),
    };
    assert!(failure(&cut, PLAIN()).contains("--key k1"));
}

#[test]
fn a_link_that_nobody_compared_shows_the_words_and_the_next_step() {
    let mut link = samples::link();
    let text = super::link(&link, PLAIN());
    for part in [
        "apple apple",
        "яблоко",
        "01234567890123456789",
        "link verify kassa",
        "this desk may delegate",
        "25.0 MiB",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("1 waiting, 2 not acknowledged yet"), "{text}");
    for part in [
        "health              late\n",
        "oldest to send      not delivered since 2026-07-01 09:30Z\n",
        "send again with `deskwire queue retry --link kassa --parked`\n",
        "failed              7 tries in a row\n",
        "clock               the partner's is 10 minutes ahead of ours: set the wrong one\n",
        "partner runs since  2026-07-01 09:30Z\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    link.verified = true;
    assert!(!super::link(&link, PLAIN()).contains("apple"));
    link.state = LinkState::WaitingApproval;
    assert!(super::link(&link, PLAIN()).contains("deskwire link approve kassa"));
}

#[test]
fn a_list_of_links_says_below_what_is_wrong() {
    let mut link = samples::link();
    link.last_error =
        Some(Trouble { code: "tls-key-wrong".into(), words: "It shows another key.".into(), at: None });
    let text = link_list(&LinkList { links: vec![link] }, PLAIN());
    assert_eq!(
        text,
        "NAME   PARTNER     STATE   HEALTH  WORDS         TO SEND  LAST CONTACT\n\
         kassa  Kassa GmbH  active  late    not compared  3        2026-07-01 09:30Z\n\
         ! kassa: It shows another key. (tls-key-wrong)\n"
    );
}

#[test]
fn a_ticket_shows_whom_each_entry_of_its_thread_is_for() {
    let text = ticket(&samples::ticket_detail(), PLAIN());
    assert_eq!(
        text,
        "ACME-12  Cash register is dead\n  \
           status     open\n  \
           priority   high\n  \
           requester  Olga, +7 900\n  \
           opened     2026-07-01 09:30Z by somebody\n\
         \n  It beeps three times.\n  Then nothing.\n\
         \nDELEGATIONS\n  \
           3f9a2c71  to Kassa GmbH, their KAS-7 “in our queue”  accepted  their turn\n\
         \nTHREAD\n  \
           2026-07-01 09:30Z  Anna  internal  c1c1c1c1\n    The client is angry\n  \
           2026-07-01 09:30Z  Anna  to all partners  c2c2c2c2\n    We look at it\n"
    );
}

#[test]
fn a_refusal_by_the_partner_stands_at_the_comment_that_caused_it() {
    let mut detail = samples::ticket_detail();
    let ThreadEntry::Comment(comment) = &mut detail.thread[1] else { panic!() };
    comment.deliveries = vec![Delivery {
        delegation: "3f".into(),
        partner: "Kassa GmbH".into(),
        state: DeliveryState::Refused,
        item: None,
        not_delivered_since: None,
        code: Some("case-closed".into()),
        words: Some("This case has ended.".into()),
        at: None,
    }];
    let text = ticket(&detail, PLAIN());
    assert!(text.contains("    refused by Kassa GmbH: This case has ended. (case-closed)\n"), "{text}");
}

#[test]
fn what_is_parked_says_how_it_is_sent_again() {
    let mut detail = samples::ticket_detail();
    let ThreadEntry::Comment(comment) = &mut detail.thread[1] else { panic!() };
    comment.deliveries = vec![Delivery {
        delegation: "3f".into(),
        partner: "Kassa GmbH".into(),
        state: DeliveryState::Parked,
        item: Some("ab12cd34ef".into()),
        not_delivered_since: Some(samples::noon()),
        code: Some("dead-letter".into()),
        words: Some("It was given up.".into()),
        at: None,
    }];
    let text = ticket(&detail, PLAIN());
    let expected = "parked on its way to Kassa GmbH; not delivered since 2026-07-01 09:30Z. It was given up. (dead-letter): \
                    deskwire queue retry ab12cd34\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_queue_shows_what_waits_and_why_something_is_parked() {
    let item = |state, seq, words: Option<&str>| QueueItem {
        item: "ab12cd34ef".into(),
        link: "kassa".into(),
        partner: "Kassa GmbH".into(),
        state,
        seq,
        kind: "comment.add".into(),
        ticket: Some("ACME-12".into()),
        delegation: None,
        since: samples::noon(),
        late: true,
        dead: words.is_some(),
        code: words.map(|_| "dead-letter".into()),
        words: words.map(str::to_owned),
    };
    let items = vec![
        item(QueueState::Sent, Some(7), None),
        item(QueueState::Waiting, None, None),
        item(QueueState::Parked, None, Some("It was given up.")),
    ];
    let text = queue_list(&QueueList { items, after: Some("1-2-3".into()) }, PLAIN());
    for part in [
        "sent as 7",
        "waiting",
        "parked, given up",
        "! ab12cd34\n  It was given up.\n",
        "More: --after 1-2-3",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let empty = queue_list(&QueueList { items: Vec::new(), after: None }, PLAIN());
    assert!(empty.contains("everything has been delivered"), "{empty}");
}

#[test]
fn a_delegation_shows_both_sides_and_what_was_superseded() {
    let mut delegation = samples::delegation();
    delegation.provisional = true;
    delegation.state = DelegationState::Recalled;
    let mut late = samples::event("delegation.recall", Effect::Superseded);
    late.from = Role::Principal;
    late.reason = Some("The client fixed it".into());
    late.words = Some("The partner had resolved it before.".into());
    late.code = Some("too-late".into());
    delegation.timeline = vec![samples::event("delegation.resolve", Effect::Applied), late];
    delegation.undelivered = Some(Undelivered { items: 2, since: samples::noon(), late: true, parked: 1 });
    let text = super::delegation(&delegation, PLAIN());
    for part in [
        "ACME-12  open",
        "KAS-7  open  “in our queue”",
        "recalled (the partner has not answered)",
        "2026-07-01 09:30Z  delegation.resolve  Ivan of Kassa GmbH\n",
        "2026-07-01 09:30Z  delegation.recall  Ivan  superseded\n    The client fixed it\n    The partner had resolved it before. (too-late)",
        "2 items, not delivered since 2026-07-01 09:30Z, 1 of them parked: see `deskwire queue list`",
        "recall, update",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// A time that does not count, alone on the screen, would be quoted in a quarrel; so would one without the other.
#[test]
fn claimed_and_counted_time_stand_beside_each_other_where_they_differ() {
    let mut delegation = samples::delegation();
    let mut event = samples::event("delegation.accept", Effect::Applied);
    let counted =
        |at| CountedTime { at, basis: "beyond-tolerance".into(), committed: None, provisional: false };
    event.counted = Some(counted(samples::noon()));
    delegation.timeline = vec![event.clone()];
    assert!(!super::delegation(&delegation, PLAIN()).contains("counted"), "they are the same");
    event.counted = Some(counted(Time::from_millis(samples::noon().millis() + 3_600_000)));
    delegation.timeline = vec![event];
    let text = super::delegation(&delegation, PLAIN());
    let both = "2026-07-01 09:30Z  delegation.accept  Ivan of Kassa GmbH   (counted 2026-07-01 10:30:00Z, claimed 2026-07-01 \
                09:30:00Z, longer ago than the tolerance of the terms)";
    assert!(text.contains(both), "{both} in {text}");
}

/// What left a moment ago is no trouble yet.
#[test]
fn what_is_on_its_way_is_not_called_undelivered() {
    let mut delegation = samples::delegation();
    delegation.undelivered = Some(Undelivered { items: 1, since: samples::noon(), late: false, parked: 0 });
    let text = super::delegation(&delegation, PLAIN());
    assert!(text.contains("1 item on the way") && !text.contains("not delivered"), "{text}");
}

/// Terms that only a program can read are agreed unread.
#[test]
fn terms_are_shown_in_words() {
    let members = serde_json::json!({
        "fields": ["status"], "file": 1_073_741_824, "person": "name", "principals": ["inviter"],
        "redelegate": "allowed", "auto-confirm": 120_000, "tolerance": 900_000, "retention": 400,
        "deadlines": [{"priority": "urgent", "respond": 1_800_000, "resolve": 14_400_000}],
    });
    let terms = LinkTerms {
        link: "kassa".into(),
        version: 2,
        since: None,
        terms: serde_json::from_value(members).unwrap(),
        ours: None,
        theirs: None,
        before: vec![1],
        takes_calendars: false,
    };
    let text = link_terms(&terms, PLAIN());
    for words in ["1 GiB", "2 min", "15 min", "urgent: answer in 30 min, done in 4 h", "400 days"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

/// Nobody ends a link without reading what stays behind.
#[test]
fn the_end_of_a_link_names_what_it_leaves() {
    let nothing = LinkLeftOpen { link: "kassa".into(), ..LinkLeftOpen::default() };
    assert!(left_open(&nothing, PLAIN()).starts_with("Nothing is open on the link kassa"));
    let left = LinkLeftOpen {
        open: 2,
        delegations: vec![OpenDelegation {
            id: "ab".repeat(16),
            role: Role::Principal,
            ticket: "ACME-12".into(),
            state: DelegationState::Accepted,
        }],
        unsettled: vec![UnsettledWork {
            currency: "EUR".into(),
            lines: 3,
            sum: "95.00".into(),
            open: "20.00".into(),
            approved: "75.00".into(),
            disputed: "0.00".into(),
        }],
        ..nothing
    };
    let text = left_open(&left, PLAIN());
    for words in
        ["2 cases are open", "ACME-12", "and 1 more", "95.00 EUR in 3 lines of work", "75.00 approved"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
}

/// A deadline of the samples: it was due at noon, two hours later than the principal had said.
fn due(kind: DueKind, state: DueState) -> Due {
    Due {
        kind,
        said: Time::from_millis(1_782_891_000_000),
        at: samples::noon(),
        moved: 7_200_000,
        stands: false,
        warn: Time::from_millis(1_782_894_600_000),
        state,
        by: Some(Role::Contractor),
        done: None,
    }
}

#[test]
fn lists_of_tickets_and_delegations_say_what_is_due() {
    let mut ticket = samples::ticket_detail().ticket;
    ticket.next_due = Some(due(DueKind::Resolve, DueState::Overdue));
    ticket.origin_partner = Some("Shop".into());
    assert_eq!(
        ticket_list(&TicketList { tickets: vec![ticket], before: Some(11) }, PLAIN()),
        "NUMBER   STATUS  PRIORITY  UPDATED            DUE                        FROM  HANDED OUT  TITLE\n\
         ACME-12  open    high      2026-07-01 09:30Z  2026-07-01 09:30Z overdue  Shop              Cash register is dead\n\
         More: --before 11\n"
    );
    let mut delegation = samples::delegation();
    delegation.due = Some(due(DueKind::Respond, DueState::Near));
    let list = DelegationList { delegations: vec![delegation], before: None };
    assert_eq!(
        delegation_list(&list, PLAIN()),
        "ID            PARTNER     STATE     TURN        DUE                     OURS     THEIRS  TITLE\n\
         3f9a2c71  to  Kassa GmbH  accepted  their turn  2026-07-01 09:30Z soon  ACME-12  KAS-7   Cash register is dead\n"
    );
}

/// Whoever opens a case sees that it is late, or soon will be, without looking at each of its delegations.
#[test]
fn a_ticket_says_that_it_is_late_and_that_it_soon_will_be() {
    let mut detail = samples::ticket_detail();
    assert!(!ticket(&detail, PLAIN()).contains("deadline"));
    for (kind, state, words) in [
        (DueKind::Respond, DueState::Near, "to respond by 2026-07-01 09:30Z, moved by 2h 00m, soon"),
        (
            DueKind::Resolve,
            DueState::Overdue,
            "to resolve by 2026-07-01 09:30Z, moved by 2h 00m, passed in the hands of the contractor",
        ),
    ] {
        detail.ticket.next_due = Some(due(kind, state));
        let shown = ticket(&detail, PLAIN());
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn a_case_shows_whose_time_it_took_and_who_let_a_deadline_pass() {
    let mut delegation = samples::delegation();
    let time = ClockSplit {
        contractor: 3_900_000,
        offered: 300_000,
        principal: 40_000,
        waiting: 40_000,
        ..ClockSplit::default()
    };
    delegation.clock = Some(DelegationClock {
        time,
        wall: ClockSplit { contractor: 97_200_000, ..time },
        respond: Some(due(DueKind::Respond, DueState::Met)),
        resolve: Some(due(DueKind::Resolve, DueState::Breached)),
        breaches: vec![Breach { kind: DueKind::Resolve, at: samples::noon(), by: Role::Contractor }],
        provisional: true,
        hops: vec![ChainHop {
            alias: "A".into(),
            state: "accepted".into(),
            held: 3_600_000,
            waited: 0,
            breaches: 1,
            stars: Some(4),
        }],
        reported_at: Some(samples::noon()),
    });
    let text = super::delegation(&delegation, PLAIN());
    for part in [
        "\nCLOCK\n  respond      2026-07-01 09:30Z, moved by 2h 00m, met\n",
        "  resolve      2026-07-01 09:30Z, moved by 2h 00m, passed in the hands of the contractor\n",
        "  contractor   1h 05m, of it 5m to answer\n",
        "  principal    40s, of it 40s asked\n",
        "  on the wall  1d 03h and 40s\n",
        "  breach       not resolved by 2026-07-01 09:30Z, in the hands of the contractor\n",
        "  not everything of this is settled yet\n",
        "\nCHAIN as of 2026-07-01 09:30Z\nDESK  STATE     IN HAND  WAITED  BREACHES  RATING\nA     accepted  1h 00m   0s      1         4/5\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_preview_says_what_leaves_and_why_the_rest_stays() {
    let preview = Preview {
        to: samples::link().partner,
        link: "kassa".into(),
        verified: false,
        will_send: vec![FieldValue { field: "title".into(), value: "Cash register is dead".into() }],
        files: vec![PreviewFile { id: "f".into(), name: "photo.jpg".into(), size: 2048 }],
        will_not_send: vec![
            Withheld { field: "contact".into(), reason: WithheldReason::NotInTerms, words: None },
            Withheld {
                field: "comments".into(),
                reason: WithheldReason::Internal,
                words: Some("2 internal comments".into()),
            },
        ],
    };
    assert_eq!(
        super::preview(&preview, PLAIN()),
        "To Kassa GmbH (link kassa, its words were not compared yet)\n  AAAA111-BBBB222\n\n\
         This leaves your desk\n  title  Cash register is dead\n  file   photo.jpg, 2.0 KiB\n\n\
         This stays here\n  contact   the terms of the link do not let it travel\n  comments  2 internal comments\n"
    );
}

#[test]
fn a_log_entry_names_its_place_in_the_chain_and_its_outcome() {
    let entry = LogEntry {
        seq: 3,
        time: samples::noon(),
        kind: "comment.add".into(),
        item: "11".repeat(16),
        delegation: Some("3f9a2c7100000000000000000000abcd".into()),
        hash: "22".repeat(32),
        prev: "33".repeat(32),
        seen: 5,
        key_id: "44".repeat(16),
        outcome: LogOutcome::Refused,
        code: Some("case-closed".into()),
        words: Some("This case has ended.".into()),
        committed: None,
        facts: serde_json::json!({"audience": "delegation"}),
        text: None,
        erased: true,
        signed_hex: None,
    };
    let page = LogPage {
        link: "kassa".into(),
        direction: Direction::Out,
        length: 3,
        entries: vec![entry],
        next: Some(4),
    };
    assert_eq!(
        log(&page, PLAIN()),
        "Stream to kassa, 3 messages\n\n#3  2026-07-01 09:30Z  comment.add  refused\n    \
         hash 22222222, prev 33333333, key 44444444, seen 5, item 11111111, delegation 3f9a2c71\n    \
         This case has ended. (case-closed)\n    facts {\"audience\":\"delegation\"}\n    text erased\nMore: --from 4\n"
    );
}

#[test]
fn a_check_that_found_something_says_where() {
    let report = VerifyReport {
        ok: false,
        streams: vec![StreamReport {
            link: "kassa".into(),
            direction: Direction::In,
            messages: 9,
            receipts: 2,
            erased: 0,
            head: "aa".repeat(32),
        }],
        journal: Some(JournalReport { segments: 1, records: 20, bytes: 4096 }),
        problems: vec![VerifyProblem {
            code: "chain-broken".into(),
            words: "Message 4 does not follow message 3.".into(),
            link: Some("kassa".into()),
            direction: Some(Direction::In),
            seq: Some(4),
        }],
        took_ms: 5,
    };
    let text = verify(&report, PLAIN());
    assert!(
        text.contains("! kassa, theirs #4: Message 4 does not follow message 3. (chain-broken)\n1 problems"),
        "{text}"
    );
    assert!(text.contains("Journal: 20 records in 1 segments, 4.0 KiB\n"), "{text}");
}

#[test]
fn an_invitation_can_be_copied_and_photographed() {
    let made = Invitation {
        id: "aa".repeat(32),
        text: Some("https://desk.example/i#secret".into()),
        created: samples::noon(),
        expires: samples::noon(),
        terms: samples::link().terms,
        approved: false,
        state: InvitationState::Open,
        link: None,
    };
    let text = invitation(&made, PLAIN());
    assert!(text.lines().any(|line| line == "https://desk.example/i#secret"), "{text}");
    let wide =
        text.lines().filter(|line| line.contains('█')).map(|line| line.chars().count()).collect::<Vec<_>>();
    assert!(wide.len() > 10 && wide.iter().all(|width| *width == wide[0]), "{wide:?}");
    assert!(text.contains("deskwire link approve"));
}

#[test]
fn all_open_proposals_are_shown_and_what_stayed_here_or_was_not_told_below() {
    let mut delegation = samples::delegation();
    let change = |version, fields| PendingChange { version, fields };
    let title = OfferFields { title: Some("Two registers".into()), ..OfferFields::default() };
    let place = OfferFields { company: Some("Shop".into()), ..OfferFields::default() };
    delegation.changes = vec![change(2, title), change(3, place)];
    delegation.left_out = vec![Withheld {
        field: "category".into(),
        reason: WithheldReason::Unmapped,
        words: Some("No counterpart.".into()),
    }];
    for text in [super::delegation(&delegation, PLAIN()), delegation_brief(&delegation, PLAIN())] {
        for part in
            ["version 2 proposed: title Two registers", "version 3 proposed", "category: No counterpart."]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let mut detail = samples::ticket_detail();
    detail.ticket.custom = vec![Custom { key: "floor".into(), value: "2".into() }];
    detail.ticket.unmapped = vec![FieldValue { field: "category".into(), value: "tills".into() }];
    detail.untold = vec![Untold {
        delegation: delegation.id,
        partner: "Petrov".into(),
        fields: vec!["title".into(), "resolve_by".into()],
    }];
    let text = ticket(&detail, PLAIN());
    for part in [
        "floor=2",
        "category “tills”: as the partner calls it",
        "Petrov was not told of what has changed (title, deadline).",
        "deskwire delegation update 3f9a2c71 --title … --resolve-by …",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

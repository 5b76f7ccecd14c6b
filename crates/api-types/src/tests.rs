//! What a caller written in another language would lose if these failed: the frozen shape of the JSON.

use serde_json::json;

use super::*;

#[test]
fn times_are_rfc_3339_in_utc_with_three_decimals() {
    let time = Time::from_millis(1_782_898_200_000);
    assert_eq!(serde_json::to_value(time).unwrap(), json!("2026-07-01T09:30:00.000Z"));
    let read: Time = serde_json::from_value(json!("2026-07-01T12:30:00.5+03:00")).unwrap();
    assert_eq!(read.millis(), 1_782_898_200_500);
}

#[test]
fn a_time_outside_of_the_calendar_is_still_written_and_read_back() {
    for millis in [i64::MIN, -1, 0, i64::MAX] {
        let time = Time::from_millis(millis);
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}

#[test]
fn a_wrong_time_is_answered_with_a_right_one() {
    for text in ["", "tomorrow", "2026-07-01", "2026-07-01T09:30:00", "2026-13-01T00:00:00Z"] {
        let words = text.parse::<Time>().unwrap_err().to_string();
        assert!(words.contains("2026-07-01T09:30:00Z"), "{words}");
    }
}

#[test]
fn a_comment_without_an_audience_is_internal() {
    let request: CommentRequest = serde_json::from_value(json!({"body": "the client is angry"})).unwrap();
    assert!(request.audience.is_internal());
}

#[test]
fn an_unknown_audience_is_refused_and_never_taken_for_another() {
    assert!(
        serde_json::from_value::<CommentRequest>(json!({"body": "x", "audience": {"kind": "intern"}}))
            .is_err()
    );
    assert!(
        serde_json::from_value::<CommentRequest>(json!({"body": "x", "audiance": {"kind": "thread"}}))
            .is_err()
    );
    for text in ["", "public", "Thread", "delegations", "delegations:", "delegations:,"] {
        assert!(text.parse::<Audience>().is_err(), "{text}");
    }
}

#[test]
fn audiences_survive_the_query_string_and_the_document() {
    let chosen = Audience::Delegations { ids: vec!["aa".into(), "bb".into()] };
    for audience in [Audience::Internal, Audience::Requester, Audience::Thread, chosen] {
        assert_eq!(audience.to_string().parse(), Ok(audience.clone()));
        let document = serde_json::to_value(&audience).unwrap();
        assert_eq!(serde_json::from_value::<Audience>(document).unwrap(), audience);
    }
}

#[test]
fn a_mistyped_member_of_a_request_is_refused() {
    assert!(serde_json::from_value::<NewTicket>(json!({"title": "x", "priorty": "high"})).is_err());
    assert!(serde_json::from_value::<DelegateRequest>(json!({"link": "kassa", "field": []})).is_err());
    assert!(serde_json::from_value::<Reason>(json!({})).is_err());
}

#[test]
fn a_problem_has_the_members_of_rfc_9457_and_a_stable_code() {
    let problem =
        Problem::new(413, "file-too-large", "File too large", "log.txt has 30 MiB; Kassa takes 25 MiB.")
            .with_next("Split the file.")
            .with_extra("limit", 26_214_400);
    assert_eq!(
        serde_json::to_value(&problem).unwrap(),
        json!({
            "type": "urn:deskwire:problem:file-too-large",
            "title": "File too large",
            "status": 413,
            "detail": "log.txt has 30 MiB; Kassa takes 25 MiB.",
            "code": "file-too-large",
            "next": "Split the file.",
            "extra": {"limit": 26_214_400},
        })
    );
}

#[test]
fn an_entry_of_a_thread_says_what_it_is() {
    let event = ThreadEntry::Event(ThreadEvent {
        time: Time::from_millis(0),
        event: "opened".into(),
        words: "opened".into(),
        by: None,
        partner: None,
        delegation: None,
        code: None,
        delivery: None,
        audience: Audience::Internal,
    });
    let document = serde_json::to_value(&event).unwrap();
    assert_eq!(document["kind"], "event");
    assert_eq!(serde_json::from_value::<ThreadEntry>(document).unwrap(), event);
}

#[test]
fn words_of_enumerations_are_those_of_their_documents() {
    for state in DelegationState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for action in Action::ALL {
        assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
    }
    for field in FieldName::ALL {
        assert_eq!(serde_json::to_value(field).unwrap(), field.as_str());
    }
    assert_eq!(
        serde_json::to_value(LinkState::WaitingApproval).unwrap(),
        LinkState::WaitingApproval.as_str()
    );
}

#[test]
fn any_name_fits_a_header_and_comes_back() {
    for name in ["Anna", "Анна Петрова", "100 % Ünïcode\r\nx: y", ""] {
        let encoded = encode_percent(name);
        assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()), "{encoded}");
        assert_eq!(decode_percent(&encoded).as_deref(), Some(name));
    }
    for broken in ["%", "%4", "%zz", "%FF"] {
        assert_eq!(decode_percent(broken), None, "{broken}");
    }
}

#[test]
fn an_answer_with_members_of_a_later_version_is_still_read() {
    let document = json!({"status": "ok", "uptime": 5});
    assert_eq!(serde_json::from_value::<Health>(document).unwrap().status, "ok");
}

use super::*;

fn history(at: &str, items: Value) -> Value {
    json!({ "created": at, "author": { "accountId": "agent" }, "items": items })
}

fn moved(from: &str, to: &str) -> Value {
    json!({ "field": "status", "from": from, "fromString": from, "to": to, "toString": to })
}

fn comment(at: &str, author: &str, public: bool) -> Value {
    json!({ "created": at, "author": { "accountId": author }, "jsdPublic": public })
}

#[test]
fn what_happened_comes_from_histories_and_comments_in_its_order() {
    let fields = json!({
        "created": "2026-11-20T09:00:00.000+0000", "reporter": { "accountId": "customer" },
        "status": { "id": "2", "name": "Resolved" },
    });
    let resolved = json!([moved("1", "2"), { "field": "resolution", "from": null, "to": "10000" }]);
    let told = Told {
        histories: &[history("2026-11-20T12:00:00.000+0000", resolved)],
        comments: &[
            comment("2026-11-20T10:00:00.000+0000", "agent", false),
            comment("2026-11-20T11:00:00.000+0000", "agent", true),
            comment("2026-11-20T11:30:00.000+0000", "customer", true),
        ],
    };
    let events: Vec<Event> = happenings(&fields, told).into_iter().map(|happening| happening.event).collect();
    assert_eq!(
        events,
        [
            Event::Created,
            Event::EnteredStatus("1".into()),
            Event::CommentForCustomers,
            Event::CommentByCustomer,
            Event::EnteredStatus("2".into()),
            Event::ResolutionSet,
        ],
        "internal comments are nothing that customers see"
    );
}

#[test]
fn one_no_is_enough_and_yes_takes_as_many_as_are_required() {
    let people = [json!({ "accountId": "a" }), json!({ "accountId": "b" })];
    let at = "2026-11-20T09:00:00Z".parse().unwrap();
    let fresh = || new_approval(("1", "Waiting for approval"), &people, at, Tz::UTC);

    let mut one = fresh();
    assert!(can_answer(&one, "a") && !can_answer(&one, "c"));
    assert_eq!(decide(&mut one, "a", true, 2), None);
    assert!(!can_answer(&one, "a"), "who has answered has answered");
    assert_eq!(decide(&mut one, "b", true, 2), Some(true));

    let mut other = fresh();
    assert_eq!(decide(&mut other, "b", false, 2), Some(false));
    settle(&mut other, false, at, Tz::UTC);
    assert_eq!(other["finalDecision"], "declined");
    assert!(!can_answer(&other, "a"), "it is decided");
    assert_eq!(decide(&mut fresh(), "a", true, 9), None, "both are needed, more there are not");
}

//! Version 2 of the API edits what version 3 stored: wiki markup shows less than a document has, and takes nothing from it.

use serde_json::{Value, json};

use super::{Play, document};

/// A date, a coloured status and an expand: none of them is in wiki markup.
fn plan() -> Value {
    let text = |text: &str| json!({ "type": "text", "text": text });
    json!({ "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [
            text("Due "),
            { "type": "date", "attrs": { "timestamp": "1769817600000" } },
            text(", now "),
            { "type": "status", "attrs": { "text": "At risk", "color": "red" } },
        ] },
        { "type": "expand", "attrs": { "title": "How" }, "content": [
            { "type": "paragraph", "content": [text("Slowly.")] },
        ] },
    ] })
}

/// The same with other words in it.
fn with(old: &str, new: &str) -> Value {
    serde_json::from_str(&plan().to_string().replace(old, new)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_version_2_puts_back_stays_as_it_was() {
    let play = Play::start(30).await;
    let key = play.issue(json!({ "description": plan() })).await;
    let v2 = format!("/jira/play/rest/api/2/issue/{key}");
    let markup = play.app.get(&v2).await.json["fields"]["description"].as_str().unwrap().to_owned();
    assert_eq!(markup, "Due 2026-01-31, now *At risk*\n\n*How*\n\nSlowly.");

    let histories = play.histories(&key).await.len();
    let put = async |markup: &str| {
        let body = json!({ "fields": { "description": markup } });
        let answer = play.app.put(&v2, body).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        play.fields(&key).await["description"].clone()
    };
    for same in [markup.clone(), markup.replace('\n', "\r\n"), format!("{markup}\n")] {
        assert_eq!(put(&same).await, plan());
    }
    assert_eq!(play.histories(&key).await.len(), histories, "nothing was changed");

    assert_eq!(put(&markup.replace("Due", "Planned for")).await, with("Due", "Planned for"));
    assert_eq!(put(&markup.replace("Slowly", "With care")).await, with("Slowly", "With care"));
    let more = put(&format!("{markup}\n\nAnd *then*?")).await;
    assert_eq!(more["content"][0], plan()["content"][0]);
    assert_eq!(more["content"].as_array().unwrap().len(), 3);
    assert_eq!(put("Nothing of it.").await["content"].as_array().unwrap().len(), 1);
    assert_eq!(put("").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_and_worklogs_too() {
    let play = Play::start(30).await;
    let key = play.issue(json!({})).await;
    let at = |version: u8, path: &str| format!("/jira/play/rest/api/{version}/issue/{key}/{path}");
    let work = json!({ "timeSpent": "30m", "comment": plan() });
    for (kind, member, new) in [("comment", "body", json!({ "body": plan() })), ("worklog", "comment", work)]
    {
        let made = play.app.post(&at(3, kind), new).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("{kind}/{}", made.json["id"].as_str().unwrap());
        let shown = play.app.get(&at(2, &path)).await.json[member].as_str().unwrap().to_owned();
        for (text, expected) in [
            (shown.clone(), plan()),
            (shown.replace("How", "What"), with("How", "What")),
            ("Gone.".to_owned(), document("Gone.")),
        ] {
            let edited = play.app.put(&at(2, &path), json!({ member: text })).await;
            assert_eq!(
                (edited.status.as_u16(), &edited.json[member]),
                (200, &json!(text)),
                "{}",
                edited.text
            );
            assert_eq!(play.app.get(&at(3, &path)).await.json[member], expected, "{kind}");
        }
    }
}

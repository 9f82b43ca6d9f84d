//! `get_issue`: one issue, with what hangs on it, as far as the answer's budget goes.

mod cursor;
mod sections;

use application::{Caller, Result, Services, instances::Instance, issues::IssueRow, lookups};
use rmcp::model::Tool;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::{
    cursor::{Cursor, Section},
    sections::Listing,
};
use super::{define, given, instance_named, reading};
use crate::{
    answer::{Answer, LeftOut},
    budget::{self, Budget},
    columns,
};

const DESCRIPTION: &str = "\
Read one issue from the live copy: its fields, the description as Markdown, and the newest comments first with their total. \
Give `include` for its history, work logs or the whole JSON with every custom field. What did not fit is listed in \
`left_out`, mostly with a `cursor`: call again with the same key and that cursor for the next part only.";

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Issue key such as PAY-42 (an old key of a moved issue works too), or the numeric id.
    key: String,
    /// The site's name. Needed only when several sites have the key.
    instance: Option<String>,
    /// What to read beside the fields. Default ["comments"].
    include: Option<Vec<Part>>,
    /// From `left_out` of the answer before.
    cursor: Option<String>,
    /// Longest answer. Default 24000.
    #[schemars(range(min = 3000, max = 100_000))]
    max_chars: Option<u32>,
}

/// What hangs on an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    Comments,
    Changelog,
    Worklogs,
    Raw,
}

pub(super) fn definition(name: &'static str) -> Tool {
    define::<Arguments>(name, "Read an issue", DESCRIPTION, reading().open_world(false))
}

pub(super) async fn call(services: &Services, caller: &Caller, arguments: Arguments) -> Result<Answer> {
    let budget = Budget::new(arguments.max_chars)?;
    let wanted = Wanted::of(&arguments)?;
    let named = instance_named(services, caller, arguments.instance.as_deref()).await?;
    let wanted_at = named.as_ref().map(|instance| instance.id);
    let issue = lookups::issue(services, caller, wanted_at, &arguments.key).await?;
    let instance = match named {
        Some(instance) => instance,
        None => lookups::instance(services, caller, &issue.instance).await?,
    };
    let mut listings = Vec::new();
    if !wanted.reads_more() {
        return Ok(answer(&issue, Some(&instance), &wanted, listings, budget));
    }
    let mut tx = services.db.tenant(caller.tenant).await?;
    if wanted.has(Section::Comments) {
        listings.push(sections::comments(tx.comments(&[issue.id]).await?));
    }
    if wanted.has(Section::Changelog) {
        listings.push(sections::changelog(tx.histories(&[issue.id]).await?));
    }
    if wanted.has(Section::Worklogs) {
        listings.push(sections::worklogs(tx.worklogs(&[issue.id]).await?));
    }
    Ok(answer(&issue, Some(&instance), &wanted, listings, budget))
}

/// Which parts of an issue an answer has.
#[derive(Debug)]
enum Wanted {
    /// The fields and the description, and these.
    Whole { sections: Vec<Section>, raw: bool },
    /// Only the rest of one part.
    Rest(Cursor),
}

impl Wanted {
    fn of(arguments: &Arguments) -> Result<Self> {
        if let Some(cursor) = given(arguments.cursor.as_deref()) {
            return Ok(Self::Rest(cursor.parse()?));
        }
        let parts = arguments.include.as_deref().unwrap_or(&[Part::Comments]);
        let section = |part: &Part| match part {
            Part::Comments => Some(Section::Comments),
            Part::Changelog => Some(Section::Changelog),
            Part::Worklogs => Some(Section::Worklogs),
            Part::Raw => None,
        };
        Ok(Self::Whole {
            sections: parts.iter().filter_map(section).collect(),
            raw: parts.contains(&Part::Raw),
        })
    }

    /// Whether anything is wanted that is not in the issue itself.
    fn reads_more(&self) -> bool {
        [Section::Comments, Section::Changelog, Section::Worklogs]
            .into_iter()
            .any(|section| self.has(section))
    }

    fn has(&self, section: Section) -> bool {
        match self {
            Self::Whole { sections, .. } => sections.contains(&section),
            Self::Rest(cursor) => cursor.section == section,
        }
    }
}

fn answer(
    issue: &IssueRow,
    instance: Option<&Instance>,
    wanted: &Wanted,
    listings: Vec<Listing>,
    mut budget: Budget,
) -> Answer {
    let mut answer = Answer::default();
    answer.set_within(&mut budget, "key", columns::value(issue, "key"));
    answer.set_within(&mut budget, "instance", columns::value(issue, "instance"));
    match wanted {
        Wanted::Whole { sections, raw } => {
            add_fields(&mut answer, &mut budget, issue, instance);
            // What else is wanted needs room as well.
            let room = if sections.is_empty() && !raw { budget.room() } else { budget.room() / 5 * 3 };
            add_description(&mut answer, &mut budget, issue, 0, room);
            for listing in listings {
                listing.add(&mut answer, &mut budget, None);
            }
            if *raw {
                add_raw(&mut answer, &mut budget, issue);
            }
        }
        Wanted::Rest(cursor) => {
            if cursor.section == Section::Description {
                let room = budget.room();
                add_description(&mut answer, &mut budget, issue, cursor.at, room);
            }
            for listing in listings {
                listing.add(&mut answer, &mut budget, Some(cursor.at));
            }
        }
    }
    answer
}

fn add_fields(answer: &mut Answer, budget: &mut Budget, issue: &IssueRow, instance: Option<&Instance>) {
    const COLUMNS: [&str; 18] = [
        "summary",
        "status",
        "status_category",
        "type",
        "priority",
        "resolution",
        "assignee",
        "reporter",
        "project",
        "created",
        "updated",
        "resolved",
        "due",
        "story_points",
        "parent",
        "labels",
        "components",
        "fixVersions",
    ];
    for column in COLUMNS {
        answer.set_within(budget, column, columns::value(issue, column));
    }
    answer.set_within(budget, "links", columns::links(issue));
    answer.set_within(budget, "subtasks", columns::subtasks(issue));
    answer.set_within(budget, "synced_at", json!(columns::time(issue.synced_at)));
    if let Some(site) = instance.filter(|instance| instance.kind.is_mirror()) {
        answer.set_within(budget, "url", json!(format!("{}/browse/{}", site.base_url, issue.key)));
    }
    answer.untrusted("summary");
}

/// Adds the description from a character on, as far as it fits into `room`.
fn add_description(answer: &mut Answer, budget: &mut Budget, issue: &IssueRow, from: usize, room: usize) {
    const NAME: &str = "description";
    let Value::String(text) = columns::value(issue, NAME) else { return };
    let rest = text.char_indices().nth(from).map_or("", |(at, _)| &text[at..]);
    if rest.is_empty() {
        return;
    }
    let shown = budget::beginning(rest, room.saturating_sub(NAME.len() + 4));
    let end = from + shown.chars().count();
    answer.set_within(budget, NAME, json!(shown));
    answer.untrusted(NAME);
    if shown.len() < rest.len() {
        answer.leave_out(LeftOut {
            what: "description (characters)".into(),
            shown: Some(end - from),
            total: Some(text.chars().count()),
            cursor: Some(Cursor { section: Section::Description, at: end }.to_string()),
            how: None,
        });
    }
}

fn add_raw(answer: &mut Answer, budget: &mut Budget, issue: &IssueRow) {
    const NAME: &str = "raw";
    if budget.take_field(NAME, &issue.raw) {
        answer.set(NAME, issue.raw.clone());
        answer.untrusted(NAME);
        return;
    }
    let needed = budget.needed_for(budget::size(&issue.raw) + NAME.len() + 4);
    let how = if needed <= budget::MOST as usize {
        format!("ask for only [\"raw\"] with max_chars {needed}")
    } else {
        "too large for one answer: name the Jira field ids in `fields` of jql_search, or read them by sql_query from \
         the column raw of jira.issues"
            .into()
    };
    answer.leave_out(LeftOut::how(NAME, how));
}

#[cfg(test)]
mod tests;

//! A believable Jira Cloud site, generated: the same seed and options give the same bytes on every platform.
//!
//! The site has projects with teams, boards, sprints and releases, and issues whose changelogs, comments and worklogs
//! fit together: histories walked back from the current values end at the creation, `updated` is the latest activity,
//! links are seen from both sides, a moved issue has its old key in its history. The issues are in the shape of REST v3
//! (jira-facts 6, 7 and 9.1) with *complete* embedded comments, worklogs and changelogs; whoever serves them truncates.
//!
//! Every issue is drawn from random streams of its own, so any issue can be generated without the ones before it, and a
//! site of a million issues is streamed in constant memory.
//!
//! ```
//! use domain::generator::{Options, issues, site};
//! let now = "2026-11-22T10:00:00Z".parse().unwrap_or_default();
//! let options = Options { issues: 100, seed: 7, now, base_url: "http://127.0.0.1:8080/jira/demo".into() };
//! assert_eq!(site(&options).projects[0]["key"], "PAY");
//! assert_eq!(issues(&options).count(), 100);
//! ```

mod activity;
mod attachments;
mod calendar;
mod cards;
mod custom;
mod document;
mod draw;
mod fields;
mod groups;
mod layout;
mod ledger;
mod outline;
mod reference;
mod render;
mod roster;
mod server;
pub mod service;
mod site;
#[cfg(test)]
mod tests;
mod vocabulary;
mod wording;

use chrono::{DateTime, Utc};
use serde_json::Value;

use cards::Cards;
pub use groups::SITE_GROUPS;
use reference::Reference;
use roster::Model;
pub use server::Server;

/// What site to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of issues. The number of projects grows with it, from 4 to 32.
    pub issues: u64,
    /// Any number; equal seeds and options give equal sites.
    pub seed: u64,
    /// The present of the site: nothing has happened after it. The site's history begins about 18 months before.
    pub now: DateTime<Utc>,
    /// The site's URL without a trailing slash, used in `self` links and avatars.
    pub base_url: String,
}

/// Everything about a site except its issues, in the shapes of Jira's REST API.
#[derive(Clone, Debug)]
pub struct Site {
    /// `GET /project/{key}`: with lead, components, versions and issue types.
    pub projects: Vec<Value>,
    /// `GET /users/search`; without e-mail addresses. The first is an app.
    pub users: Vec<Value>,
    /// `GET /status`.
    pub statuses: Vec<Value>,
    /// `GET /issuetype`.
    pub issue_types: Vec<Value>,
    /// `GET /priority`, highest first.
    pub priorities: Vec<Value>,
    /// `GET /resolution`.
    pub resolutions: Vec<Value>,
    /// `GET /field`.
    pub fields: Vec<Value>,
    /// The options of select fields: `{fieldId, options: [{id, value}]}`.
    pub field_options: Vec<Value>,
    /// `GET /issueLinkType`: the members of `issueLinkTypes`.
    pub issue_link_types: Vec<Value>,
    /// `GET /rest/agile/1.0/board`: one per project, id = position + 1; kanban boards have no sprints.
    pub boards: Vec<Value>,
    /// `GET /filter/search`: that of each board.
    pub filters: Vec<Value>,
    /// `GET /dashboard/search`: the system's own, and one of each project's lead.
    pub dashboards: Vec<Value>,
    /// `GET /rest/agile/1.0/board/{id}/sprint` of all boards; `originBoardId` tells the board.
    pub sprints: Vec<Value>,
    /// `GET /project/{key}/version` of all projects; `projectId` tells the project.
    pub versions: Vec<Value>,
    /// `GET /project/{key}/component` of all projects; `project` tells the key.
    pub components: Vec<Value>,
    /// `GET /group/bulk`, each with its `members`.
    pub groups: Vec<Value>,
    /// `GET /project/{id}/role/{id}` of all projects: `{projectId, roles: […]}`.
    pub project_roles: Vec<Value>,
}

/// The site that `options` describe.
pub fn site(options: &Options) -> Site {
    let model = Model::new(options);
    let reference = Reference::new(&model);
    site::site(&model, &reference)
}

/// A number that is at least as high as any numeric id of the site's issues, comments, worklogs, attachments, histories and
/// links.
pub fn highest_id(options: &Options) -> u64 {
    render::FIRST_ID + (options.issues + 1) * render::HISTORY_IDS
}

/// The issues of the site, by ascending id, which is also the order of creation.
pub fn issues(options: &Options) -> impl Iterator<Item = Value> + Send + use<> {
    let mut generator = Generator::new(options);
    (0..options.issues).map(move |index| generator.issue(index))
}

/// Generates single issues of a site in any order. Neighbouring issues share work, so ascending order is fastest; to
/// use several processor cores, give each its own generator and a range of indexes.
#[derive(Debug)]
pub struct Generator {
    model: Model,
    reference: Reference,
    cards: Cards,
}

impl Generator {
    /// A generator for the site that `options` describe.
    pub fn new(options: &Options) -> Self {
        let model = Model::new(options);
        let reference = Reference::new(&model);
        let cards = Cards::new(&model);
        Self { model, reference, cards }
    }

    /// The issue with the given index (0 has the id 10001), which should be below [`Options::issues`].
    pub fn issue(&mut self, index: u64) -> Value {
        render::issue(&self.model, &self.reference, &mut self.cards, index)
    }
}

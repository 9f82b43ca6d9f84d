//! Summaries, descriptions, comments: sentences put together from the vocabulary.

use serde_json::Value;

use super::calendar::{DAY, year_month_week};
use super::document::{
    bullet_list, code, code_block, day, document, emoji, heading, link, mention, ordered_list, panel,
    paragraph, prose, quote, status, strong, table, task_list, text,
};
use super::draw::Draw;
use super::layout::Kind;
use super::roster::Model;
use super::vocabulary::{CHORES, Domain, ENVIRONMENTS, OCCASIONS, STEPS, SYMPTOMS};

/// With a capital letter at the beginning; the vocabulary is ASCII there.
fn sentence(words: &str) -> String {
    let mut sentence = words.to_owned();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

/// What an issue is about: its summary, description and comments speak of the same things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Topic {
    thing: &'static str,
    capability: &'static str,
    personas: &'static str,
    symptom: &'static str,
    condition: &'static str,
}

impl Topic {
    pub(super) fn new(domain: &Domain, draw: &mut Draw) -> Self {
        Self {
            thing: draw.pick(&domain.things),
            capability: draw.pick(&domain.capabilities),
            personas: draw.pick(&domain.personas),
            symptom: draw.pick(&SYMPTOMS),
            condition: draw.pick(&domain.conditions),
        }
    }
}

/// The summary of an issue on `topic`; an epic is named after its ordinal in the project.
pub(super) fn summary(
    domain: &Domain,
    kind: Kind,
    topic: &Topic,
    (ordinal, created): (u64, i64),
    draw: &mut Draw,
) -> String {
    let Topic { thing, capability, personas, symptom, condition } = *topic;
    let words = match kind {
        Kind::Epic => return epic_summary(domain, ordinal, created, draw),
        Kind::Story => match draw.below(4) {
            0 => format!("let {personas} {capability}"),
            1 => format!("allow {personas} to {capability}"),
            2 => format!("{capability} ({personas})"),
            _ => format!("as one of our {personas}, I can {capability}"),
        },
        Kind::Task => {
            let chore = format!("{} {thing}", draw.pick(&CHORES));
            if draw.chance(380) { format!("{chore} {}", draw.pick(&OCCASIONS)) } else { chore }
        }
        Kind::Subtask => {
            let steps = if domain.visible { &STEPS[..] } else { &STEPS[..8] };
            return format!("{} {thing}", draw.pick(steps));
        }
        Kind::Bug => format!("{thing} {symptom} {condition}"),
    };
    if draw.chance(160) { format!("{}: {words}", draw.pick(&domain.components)) } else { sentence(&words) }
}

fn epic_summary(domain: &Domain, ordinal: u64, created: i64, draw: &mut Draw) -> String {
    let themes = domain.themes.len() as u64;
    let theme = domain.themes[(ordinal % themes) as usize];
    if ordinal < themes {
        return theme.to_owned();
    }
    let (year, month, _) = year_month_week(created);
    format!("{theme}: {} ({year} Q{})", draw.pick(&domain.components), (month + 2) / 3)
}

/// The writer of longer texts.
pub(super) struct Writer<'a> {
    pub(super) model: &'a Model,
    pub(super) domain: &'a Domain,
    pub(super) topic: Topic,
    pub(super) project: usize,
    pub(super) draw: &'a mut Draw,
}

/// The moment of a comment in the life of its issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Working,
    Done,
}

const CHEERS: [(&str, &str, &str); 5] = [
    (":tada:", "1f389", "🎉"),
    (":thumbsup:", "1f44d", "👍"),
    (":rocket:", "1f680", "🚀"),
    (":white_check_mark:", "2705", "✅"),
    (":eyes:", "1f440", "👀"),
];

impl Writer<'_> {
    /// The thing in question, or now and then one beside it.
    fn thing(&mut self) -> &'static str {
        if self.draw.chance(650) { self.topic.thing } else { self.other_thing() }
    }

    fn other_thing(&mut self) -> &'static str {
        self.draw.pick(&self.domain.things)
    }

    fn condition(&mut self) -> &'static str {
        if self.draw.chance(500) { self.topic.condition } else { self.draw.pick(&self.domain.conditions) }
    }

    /// A mention of a colleague of `author`.
    fn colleague(&mut self, author: usize, at: i64) -> Value {
        let user = &self.model.users[self.model.colleague(self.project, author, at, self.draw)];
        mention(&user.account_id, &user.name)
    }

    fn local_id(&mut self) -> String {
        format!("{:08x}-{:08x}", self.draw.below(1 << 32), self.draw.below(1 << 32))
    }

    fn pull_request(&mut self) -> Value {
        let number = self.draw.between(100, 9999);
        let repository = self.model.projects[self.project].key.to_lowercase();
        link(format!("#{number}"), format!("https://git.example.com/shop/{repository}/pull/{number}"))
    }

    fn hash(&mut self) -> String {
        format!("{:07x}", self.draw.below(1 << 28))
    }

    /// The description of an issue; some have none.
    pub(super) fn description(&mut self, kind: Kind, created: i64) -> Value {
        let none = match kind {
            Kind::Subtask => 550,
            Kind::Epic => 30,
            _ => 70,
        };
        if self.draw.chance(none) {
            return Value::Null;
        }
        document(match kind {
            Kind::Epic => self.epic(created),
            Kind::Story => self.story(),
            Kind::Task => self.task(),
            Kind::Subtask => self.subtask(),
            Kind::Bug => self.bug(created),
        })
    }

    fn epic(&mut self, created: i64) -> Vec<Value> {
        let Topic { thing, capability, personas, condition, .. } = self.topic;
        let other = self.other_thing();
        let target = created + self.draw.span(40 * DAY, 150 * DAY);
        let goals = vec![
            vec![text(format!("{} can {}", sentence(personas), capability))],
            vec![text(format!("{} works {condition}", sentence(thing)))],
            vec![
                text("Support tickets on the subject fall by "),
                strong(format!("{} %", self.draw.between(2, 8) * 10)),
            ],
        ];
        vec![
            heading(2, "Why"),
            prose(format!(
                "{} have asked for this since last year. Today {thing} and {other} stand in the way.",
                sentence(personas)
            )),
            heading(2, "Goals"),
            bullet_list(goals),
            heading(2, "Milestones"),
            table(
                ["Milestone", "Owner", "State"],
                vec![
                    ["Concept agreed".to_owned(), "Product".to_owned(), "done".to_owned()],
                    [format!("{} rebuilt", sentence(thing)), "Engineering".to_owned(), "open".to_owned()],
                    ["First customers".to_owned(), "Support".to_owned(), "open".to_owned()],
                ],
            ),
            paragraph(vec![text("Planned until "), day(target), text(".")]),
        ]
    }

    fn story(&mut self) -> Vec<Value> {
        let Topic { thing, capability, personas, condition, .. } = self.topic;
        let mut criteria = vec![
            vec![text(format!("{} can {capability} without leaving the page", sentence(personas)))],
            vec![text(format!("It also works {condition}"))],
        ];
        if self.draw.chance(600) {
            criteria.push(vec![text(format!("{} keeps its current behaviour", sentence(thing)))]);
        }
        if self.draw.chance(350) {
            criteria.push(vec![
                text("Events are tracked as "),
                code(format!("{}_shown", thing.replace("the ", "").replace([' ', '-'], "_"))),
            ]);
        }
        let mut blocks = vec![
            prose(format!(
                "{} want to {capability}. At the moment they have to ask support.",
                sentence(personas)
            )),
            heading(3, "Acceptance criteria"),
            bullet_list(criteria),
        ];
        match self.draw.below(6) {
            0 => blocks.push(panel(
                "info",
                format!("The design covers {thing} only; the rest follows in its own story."),
            )),
            1 => {
                let local_id = self.local_id();
                let items = vec![
                    ("Agree on the wording with support".to_owned(), true),
                    (format!("Check {} with the new texts", self.other_thing()), self.draw.chance(500)),
                    ("Update the help page".to_owned(), false),
                ];
                blocks.push(task_list(&local_id, items));
            }
            2 => blocks.push(paragraph(vec![
                text("Drafts are in the "),
                link("design board", "https://design.example.com/boards/shop".to_owned()),
                text("."),
            ])),
            _ => {}
        }
        blocks
    }

    fn task(&mut self) -> Vec<Value> {
        let Topic { thing, condition, .. } = self.topic;
        let other = self.other_thing();
        let mut blocks = vec![prose(format!(
            "{} has grown over the years and nobody is sure what happens {condition}. It also depends on {other}.",
            sentence(thing)
        ))];
        match self.draw.below(5) {
            0 => blocks.push(ordered_list(vec![
                vec![text(format!("List who uses {thing}"))],
                vec![text("Try it on staging")],
                vec![text("Roll out to one region, then to all")],
            ])),
            1 => blocks.push(table(
                ["Environment", "Before", "Goal"],
                vec![
                    [
                        "staging".to_owned(),
                        format!("{} ms", self.draw.between(300, 900)),
                        "200 ms".to_owned(),
                    ],
                    [
                        "production".to_owned(),
                        format!("{} ms", self.draw.between(400, 2400)),
                        "300 ms".to_owned(),
                    ],
                ],
            )),
            2 => {
                blocks.push(panel("warning", "Agree on the time with the on-call engineer first.".to_owned()))
            }
            3 => {
                let component =
                    self.draw.pick(&self.domain.components).to_lowercase().replace([' ', '/'], "-");
                blocks.push(code_block(
                    "yaml",
                    format!(
                        "{component}:\n  enabled: true\n  timeout: {}s\n  retries: 3",
                        self.draw.between(2, 30)
                    ),
                ));
            }
            _ => {}
        }
        blocks
    }

    fn subtask(&mut self) -> Vec<Value> {
        let Topic { thing, condition, .. } = self.topic;
        vec![prose(format!(
            "Only {thing}; the rest is covered by the parent. Mind what happens {condition}."
        ))]
    }

    fn bug(&mut self, created: i64) -> Vec<Value> {
        let Topic { thing, capability, personas, symptom, condition } = self.topic;
        let mut blocks = vec![
            prose(format!("Reported by {personas}: {thing} {symptom} {condition}.")),
            heading(3, "Steps to reproduce"),
            ordered_list(vec![
                vec![text(format!("Open {thing}"))],
                vec![text(format!("Try to {capability}"))],
                vec![text(format!("Watch what happens {condition}"))],
            ]),
            paragraph(vec![strong("Expected: "), text(format!("{thing} answers within a second."))]),
            paragraph(vec![strong("Actual: "), text(format!("it {symptom}."))]),
        ];
        if self.draw.chance(550) {
            let line = self.draw.pick(&self.domain.log_lines);
            let trace = format!(
                "{} ERROR [{}] {line}\n    request_id={} duration_ms={}",
                super::calendar::agile_timestamp(created - self.draw.span(60_000, DAY)),
                self.domain.components[self.draw.index(6)],
                self.hash(),
                self.draw.between(40, 30_000)
            );
            blocks.push(code_block("text", trace));
        }
        if self.draw.chance(120) {
            blocks.push(panel("error", format!("{} customers are affected.", self.draw.between(3, 400))));
        }
        blocks
    }

    /// Where a bug was seen.
    pub(super) fn environment(&mut self) -> Value {
        document(vec![prose(self.draw.pick(&ENVIRONMENTS))])
    }

    /// A comment by `author` at `at`.
    pub(super) fn comment(&mut self, phase: Phase, author: usize, at: i64) -> Value {
        document(match phase {
            Phase::Waiting => self.question(author, at),
            Phase::Working => self.progress(author, at),
            Phase::Done => self.closing(author, at),
        })
    }

    fn question(&mut self, author: usize, at: i64) -> Vec<Value> {
        let (thing, condition) = (self.thing(), self.condition());
        match self.draw.below(5) {
            0 => vec![paragraph(vec![
                self.colleague(author, at),
                text(format!(" does this also happen {condition}? I could not see it with {thing}.")),
            ])],
            1 => vec![prose(format!(
                "Let us discuss this in the next refinement: {thing} is part of another plan."
            ))],
            2 => vec![
                quote(format!("It should work {condition}.")),
                paragraph(vec![
                    text("Is that still true? "),
                    self.colleague(author, at),
                    text(" please confirm."),
                ]),
            ],
            3 => vec![
                prose("What is missing before we can start:"),
                bullet_list(vec![
                    vec![text(format!("a decision about {thing}"))],
                    vec![text(format!("test data that shows what happens {condition}"))],
                ]),
            ],
            _ => vec![prose(format!("Two more customers ran into this, one of them {condition}."))],
        }
    }

    fn progress(&mut self, author: usize, at: i64) -> Vec<Value> {
        let (thing, condition) = (self.thing(), self.condition());
        match self.draw.below(8) {
            0 => vec![
                paragraph(vec![text(format!("Found it. {} logs this {condition}:", sentence(thing)))]),
                code_block("text", (*self.draw.pick(&self.domain.log_lines)).to_owned()),
            ],
            1 => vec![paragraph(vec![
                text("Pull request "),
                self.pull_request(),
                text(" is ready for review, "),
                self.colleague(author, at),
                text(" could you have a look?"),
            ])],
            2 => vec![
                prose("Review remarks:"),
                bullet_list(vec![
                    vec![text("the error case has no test yet")],
                    vec![text(format!("{thing} should not be called twice"))],
                    vec![text("rename "), code("tmp"), text(" to something that says what it is")],
                ]),
            ],
            3 => vec![
                prose(format!("Measured {thing} before and after:")),
                table(
                    ["Percentile", "Before", "After"],
                    vec![
                        [
                            "p50".to_owned(),
                            format!("{} ms", self.draw.between(80, 400)),
                            format!("{} ms", self.draw.between(20, 79)),
                        ],
                        [
                            "p95".to_owned(),
                            format!("{} ms", self.draw.between(900, 4000)),
                            format!("{} ms", self.draw.between(100, 600)),
                        ],
                    ],
                ),
            ],
            4 => {
                let local_id = self.local_id();
                vec![paragraph(vec![
                    text("State: "),
                    status("WAITING", "yellow", local_id),
                    text(format!(" for the team behind {thing}. We will hear by ")),
                    day(at + self.draw.span(2 * DAY, 9 * DAY)),
                    text("."),
                ])]
            }
            5 => vec![
                prose("This query shows the affected rows:"),
                code_block(
                    "sql",
                    format!(
                        "SELECT id, state, updated_at\nFROM events\nWHERE state = 'stuck'\nLIMIT {};",
                        self.draw.between(10, 500)
                    ),
                ),
            ],
            6 => vec![prose(format!(
                "Half of it is done. What is left is {thing}, mostly what it does {condition}."
            ))],
            _ => vec![paragraph(vec![
                text("Paired with "),
                self.colleague(author, at),
                text(format!(", the cause is in {thing}, not here.")),
            ])],
        }
    }

    fn closing(&mut self, author: usize, at: i64) -> Vec<Value> {
        let cheer = CHEERS[self.draw.index(CHEERS.len())];
        let (thing, condition) = (self.thing(), self.condition());
        match self.draw.below(4) {
            0 => vec![paragraph(vec![text("Deployed with "), code(self.hash()), text(" "), emoji(cheer)])],
            1 => vec![prose(format!("Verified on production, also {condition}."))],
            2 => vec![paragraph(vec![text("Thanks "), self.colleague(author, at), text(" "), emoji(cheer)])],
            _ => vec![paragraph(vec![
                text(format!("Documented how {thing} behaves {condition} in the ")),
                link("runbook", "https://wiki.example.com/runbooks".to_owned()),
                text("."),
            ])],
        }
    }

    /// What was done in a session of work; often nothing is said.
    pub(super) fn worklog(&mut self) -> Option<Value> {
        if self.draw.chance(450) {
            return None;
        }
        let thing = self.thing();
        let said = match self.draw.below(4) {
            0 => format!("Analysis of {thing}"),
            1 => format!("Implementation and tests, {thing}"),
            2 => "Review remarks worked in".to_owned(),
            _ => format!("Pairing on {thing}"),
        };
        Some(document(vec![prose(said)]))
    }
}

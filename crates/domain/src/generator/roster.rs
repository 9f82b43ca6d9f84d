//! The small model of a site that all its issues share: people, projects, sprints, versions.

use chrono_tz::Tz;

use super::Options;
use super::calendar::{
    Arrivals, DAY, HISTORY, HOUR, MINUTE, WEEK, Zone, agile_timestamp, monday, year_month_week,
};
use super::draw::{Draw, Purpose, Seed};
use super::vocabulary::{DOMAINS, Domain, FAMILY_NAMES, GIVEN_NAMES, PROJECTS};

/// Where the site's people live.
const ZONES: [Tz; 8] = [
    Tz::Europe__Berlin,
    Tz::Europe__Lisbon,
    Tz::America__New_York,
    Tz::Europe__Warsaw,
    Tz::Asia__Kolkata,
    Tz::America__Los_Angeles,
    Tz::Europe__Helsinki,
    Tz::America__Sao_Paulo,
];

/// The app that files alerts and tidies up.
pub(super) const AUTOMATION: usize = 0;

/// A person or app.
#[derive(Debug)]
pub(super) struct User {
    pub(super) account_id: String,
    pub(super) name: String,
    pub(super) zone: usize,
    /// When the account was deactivated.
    pub(super) left: Option<i64>,
    pub(super) app: bool,
}

/// Two weeks of a scrum project.
#[derive(Debug)]
pub(super) struct Sprint {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) goal: String,
    pub(super) planned: i64,
    pub(super) start: i64,
    pub(super) end: i64,
    /// When it was, or is going to be, closed.
    pub(super) complete: i64,
}

impl Sprint {
    /// `closed`, `active` or `future` at `now`.
    pub(super) fn state(&self, now: i64) -> &'static str {
        if now >= self.complete {
            "closed"
        } else if now >= self.start {
            "active"
        } else {
            "future"
        }
    }

    pub(super) fn dates(&self) -> [(&'static str, String); 2] {
        [("startDate", agile_timestamp(self.start)), ("endDate", agile_timestamp(self.end))]
    }
}

/// A release of a project.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) start: i64,
    pub(super) release: i64,
}

/// A project with its team, board, sprints and versions.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) domain: &'static Domain,
    /// Scrum boards have sprints, kanban boards have none.
    pub(super) scrum: bool,
    pub(super) members: Vec<usize>,
    pub(super) lead: usize,
    /// Issues created in it per block (see `layout`).
    pub(super) quota: u64,
    pub(super) sprints: Vec<Sprint>,
    pub(super) versions: Vec<Version>,
}

impl Project {
    pub(super) fn component_id(&self, component: usize) -> u64 {
        10_000 + (self.id - 10_000) * 8 + component as u64
    }

    /// The sprint that runs at `at`, or the next one when `at` lies between two.
    pub(super) fn sprint_at(&self, at: i64) -> Option<usize> {
        let index = self.sprints.partition_point(|sprint| sprint.complete <= at);
        (index < self.sprints.len()).then_some(index)
    }

    /// The first version to be released at or after `at`.
    pub(super) fn version_after(&self, at: i64) -> Option<usize> {
        let index = self.versions.partition_point(|version| version.release < at);
        (index < self.versions.len()).then_some(index)
    }
}

/// Everything about a site except its issues.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) seed: Seed,
    pub(super) base_url: String,
    pub(super) issues: u64,
    pub(super) now: i64,
    pub(super) users: Vec<User>,
    pub(super) projects: Vec<Project>,
    zones: Vec<Zone>,
    arrivals: Arrivals,
    /// Mixed into the jitter of arrivals.
    salt: u64,
}

impl Model {
    pub(super) fn new(options: &Options) -> Self {
        let now = options.now.timestamp_millis();
        let seed = Seed::new(options.seed);
        let zones: Vec<Zone> =
            ZONES.iter().map(|zone| Zone::new(*zone, now - HISTORY, now + 400 * DAY)).collect();
        let count = project_count(options.issues);
        let mut draw = seed.stream(Purpose::Site, 0);
        let mut model = Self {
            seed,
            base_url: options.base_url.trim_end_matches('/').to_owned(),
            issues: options.issues,
            now,
            users: vec![automation()],
            projects: Vec::with_capacity(count),
            zones,
            arrivals: Arrivals::new(now, options.issues),
            salt: options.seed,
        };
        let names = draw.below(1600) as usize;
        for number in 0..count {
            let project = model.new_project(number, names, &mut draw);
            model.projects.push(project);
        }
        model
    }

    fn new_project(&mut self, number: usize, names: usize, draw: &mut Draw) -> Project {
        let (key, name, domain) = PROJECTS[number];
        let home = [0, 2, 3, 0, 1, 4, 6, 0][number % 8];
        let lead = self.users.len();
        let members: Vec<usize> = (0..draw.between(9, 15) as usize).map(|member| lead + member).collect();
        for &member in &members {
            let zone = if member == lead || draw.chance(550) { home } else { draw.index(ZONES.len()) };
            let left =
                (member + 1 == lead + members.len()).then(|| self.now - draw.span(30 * DAY, 300 * DAY));
            self.users.push(User {
                account_id: account_id(draw),
                name: name_number(names + member),
                zone,
                left,
                app: false,
            });
        }
        let domain = DOMAINS[domain];
        // Operations work flows; everybody else plans in sprints.
        let scrum = number % 4 != 3;
        Project {
            id: 10_000 + number as u64,
            key,
            name,
            domain,
            scrum,
            members,
            lead,
            quota: [20, 18, 14, 12][number % 4],
            sprints: if scrum { self.new_sprints(number, key, home, domain, draw) } else { Vec::new() },
            versions: self.new_versions(number, key, draw),
        }
    }

    /// Wednesday to Wednesday, every second week, from the site's first weeks to two sprints ahead.
    fn new_sprints(
        &self,
        number: usize,
        key: &str,
        home: usize,
        domain: &Domain,
        draw: &mut Draw,
    ) -> Vec<Sprint> {
        let first = monday(self.now - HISTORY) + 2 * DAY + (number as i64 % 2) * WEEK;
        let count = (self.now - first) / (2 * WEEK) + 3;
        (0..count)
            .map(|ordinal| {
                let day = first + ordinal * 2 * WEEK;
                let start = self.zones[home].morning(day, 11 * HOUR) + draw.span(0, 20 * MINUTE);
                let end = self.zones[home].morning(day + 2 * WEEK, 10 * HOUR);
                Sprint {
                    id: number as u64 * 100 + ordinal.unsigned_abs() + 1,
                    name: format!("{key} Sprint {}", ordinal + 1),
                    goal: format!("Let {} {}", draw.pick(&domain.personas), draw.pick(&domain.capabilities)),
                    planned: day - 10 * DAY,
                    start,
                    end,
                    complete: end + draw.span(2 * MINUTE, 35 * MINUTE),
                }
            })
            .collect()
    }

    /// A release every four to six weeks.
    fn new_versions(&self, number: usize, key: &str, draw: &mut Draw) -> Vec<Version> {
        let semantic = number.is_multiple_of(2);
        let mut versions = Vec::new();
        let mut start = self.now - HISTORY - 20 * DAY;
        while start < self.now + 40 * DAY {
            let release = start + draw.between(28, 42).cast_signed() * DAY;
            let ordinal = versions.len() as u64;
            let (year, _, week) = year_month_week(release);
            let name = if semantic { format!("{key} 5.{ordinal}.0") } else { format!("{year}.{week:02}") };
            versions.push(Version { id: 10_000 + number as u64 * 64 + ordinal, name, start, release });
            start = release;
        }
        versions
    }

    /// When issue number `index` was created; ascending with `index`.
    pub(super) fn created(&self, index: u64) -> i64 {
        self.arrivals.created(index, mixed(self.salt ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    pub(super) fn id(&self, index: u64) -> u64 {
        10_001 + index
    }

    fn active(&self, user: usize, at: i64) -> bool {
        self.users[user].left.is_none_or(|left| at < left)
    }

    /// `at`, or when `user` is next at work.
    pub(super) fn next_at_work(&self, user: usize, at: i64, draw: &mut Draw) -> i64 {
        if self.users[user].app { at } else { self.zones[self.users[user].zone].next_at_work(at, draw) }
    }

    /// A member of the project who had not left long after `at`.
    pub(super) fn member(&self, project: usize, at: i64, draw: &mut Draw) -> usize {
        let members = &self.projects[project].members;
        let member = members[draw.index(members.len())];
        // A deactivated colleague takes no work that would outlive the account.
        if self.active(member, at + 120 * DAY) { member } else { self.projects[project].lead }
    }

    /// Another member of the project than `user`.
    pub(super) fn colleague(&self, project: usize, user: usize, at: i64, draw: &mut Draw) -> usize {
        let drawn = self.member(project, at, draw);
        let members = &self.projects[project].members;
        if drawn == user {
            members.iter().copied().find(|&member| member != user).unwrap_or(drawn)
        } else {
            drawn
        }
    }

    /// A member of the project who is in the office at `at`; else anybody in the company; else the automation.
    pub(super) fn someone_at_work(&self, project: usize, at: i64, draw: &mut Draw) -> usize {
        let fits = |user: usize| self.zones[self.users[user].zone].at_work(at) && self.active(user, at);
        let members = &self.projects[project].members;
        let first = draw.index(members.len());
        let of_team = members[first..].iter().chain(&members[..first]).copied().find(|&user| fits(user));
        if let Some(user) = of_team {
            return user;
        }
        let others = self.users.len() - 1;
        let first = draw.index(others);
        (0..others).map(|step| 1 + (first + step) % others).find(|&user| fits(user)).unwrap_or(AUTOMATION)
    }

    /// The zone's name of a user.
    pub(super) fn zone_name(&self, user: usize) -> &'static str {
        self.zones[self.users[user].zone].name
    }
}

/// Four projects for a small site, up to 32 for a large one.
fn project_count(issues: u64) -> usize {
    match issues {
        0..=5_000 => 4,
        5_001..=50_000 => 8,
        50_001..=300_000 => 16,
        _ => 32,
    }
}

fn automation() -> User {
    User {
        account_id: "557058f58131cb3ce42a6f01".to_owned(),
        name: "Automation for Jira".to_owned(),
        zone: 0,
        left: None,
        app: true,
    }
}

/// 24 hexadecimal digits, as Cloud has for accounts of some age.
fn account_id(draw: &mut Draw) -> String {
    let digits: String = (0..22).filter_map(|_| char::from_digit(draw.below(16) as u32, 16)).collect();
    format!("5{}{digits}", draw.below(10))
}

/// The given and family name of user number `number`: no two of 1,600 are equal.
fn name_number(number: usize) -> String {
    let position = number * 487 % (GIVEN_NAMES.len() * FAMILY_NAMES.len());
    format!("{} {}", GIVEN_NAMES[position % 40], FAMILY_NAMES[position / 40])
}

/// SplitMix64's finaliser: cheap and the same everywhere.
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

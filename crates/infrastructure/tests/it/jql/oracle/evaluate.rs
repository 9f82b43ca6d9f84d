//! JQL over Jira's JSON, one issue at a time: slow, obvious, and without a line of the compiler's.
//!
//! `NOT` turns operators into their opposites (jira-facts 8.2); what remains is either so or not.

use std::cmp::Ordering;

use jql::{Clause, CompareOp, FieldName, Function, Operand, Predicate, Term, Value as Literal};
use serde_json::Value;

use super::{
    desks::{self, ORGANIZATIONS, REQUEST_TYPES, SLA},
    past,
    payload::{self, Scalar, ids, parsed, scalars},
    times::Clock,
    words,
    world::{
        COMPONENTS, FILTERS, GROUPS, PRIORITIES, PROJECTS, RESOLUTIONS, ROLES, SPRINTS, STATUSES, TYPES,
        USERS, VERSIONS, World,
    },
};

/// What is asked, where and when, and by whom.
pub struct Oracle<'w> {
    pub world: &'w World,
    pub clock: Clock,
    pub user: &'static str,
}

pub fn text(literal: &Literal) -> String {
    match literal {
        Literal::Number(number) => number.to_string(),
        Literal::String(text) => text.clone(),
    }
}

/// The name of a field, or of a part of a property with all that leads there.
fn named(field: &jql::Field) -> String {
    match field.properties.as_slice() {
        [] => canonical(&field.name),
        [property] => std::iter::once(format!("property/{}", property.key))
            .chain(property.path.iter().cloned())
            .collect::<Vec<_>>()
            .join("/"),
        _ => unreachable!("one property at a time"),
    }
}

/// The name of a field, as one word for all its aliases.
pub fn canonical(name: &FieldName) -> String {
    let name = match name {
        FieldName::CustomId(id) | FieldName::Id(id) => format!("customfield_{id}"),
        FieldName::Name(name) => name.to_lowercase(),
    };
    match name.as_str() {
        "story points" | "story points[number]" => "customfield_10001",
        "team" | "team[dropdown]" => "customfield_10003",
        "notes" | "notes[paragraph]" => "customfield_10004",
        "launch" => "customfield_10005",
        "seen at" => "customfield_10006",
        "owner" => "customfield_10007",
        "regions" => "customfield_10008",
        "tags" => "customfield_10009",
        "time to resolution" => SLA,
        "request type" | "customer request type" => "customfield_10011",
        "organizations" => "customfield_10012",
        "id" | "issue" | "issuekey" | "workitemkey" => "key",
        "issuetype" | "worktype" => "type",
        "createddate" => "created",
        "updateddate" => "updated",
        "resolutiondate" => "resolved",
        "duedate" => "due",
        "space" => "project",
        "textfields" => "text",
        "timeoriginalestimate" => "originalestimate",
        "timeestimate" => "remainingestimate",
        other => return other.to_owned(),
    }
    .to_owned()
}

impl Oracle<'_> {
    pub fn holds(&self, clause: &Clause, issue: &Value) -> bool {
        match clause {
            Clause::And(parts) => parts.iter().all(|part| self.holds(part, issue)),
            Clause::Or(parts) => parts.iter().any(|part| self.holds(part, issue)),
            Clause::Not(part) => self.fails(part, issue),
            Clause::Term(term) => self.term(&named(&term.field), &term.predicate, issue),
        }
    }

    fn fails(&self, clause: &Clause, issue: &Value) -> bool {
        match clause {
            Clause::And(parts) => parts.iter().any(|part| self.fails(part, issue)),
            Clause::Or(parts) => parts.iter().all(|part| self.fails(part, issue)),
            Clause::Not(part) => self.holds(part, issue),
            Clause::Term(Term { field, predicate }) => {
                let field = named(field);
                match opposite(predicate) {
                    Some(predicate) => self.term(&field, &predicate, issue),
                    None => !self.term(&field, predicate, issue),
                }
            }
        }
    }

    fn term(&self, field: &str, predicate: &Predicate, issue: &Value) -> bool {
        if field == "filter" {
            return self.filtered(predicate, issue);
        }
        match predicate {
            Predicate::Is { negated } => self.is_empty(field, issue) != *negated,
            Predicate::In { negated: false, operand } => self.equals_any(field, operand, issue),
            Predicate::In { negated: true, operand } => self.differs_from_all(field, operand, issue),
            Predicate::Compare { op, operand } => match op {
                CompareOp::Equals => self.equals_any(field, operand, issue),
                CompareOp::NotEquals => self.differs_from_all(field, operand, issue),
                CompareOp::Like => self.is_like(field, operand, issue),
                // `text` is every text of the issue, and no issue has none.
                CompareOp::NotLike => {
                    (field == "text" || !self.is_empty(field, issue)) && !self.is_like(field, operand, issue)
                }
                CompareOp::LessThan => self.compares(field, operand, issue, Ordering::is_lt),
                CompareOp::LessThanEquals => self.compares(field, operand, issue, Ordering::is_le),
                CompareOp::GreaterThan => self.compares(field, operand, issue, Ordering::is_gt),
                CompareOp::GreaterThanEquals => self.compares(field, operand, issue, Ordering::is_ge),
            },
            Predicate::Was { .. } | Predicate::WasIn { .. } | Predicate::Changed { .. } => {
                past::holds(self, field, predicate, issue)
            }
        }
    }

    fn filtered(&self, predicate: &Predicate, issue: &Value) -> bool {
        let (operand, negated) = match predicate {
            Predicate::In { operand, negated } => (operand, *negated),
            Predicate::Compare { op, operand } => (operand, *op == CompareOp::NotEquals),
            _ => unreachable!("no operator of filters"),
        };
        let meets = |operand: &Operand| {
            let Operand::Value(literal) = operand else { unreachable!("filters are named") };
            let named = text(literal).to_lowercase();
            let (_, _, jql) = FILTERS.iter().find(|f| f.0 == named || f.1.to_lowercase() == named).unwrap();
            let clause = jql::parse(jql).unwrap().filter.unwrap();
            if negated { self.fails(&clause, issue) } else { self.holds(&clause, issue) }
        };
        match operand {
            Operand::List(list) if negated => list.iter().all(meets),
            Operand::List(list) => list.iter().any(meets),
            one => meets(one),
        }
    }

    fn equals_any(&self, field: &str, operand: &Operand, issue: &Value) -> bool {
        match operand {
            Operand::List(list) => list.iter().any(|one| self.equals_any(field, one, issue)),
            Operand::Empty => self.is_empty(field, issue),
            one if is_unresolved(field, one) => self.is_empty(field, issue),
            Operand::Value(literal) => self.equals(field, literal, issue),
            Operand::Function(function) => self.in_function(field, function, issue),
        }
    }

    /// Empty fields differ from nothing, but that links may be of other types only or not be there at all.
    fn differs_from_all(&self, field: &str, operand: &Operand, issue: &Value) -> bool {
        (field == "issuelinktype" || !self.is_empty(field, issue)) && !self.equals_any(field, operand, issue)
    }

    pub fn is_empty(&self, field: &str, issue: &Value) -> bool {
        if field.starts_with("property/") {
            return payload::property(field, issue).is_empty();
        }
        if field == "comment" || field == "worklogcomment" {
            return payload::texts(field, issue).is_empty();
        }
        match field {
            "summary" | "description" | "environment" | "customfield_10004" => {
                payload::texts(field, issue).is_empty()
            }
            SLA => !desks::is_started(issue),
            "watcher" => issue["fields"]["watches"]["watchCount"] == 0,
            "voter" => issue["fields"]["votes"]["votes"] == 0,
            "attachments" => issue["fields"]["attachment"].as_array().is_none_or(Vec::is_empty),
            _ => match scalars(field, issue) {
                Some(scalars) => scalars.is_empty(),
                None => ids(field, issue).is_empty(),
            },
        }
    }

    fn equals(&self, field: &str, literal: &Literal, issue: &Value) -> bool {
        if field.starts_with("property/") {
            let wanted = text(literal);
            let same = |value: &Value| match (value, wanted.parse::<f64>()) {
                (Value::Number(number), Ok(wanted)) => number.as_f64() == Some(wanted),
                (Value::String(text), _) => text.to_lowercase() == wanted.to_lowercase(),
                (other, _) => serde_json::to_string(other).is_ok_and(|text| text == wanted.to_lowercase()),
            };
            return payload::property(field, issue).iter().any(same);
        }
        if let Some(scalars) = scalars(field, issue)
            && !(field == "key" && matches!(literal, Literal::String(text) if text.contains('-')))
        {
            let wanted = self.scalar(field, literal);
            return scalars.into_iter().any(|own| as_named_by(literal, own) == wanted);
        }
        let wanted = self.named(field, literal);
        ids(field, issue).iter().any(|id| wanted.contains(id))
    }

    /// The ids that a literal stands for: a key before a name before an id; a number without quotation marks is an id first.
    pub fn named(&self, field: &str, literal: &Literal) -> Vec<String> {
        let wanted = text(literal).to_lowercase();
        let roster = roster(field);
        let Some(roster) = roster else { return vec![wanted] };
        let by = |which: fn(&Named) -> Option<String>| -> Vec<String> {
            let same = |named: &&Named| which(named).is_some_and(|text| text.to_lowercase() == wanted);
            self.roster(roster).iter().filter(same).map(|named| named.id.clone()).collect()
        };
        let (id, key, name) =
            (by(|n| Some(n.id.clone())), by(|n| n.key.clone()), by(|n| Some(n.name.clone())));
        let mut order = match (literal, roster) {
            (Literal::Number(_), _) | (_, "user") => [id, key, name],
            _ => [key, name, id],
        };
        let found = order.iter_mut().find(|found| !found.is_empty()).map(std::mem::take);
        found.unwrap_or_default()
    }

    fn roster(&self, roster: &str) -> Vec<Named> {
        let plain = |id: &str, name: &str| Named { id: id.into(), key: None, name: name.into() };
        match roster {
            "project" => PROJECTS
                .iter()
                .map(|p| Named { id: p.0.into(), key: Some(p.1.into()), name: p.2.into() })
                .collect(),
            "type" => TYPES.iter().map(|t| plain(t.0, t.1)).collect(),
            "status" => STATUSES.iter().map(|s| plain(s.0, s.1)).collect(),
            "priority" => PRIORITIES.iter().map(|p| plain(p.0, p.1)).collect(),
            "resolution" => RESOLUTIONS.iter().map(|r| plain(r.0, r.1)).collect(),
            "user" => USERS.iter().map(|u| plain(u.0, u.1)).collect(),
            "sprint" => SPRINTS.iter().map(|s| plain(&s.0.to_string(), s.1)).collect(),
            "version" => VERSIONS.iter().map(|v| plain(v.0, v.2)).collect(),
            "requesttype" => REQUEST_TYPES.iter().map(|kind| plain(kind.0, kind.1)).collect(),
            "organization" => ORGANIZATIONS.iter().map(|known| plain(known.0, known.1)).collect(),
            "component" => COMPONENTS.iter().map(|c| plain(c.0, c.2)).collect(),
            "option" => super::world::OPTIONS.iter().map(|o| plain(o.0, o.1)).collect(),
            "level" => vec![plain("60", "Staff")],
            "category" => vec![plain("91", "Money"), plain("92", "Past")],
            "statuscategory" => vec![
                plain("new", "To Do"),
                plain("2", "2"),
                plain("indeterminate", "In Progress"),
                plain("done", "Done"),
            ],
            "issue" => self
                .world
                .issues
                .iter()
                .map(|issue| {
                    let text = |name: &str| issue[name].as_str().unwrap().to_owned();
                    Named { id: text("id"), key: Some(text("key")), name: String::new() }
                })
                .collect(),
            other => unreachable!("no roster of {other}"),
        }
    }

    fn scalar(&self, field: &str, literal: &Literal) -> Scalar {
        match field {
            "due" | "customfield_10005" | "worklogdate" => {
                Scalar::Day(self.clock.day(self.clock.instant(literal)))
            }
            "created" | "updated" | "resolved" | "customfield_10006" | "statuscategorychangeddate" => {
                Scalar::Time(self.clock.instant(literal))
            }
            "timespent" | "originalestimate" | "remainingestimate" => {
                Scalar::Number(super::times::working_seconds(&text(literal)))
            }
            _ => Scalar::Number(text(literal).parse().unwrap()),
        }
    }

    fn compares(&self, field: &str, operand: &Operand, issue: &Value, wanted: fn(Ordering) -> bool) -> bool {
        if field.starts_with("property/") {
            return self.property_compares(field, operand, issue, wanted);
        }
        match field {
            SLA => {
                let Operand::Function(function) = operand else {
                    unreachable!("clocks are asked by functions")
                };
                return desks::shown(function, issue).is_some_and(|(own, other)| wanted(own.cmp(&other)));
            }
            "fixversion" | "affectedversion" => {
                let others = match operand {
                    Operand::Value(literal) => self.named(field, literal),
                    Operand::Function(function) => self.versions(function),
                    _ => unreachable!("no list here"),
                };
                let place = |id: &String| VERSIONS.iter().position(|v| v.0 == id).unwrap();
                return ids(field, issue).iter().any(|own| {
                    others.iter().any(|other| {
                        let (own, other) = (place(own), place(other));
                        VERSIONS[own].1 == VERSIONS[other].1 && wanted(own.cmp(&other))
                    })
                });
            }
            "priority" | "resolution" => {
                let Operand::Value(literal) = operand else { unreachable!("no function here") };
                let Some(own) = ids(field, issue).pop() else { return false };
                let other = self.named(field, literal).pop().unwrap();
                let place = |id: &str| match field {
                    // The highest is the first.
                    "priority" => -(PRIORITIES.iter().position(|p| p.0 == id).unwrap() as i64),
                    _ => RESOLUTIONS.iter().position(|r| r.0 == id).unwrap() as i64,
                };
                return wanted(place(&own).cmp(&place(&other)));
            }
            "key" => {
                let Operand::Value(literal) = operand else { unreachable!("no function here") };
                if let Some((project, number)) = text(literal).split_once('-') {
                    let (own_project, own) = issue["key"].as_str().unwrap().split_once('-').unwrap();
                    let number: i64 = number.parse().unwrap();
                    return own_project == project.to_uppercase()
                        && wanted(own.parse::<i64>().unwrap().cmp(&number));
                }
            }
            _ => {}
        }
        let other = match operand {
            Operand::Value(literal) => self.scalar(field, literal),
            Operand::Function(function) => self.moment(field, function),
            _ => unreachable!("no list here"),
        };
        let own = scalars(field, issue).unwrap().into_iter().map(|own| match operand {
            Operand::Value(literal) => as_named_by(literal, own),
            _ => own,
        });
        own.into_iter().any(|own| wanted(own.partial_cmp(&other).unwrap()))
    }

    /// Numbers with a number, times with a date.
    fn property_compares(
        &self,
        field: &str,
        operand: &Operand,
        issue: &Value,
        wanted: fn(Ordering) -> bool,
    ) -> bool {
        let at = match operand {
            Operand::Value(literal) => {
                if let Ok(other) = text(literal).parse::<f64>() {
                    let numbers =
                        payload::property(field, issue).into_iter().filter_map(|value| value.as_f64());
                    return numbers.into_iter().any(|own| wanted(own.partial_cmp(&other).unwrap()));
                }
                self.clock.instant(literal)
            }
            Operand::Function(function) => self.clock.call(function),
            _ => unreachable!("no list here"),
        };
        payload::property(field, issue).iter().filter_map(parsed).any(|own| wanted(own.cmp(&at)))
    }

    /// The accounts in the group that a function names.
    pub fn members(&self, function: &Function) -> Vec<String> {
        let wanted = function.arguments[0].to_lowercase();
        let is_it = |group: &&(&str, &str, &[&str])| group.1.to_lowercase() == wanted || group.0 == wanted;
        let (_, _, members) = GROUPS.iter().find(is_it).unwrap();
        members.iter().map(|member| (*member).to_owned()).collect()
    }

    /// Whether the caller plays a role in a project.
    fn plays(&self, role: &str, project: &str) -> bool {
        let (_, _, projects) =
            ROLES.iter().find(|known| known.0 == role || known.1.eq_ignore_ascii_case(role)).unwrap();
        let (_, actors) = projects.iter().find(|(of, _)| *of == project).unwrap();
        actors.iter().any(|actor| match actor.strip_prefix('@') {
            Some(group) => {
                GROUPS.iter().any(|known| known.1.eq_ignore_ascii_case(group) && known.2.contains(&self.user))
            }
            None => *actor == self.user,
        })
    }

    fn moment(&self, field: &str, function: &Function) -> Scalar {
        let instant = self.clock.call(function);
        match field {
            "due" | "customfield_10005" | "worklogdate" => Scalar::Day(self.clock.day(instant)),
            _ => Scalar::Time(instant),
        }
    }

    fn in_function(&self, field: &str, function: &Function, issue: &Value) -> bool {
        let own = || ids(field, issue);
        let argument = |place: usize| function.arguments.get(place).cloned();
        let account = |place: usize| match argument(place) {
            Some(name) => self.named("assignee", &Literal::String(name)),
            None => vec![self.user.to_owned()],
        };
        match function.name.to_lowercase().as_str() {
            _ if field == SLA => desks::stands(function, issue),
            "watchedissues" => issue["fields"]["watches"]["isWatching"] == true,
            "votedissues" => issue["fields"]["votes"]["hasVoted"] == true,
            "currentuser" if field == "watcher" => issue["fields"]["watches"]["isWatching"] == true,
            "currentuser" if field == "voter" => issue["fields"]["votes"]["hasVoted"] == true,
            "currentuser" if field.starts_with("property/") => {
                payload::property(field, issue).iter().any(|value| value == self.user)
            }
            "currentuser" => own().iter().any(|id| id == self.user),
            "membersof" => {
                let members = self.members(function);
                own().iter().any(|id| members.contains(id))
            }
            "projectswhereuserhasrole" => own().iter().any(|id| self.plays(&function.arguments[0], id)),
            "projectswhereuserhaspermission" => true,
            "opensprints" => own().iter().any(|id| is_sprint(id, "active")),
            "closedsprints" => own().iter().any(|id| is_sprint(id, "closed")),
            "futuresprints" => own().iter().any(|id| is_sprint(id, "future")),
            "subtaskissuetypes" => own().iter().any(|id| id == "4"),
            "standardissuetypes" => own().iter().any(|id| id != "4"),
            "releasedversions"
            | "unreleasedversions"
            | "latestreleasedversion"
            | "earliestunreleasedversion" => {
                let versions = self.versions(function);
                own().iter().any(|id| versions.contains(id))
            }
            "componentsleadbyuser" => {
                let lead = account(0);
                let led = |id: &String| {
                    COMPONENTS
                        .iter()
                        .any(|c| c.0 == id && c.3.is_some_and(|own| lead.contains(&own.to_owned())))
                };
                own().iter().any(led)
            }
            "projectsleadbyuser" => {
                let lead = account(0);
                own().iter().any(|id| PROJECTS.iter().any(|p| p.0 == id && lead.contains(&p.3.to_owned())))
            }
            "linkedissues" | "linkedworkitems" => self.is_linked(issue, &argument(0).unwrap(), argument(1)),
            "updatedby" => self.is_updated_by(issue, &account(0), argument(1), argument(2)),
            _ => {
                let moment = self.moment(field, function);
                scalars(field, issue).unwrap().contains(&moment)
            }
        }
    }

    /// Ids of the versions that a function stands for.
    fn versions(&self, function: &Function) -> Vec<String> {
        let projects: Vec<String> = function
            .arguments
            .iter()
            .flat_map(|name| self.named("project", &Literal::String(name.clone())))
            .collect();
        let here =
            VERSIONS.iter().filter(|v| projects.is_empty() || projects.iter().any(|project| project == v.1));
        let one = !function.name.to_lowercase().ends_with("versions");
        // One version is none that was put away.
        let of = |released: bool| {
            here.clone().filter(move |v| v.3 == released && !(one && v.4)).map(|v| v.0.to_owned())
        };
        match function.name.to_lowercase().as_str() {
            "releasedversions" => of(true).collect(),
            "unreleasedversions" => of(false).collect(),
            "latestreleasedversion" => of(true).next_back().into_iter().collect(),
            _ => of(false).next().into_iter().collect(),
        }
    }

    fn is_linked(&self, issue: &Value, to: &str, kind: Option<String>) -> bool {
        let other = self.named("key", &Literal::String(to.to_owned()));
        issue["fields"]["issuelinks"].as_array().unwrap().iter().any(|link| {
            let end = |name: &str| link[name]["id"].as_str().is_some_and(|id| other.contains(&id.to_owned()));
            let same = |name: &str| {
                kind.as_ref().is_none_or(|kind| {
                    link["type"][name].as_str().unwrap().to_lowercase() == kind.to_lowercase()
                })
            };
            // "linkedIssues(A, blocks)" are those that A blocks: seen from them, A is the inward end.
            (end("inwardIssue") && (same("name") || same("outward")))
                || (end("outwardIssue") && (same("name") || same("inward")))
        })
    }

    /// Created the issue, changed it or commented on it, in that time.
    fn is_updated_by(&self, issue: &Value, who: &[String], from: Option<String>, to: Option<String>) -> bool {
        let at = |text: String| self.clock.instant(&Literal::String(text));
        let (from, to) = (from.map(at), to.map(at));
        let within = |time: &Value| {
            let time = parsed(time).unwrap();
            from.is_none_or(|from| time >= from) && to.is_none_or(|to| time <= to)
        };
        let by = |person: &Value| who.contains(&person["accountId"].as_str().unwrap().to_owned());
        let fields = &issue["fields"];
        let changes = issue["changelog"]["histories"].as_array().unwrap().iter();
        let comments = fields["comment"]["comments"].as_array().unwrap().iter();
        (by(&fields["creator"]) && within(&fields["created"]))
            || changes.chain(comments).any(|change| by(&change["author"]) && within(&change["created"]))
    }

    fn is_like(&self, field: &str, operand: &Operand, issue: &Value) -> bool {
        let literal = match operand {
            Operand::Value(literal) => text(literal),
            Operand::Empty => return self.is_empty(field, issue),
            _ => unreachable!("no function is a text"),
        };
        if matches!(field, "fixversion" | "affectedversion") {
            let name = |id: &String| VERSIONS.iter().find(|v| v.0 == id).unwrap().2;
            return ids(field, issue).iter().any(|id| words::is_wild_match(&literal, name(id)));
        }
        payload::texts(field, issue).iter().any(|text| words::meets(text, &literal))
    }
}

/// An entry of a roster.
struct Named {
    id: String,
    key: Option<String>,
    name: String,
}

fn is_sprint(id: &str, state: &str) -> bool {
    SPRINTS.iter().any(|sprint| sprint.0.to_string() == id && sprint.2 == state)
}

fn is_unresolved(field: &str, operand: &Operand) -> bool {
    field == "resolution"
        && matches!(operand, Operand::Value(literal) if text(literal).eq_ignore_ascii_case("unresolved"))
}

/// `=` and `!=`, `<` and `>=` and so on; histories and `text ~` have no opposite but that they are not so.
fn opposite(predicate: &Predicate) -> Option<Predicate> {
    Some(match predicate {
        Predicate::Is { negated } => Predicate::Is { negated: !negated },
        Predicate::In { negated, operand } => Predicate::In { negated: !negated, operand: operand.clone() },
        Predicate::Compare { op, operand } => {
            let op = match op {
                CompareOp::Equals => CompareOp::NotEquals,
                CompareOp::NotEquals => CompareOp::Equals,
                CompareOp::Like => CompareOp::NotLike,
                CompareOp::NotLike => CompareOp::Like,
                CompareOp::LessThan => CompareOp::GreaterThanEquals,
                CompareOp::LessThanEquals => CompareOp::GreaterThan,
                CompareOp::GreaterThan => CompareOp::LessThanEquals,
                CompareOp::GreaterThanEquals => CompareOp::LessThan,
            };
            Predicate::Compare { op, operand: operand.clone() }
        }
        _ => return None,
    })
}

/// In which list the values of a field are named.
fn roster(field: &str) -> Option<&'static str> {
    Some(match field {
        "project" => "project",
        "type" => "type",
        "status" => "status",
        "statuscategory" => "statuscategory",
        "priority" => "priority",
        "resolution" => "resolution",
        "assignee" | "reporter" | "creator" | "customfield_10007" | "worklogauthor" | "watcher" | "voter" => {
            "user"
        }
        "sprint" => "sprint",
        "fixversion" | "affectedversion" => "version",
        "component" => "component",
        "key" | "parent" | "epic link" => "issue",
        "customfield_10003" | "customfield_10008" => "option",
        "customfield_10011" => "requesttype",
        "customfield_10012" => "organization",
        "level" => "level",
        "category" => "category",
        _ => return None,
    })
}

fn as_named_by(literal: &Literal, own: Scalar) -> Scalar {
    match own {
        Scalar::Time(time) => Scalar::Time(super::times::as_named_by(literal, time)),
        own => own,
    }
}

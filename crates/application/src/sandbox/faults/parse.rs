//! Reading a fault plan: what is wrong with it is told with the name of the field.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::plan::{Fault, FaultPlan, FaultRule, Reach, Window};
use crate::error::{Error, FieldProblem, Result};

/// More rules than that are refused.
const MOST_RULES: usize = 100;
/// A longer wait is no latency any more.
const LONGEST_WAIT_MS: u64 = 600_000;
/// What every rule may say beside its fault.
const COMMON: [&str; 5] = ["probability", "on", "first", "times", "window"];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl TryFrom<Value> for FaultPlan {
    type Error = Error;

    fn try_from(plan: Value) -> Result<Self> {
        Self::parse(&plan)
    }
}

impl FaultPlan {
    /// Reads a plan: `{"seed": …, "rules": [{"fault": …, …}]}`.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming each wrong field (`rules[2].probability`).
    pub fn parse(plan: &Value) -> Result<Self> {
        let Some(members) = plan.as_object() else {
            return Err(Error::invalid(
                "plan",
                "must be an object: {\"seed\": 42, \"rules\": [{\"fault\": …}]}",
            ));
        };
        let mut problems = Problems::default();
        for name in members.keys().filter(|name| !["seed", "rules"].contains(&name.as_str())) {
            problems.add(name, "is not known here; a plan has `seed` and `rules`");
        }
        let seed = problems.read(members, "", "seed").unwrap_or_default();
        let rules = match members.get("rules") {
            Some(Value::Array(rules)) if rules.len() <= MOST_RULES => rules.as_slice(),
            Some(Value::Array(_)) => {
                problems.add("rules", format!("must not be more than {MOST_RULES}"));
                &[]
            }
            Some(_) => {
                problems.add("rules", "must be a list of rules, each with its `fault`");
                &[]
            }
            None => {
                problems.add("rules", "is needed; an empty list serves no fault");
                &[]
            }
        };
        let rules = rules
            .iter()
            .enumerate()
            .filter_map(|(at, rule)| problems.rule(&format!("rules[{at}]"), rule))
            .collect();
        problems.none()?;
        Ok(Self { seed, rules })
    }
}

/// What is wrong so far.
#[derive(Default)]
struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.to_owned(), message: message.into() });
    }

    fn none(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// A member, if it is there.
    fn read<T: DeserializeOwned>(&mut self, members: &Map<String, Value>, of: &str, name: &str) -> Option<T> {
        let value = members.get(name).filter(|value| !value.is_null())?;
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                let field = if of.is_empty() { name.to_owned() } else { format!("{of}.{name}") };
                self.explain(&field, &error.to_string());
                None
            }
        }
    }

    fn rule(&mut self, at: &str, rule: &Value) -> Option<FaultRule> {
        let Some(members) = rule.as_object() else {
            self.add(at, "must be an object with its `fault`");
            return None;
        };
        let before = self.0.len();
        let common: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| COMMON.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let options: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| !common.contains_key(*name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let fault = self.fault(at, options);
        let read = FaultRule {
            fault: fault?,
            probability: self.read(&common, at, "probability").unwrap_or(1.0),
            on: self.read::<Reach>(&common, at, "on").unwrap_or_default(),
            first: self.read(&common, at, "first"),
            times: self.read(&common, at, "times"),
            window: self.read::<Window>(&common, at, "window").unwrap_or_default(),
        };
        self.check(at, &read);
        (self.0.len() == before).then_some(read)
    }

    fn fault(&mut self, at: &str, options: Map<String, Value>) -> Option<Fault> {
        if !options.contains_key("fault") {
            self.add(
                &format!("{at}.fault"),
                "is needed: latency, status, rate_limit, index_lag …; see docs/sandbox.md",
            );
            return None;
        }
        let read = |options: &Map<String, Value>| Fault::deserialize(&Value::Object(options.clone()));
        let error = match read(&options) {
            Ok(fault) => return Some(fault),
            Err(error) => error.to_string(),
        };
        // Serde does not say which of the options it could not read: it is the one without which it says something else.
        let guilty = options.keys().filter(|name| *name != "fault").find(|name| {
            let mut without = options.clone();
            without.remove(*name);
            read(&without).map_or_else(|other| other.to_string() != error, |_| true)
        });
        let field = match guilty {
            Some(name) => format!("{at}.{name}"),
            None if error.starts_with("unknown variant") => format!("{at}.fault"),
            None => at.to_owned(),
        };
        self.explain(&field, &error);
        None
    }

    /// Serde's message, with the field that it names itself.
    fn explain(&mut self, field: &str, message: &str) {
        let named = |lead: &str| message.strip_prefix(lead).and_then(|rest| rest.split_once('`'));
        let (parent, _) = field.rsplit_once('.').unwrap_or(("", field));
        if let Some((name, _)) = named("missing field `") {
            return self.add(&format!("{field}.{name}"), "is needed");
        }
        if let Some((name, rest)) = named("unknown field `") {
            // The guilty option was found already; within `on` and `window` it is one level below.
            let field = match field.ends_with(&format!(".{name}")) {
                true => format!("{parent}.{name}"),
                false => format!("{field}.{name}"),
            };
            return self
                .add(&field, format!("is not known here{}", rest.replace(", expected", "; known is")));
        }
        self.add(field, format!("cannot be read: {message}"));
    }

    fn check(&mut self, at: &str, rule: &FaultRule) {
        let mut wrong = |field: &str, message: &str| self.add(&format!("{at}.{field}"), message);
        if !(0.0..=1.0).contains(&rule.probability) {
            wrong("probability", "must be 0 to 1");
        }
        if rule.on.methods.iter().any(|method| !METHODS.contains(&method.as_str())) {
            wrong("on.methods", "must be among GET, POST, PUT, PATCH, DELETE");
        }
        let bounds = rule.window;
        if bounds.from_seconds.zip(bounds.until_seconds).is_some_and(|(from, until)| from >= until) {
            wrong("window.until_seconds", "must be later than `from_seconds`");
        }
        if bounds.from_request.zip(bounds.until_request).is_some_and(|(from, until)| from > until) {
            wrong("window.until_request", "must not be before `from_request`");
        }
        if rule.fault.is_of_webhooks() {
            let requests =
                !rule.on.endpoints.is_empty() || !rule.on.methods.is_empty() || rule.on.path.is_some();
            if requests {
                wrong("on", "has `events` alone for a fault of webhooks: deliveries are no requests");
            }
            let counted = rule.first.is_some() || rule.times.is_some();
            if counted || bounds.from_request.is_some() || bounds.until_request.is_some() {
                wrong(
                    "fault",
                    "of webhooks takes `probability` and a window in seconds, and counts no requests",
                );
            }
        } else if !rule.on.events.is_empty() {
            wrong("on.events", "is for faults of webhooks");
        }
        self.check_options(at, &rule.fault);
    }

    fn check_options(&mut self, at: &str, fault: &Fault) {
        let mut wrong = |field: &str, message: &str| self.add(&format!("{at}.{field}"), message);
        match fault {
            Fault::Latency { ms, max_ms } | Fault::WebhookDelay { ms, max_ms } => {
                if max_ms.is_some_and(|max| max < *ms) {
                    wrong("max_ms", "must not be less than `ms`");
                }
                if max_ms.unwrap_or(*ms).max(*ms) > LONGEST_WAIT_MS {
                    wrong("ms", "must not be more than 600000, ten minutes");
                }
            }
            Fault::Hang { ms: Some(ms), .. } | Fault::WebhookReorder { ms } if *ms > LONGEST_WAIT_MS => {
                wrong("ms", "must not be more than 600000, ten minutes");
            }
            Fault::Status { status, .. } if !(400..=599).contains(status) => {
                wrong("status", "must be 400 to 599");
            }
            Fault::Budget { requests, per_seconds, .. } => {
                if *requests == 0 {
                    wrong("requests", "must be at least 1");
                }
                if *per_seconds == 0 {
                    wrong("per_seconds", "must be at least 1");
                }
            }
            Fault::CutBody { share } if !(0.0..1.0).contains(share) => {
                wrong("share", "must be 0 or more, and less than 1")
            }
            Fault::ShortPage { at_most: 0 } => {
                wrong("at_most", "must be at least 1: an empty page is `empty_page`")
            }
            Fault::ShiftedPage { by: 0 } => wrong("by", "must be at least 1"),
            Fault::Hidden { projects, issues, share } => {
                if !(0.0..=1.0).contains(share) {
                    wrong("share", "must be 0 to 1");
                }
                if projects.is_empty() && issues.is_empty() && *share == 0.0 {
                    wrong("share", "or `projects` or `issues` is needed: nothing would be hidden");
                }
            }
            Fault::BadIssue { issues, share, .. } | Fault::PoisonedIssue { issues, share, .. } => {
                if !(0.0..=1.0).contains(share) {
                    wrong("share", "must be 0 to 1");
                }
                if issues.is_empty() && *share == 0.0 {
                    wrong("share", "or `issues` is needed: no issue would be bad");
                }
            }
            Fault::WebhookDuplicate { copies } if !(1..=100).contains(copies) => {
                wrong("copies", "must be 1 to 100")
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(plan: Value) -> Vec<(String, String)> {
        match FaultPlan::parse(&plan).unwrap_err() {
            Error::Invalid(problems) => problems.into_iter().map(|p| (p.field, p.message)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn fields(rule: Value) -> Vec<String> {
        problems(json!({ "seed": 1, "rules": [rule] })).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn a_plan_is_read_and_written_as_the_same_plan() {
        let plan = json!({ "seed": u64::MAX, "rules": [
            { "fault": "rate_limit", "retry_after": 2, "probability": 0.25, "first": 1,
              "on": { "endpoints": ["search", "issue"], "methods": ["GET"], "path": "*/search*" } },
            { "fault": "status", "status": 503, "body": "empty", "times": 3 },
            { "fault": "hidden", "projects": ["PAY"], "window": { "from_seconds": 5, "until_seconds": 9 } },
            { "fault": "webhook_loss", "probability": 0.5, "on": { "events": ["comment_created"] } },
            { "fault": "truncated" },
        ] });
        let read = FaultPlan::parse(&plan).unwrap();
        assert_eq!(read.rules[4].fault, Fault::Truncated { changelog: 40, comments: 20, worklogs: 20 });
        assert_eq!(read.rules[4].probability, 1.0);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["rules"][0]["reason"], "jira-burst-based", "what was left out is said");
        assert_eq!(FaultPlan::parse(&written).unwrap(), read);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(fields(json!({})), ["rules[0].fault"]);
        assert_eq!(fields(json!({ "fault": "latencie", "ms": 5 })), ["rules[0].fault"]);
        assert_eq!(fields(json!({ "fault": "latency" })), ["rules[0].ms"]);
        assert_eq!(fields(json!({ "fault": "latency", "ms": "5" })), ["rules[0].ms"]);
        assert_eq!(fields(json!({ "fault": "latency", "ms": 5, "max": 6 })), ["rules[0].max"]);
        assert_eq!(fields(json!({ "fault": "login_page", "ms": 5 })), ["rules[0].ms"]);
        assert_eq!(
            fields(json!({ "fault": "login_page", "on": { "method": ["GET"] } })),
            ["rules[0].on.method"]
        );
        assert_eq!(
            fields(json!({ "fault": "login_page", "probability": "often" })),
            ["rules[0].probability"]
        );
        assert_eq!(
            problems(json!({ "seed": -1, "rule": [] }))
                .into_iter()
                .map(|(field, _)| field)
                .collect::<Vec<_>>(),
            ["rule", "seed", "rules"]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (rule, field) in [
            (json!({ "fault": "login_page", "probability": 1.5 }), "probability"),
            (json!({ "fault": "status", "status": 200 }), "status"),
            (json!({ "fault": "budget", "requests": 0, "per_seconds": 1 }), "requests"),
            (json!({ "fault": "latency", "ms": 9, "max_ms": 5 }), "max_ms"),
            (json!({ "fault": "latency", "ms": 600_001 }), "ms"),
            (json!({ "fault": "hidden" }), "share"),
            (json!({ "fault": "bad_issue", "share": 2.0 }), "share"),
            (json!({ "fault": "cut_body", "share": 1.0 }), "share"),
            (json!({ "fault": "login_page", "on": { "methods": ["get"] } }), "on.methods"),
            (json!({ "fault": "login_page", "on": { "events": ["x"] } }), "on.events"),
            (json!({ "fault": "webhook_loss", "on": { "methods": ["GET"] } }), "on"),
            (json!({ "fault": "webhook_loss", "times": 1 }), "fault"),
            (
                json!({ "fault": "login_page", "window": { "from_seconds": 9, "until_seconds": 9 } }),
                "window.until_seconds",
            ),
        ] {
            assert_eq!(fields(rule.clone()), [format!("rules[0].{field}")], "{rule}");
        }
    }
}

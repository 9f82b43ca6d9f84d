//! People who work at the source: random changes over Jira's REST, several at a time.

mod family;
mod lists;
mod silent;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Words of summaries, comments and labels.
const WORDS: &[&str] = &[
    "payment", "login", "crash", "slow", "export", "ümlaut", "日本", "🚀", "retry", "refund", "token",
    "a'b\"c",
];

/// What writers did, by kind; refused ones are counted as `refused`.
pub(super) type Written = BTreeMap<&'static str, u64>;

/// One source, and who may write there.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) http: Client,
    /// `…/jira/NAME`.
    pub(super) url: String,
    pub(super) key: String,
    /// Whether it speaks as Jira Server and Data Center do: version 2, wiki markup, people by name.
    pub(super) is_server: bool,
    /// Accounts that are given issues.
    pub(super) accounts: Arc<[String]>,
}

/// Writes until told to stop; answers what was done. The same seed makes the same choices, as far as the answers are the same.
pub(super) async fn write(
    source: Source,
    issues: Arc<Mutex<Vec<String>>>,
    seed: u64,
    stop: CancellationToken,
) -> Written {
    let mut writer = Writer::new(source, issues, seed);
    while !stop.is_cancelled() {
        let done = writer.change().await;
        *writer.written.entry(done.unwrap_or("refused")).or_default() += 1;
        let pause = Duration::from_millis(writer.below(40) + 5);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    writer.written
}

/// Makes so many changes that leave `updated` as it was; answers what was done.
pub(super) async fn write_silently(source: Source, issues: Vec<String>, seed: u64, changes: u32) -> Written {
    let mut writer = Writer::new(source, Arc::new(Mutex::new(issues)), seed);
    for _ in 0..changes {
        let done = writer.silent_change().await;
        *writer.written.entry(done.unwrap_or("refused")).or_default() += 1;
    }
    writer.written
}

struct Writer {
    source: Source,
    /// Ids of issues that may be written to; whoever deletes one takes it out.
    issues: Arc<Mutex<Vec<String>>>,
    chance: ChaCha8Rng,
    written: Written,
}

impl Writer {
    fn new(source: Source, issues: Arc<Mutex<Vec<String>>>, seed: u64) -> Self {
        Self { source, issues, chance: ChaCha8Rng::seed_from_u64(seed), written: Written::new() }
    }

    /// One change; its kind, or `None` when it was refused: the source may be failing on purpose.
    async fn change(&mut self) -> Option<&'static str> {
        let issue = self.any_issue().await;
        let Some(issue) = issue else { return self.create().await };
        match self.below(100) {
            0..=10 => self.create().await,
            11..=26 => self.edit(&issue).await,
            27..=40 => self.comment(&issue).await,
            41..=43 => self.attach(&issue).await,
            44..=55 => self.transition(&issue).await,
            56..=64 => self.work(&issue).await,
            65..=71 => self.link(&issue).await,
            72..=74 => self.uncomment(&issue).await,
            75..=76 => self.plan(&issue).await,
            77 => self.filter().await,
            78..=80 => self.relocate(&issue).await,
            81..=82 => self.assign(&issue).await,
            83 => self.search_as_others_do().await,
            84..=86 => self.version(&issue).await,
            87..=88 => self.component(&issue).await,
            89..=90 => self.sprint().await,
            91..=92 => self.group().await,
            93..=95 => self.subtask(&issue).await,
            96..=97 => self.epic(&issue).await,
            _ => self.delete(&issue).await,
        }
    }

    async fn edit(&mut self, issue: &str) -> Option<&'static str> {
        let fields = match self.below(3) {
            0 => json!({ "summary": self.words(5) }),
            1 => json!({ "labels": [self.label(), self.label(), self.label()] }),
            _ => json!({ "description": self.document(), "priority": { "name": "High" } }),
        };
        self.ask(Method::PUT, &format!("issue/{issue}"), Some(json!({ "fields": fields }))).await?;
        Some("edit")
    }

    async fn comment(&mut self, issue: &str) -> Option<&'static str> {
        let path = format!("issue/{issue}/comment");
        let body = self.document();
        if self.below(4) > 0 {
            self.ask(Method::POST, &path, Some(json!({ "body": body }))).await?;
            return Some("comment");
        }
        let comment = self.any_of(&path, "comments").await?;
        self.ask(Method::PUT, &format!("{path}/{comment}"), Some(json!({ "body": body }))).await?;
        Some("edit comment")
    }

    async fn uncomment(&mut self, issue: &str) -> Option<&'static str> {
        let path = format!("issue/{issue}/comment");
        let comment = self.any_of(&path, "comments").await?;
        self.ask(Method::DELETE, &format!("{path}/{comment}"), None).await?;
        Some("delete comment")
    }

    /// Attaches a small file, or takes one away.
    async fn attach(&mut self, issue: &str) -> Option<&'static str> {
        const BORDER: &str = "border-of-a-writer";
        if self.below(3) == 0 {
            let found = self.ask(Method::GET, &format!("issue/{issue}?fields=attachment"), None).await?;
            let attachment = self.one_of(&found["fields"]["attachment"])?;
            self.ask(Method::DELETE, &format!("attachment/{attachment}"), None).await?;
            return Some("detach");
        }
        let (name, text) = (self.label(), self.words(8));
        let form = format!(
            "--{BORDER}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}.txt\"\r\n\
             content-type: text/plain\r\n\r\n{text}\r\n--{BORDER}--\r\n",
            name.replace('"', "")
        );
        let Source { http, url, key, .. } = &self.source;
        let request = http
            .post(format!("{url}/{}/issue/{issue}/attachments", self.api()))
            .bearer_auth(key)
            .header("x-atlassian-token", "no-check")
            .header("content-type", format!("multipart/form-data; boundary={BORDER}"))
            .body(form);
        answered(request).await?;
        Some("attach")
    }

    async fn transition(&mut self, issue: &str) -> Option<&'static str> {
        let path = format!("issue/{issue}/transitions");
        let transition = self.any_of(&path, "transitions").await?;
        self.ask(Method::POST, &path, Some(json!({ "transition": { "id": transition } }))).await?;
        Some("transition")
    }

    async fn work(&mut self, issue: &str) -> Option<&'static str> {
        let path = format!("issue/{issue}/worklog");
        match self.below(4) {
            0 => {
                let worklog = self.any_of(&path, "worklogs").await?;
                self.ask(Method::DELETE, &format!("{path}/{worklog}"), None).await?;
                Some("delete worklog")
            }
            1 => {
                let worklog = self.any_of(&path, "worklogs").await?;
                let seconds = json!({ "timeSpentSeconds": 60 * (self.below(100) + 1) });
                self.ask(Method::PUT, &format!("{path}/{worklog}"), Some(seconds)).await?;
                Some("edit worklog")
            }
            _ => {
                let seconds = json!({ "timeSpentSeconds": 60 * (self.below(100) + 1) });
                self.ask(Method::POST, &path, Some(seconds)).await?;
                Some("worklog")
            }
        }
    }

    async fn assign(&mut self, issue: &str) -> Option<&'static str> {
        let account = self.account()?;
        let assignee = match self.source.is_server {
            true => json!({ "name": account }),
            false => json!({ "accountId": account }),
        };
        self.ask(Method::PUT, &format!("issue/{issue}/assignee"), Some(assignee)).await?;
        Some("assign")
    }

    /// Puts an issue into a sprint.
    async fn plan(&mut self, issue: &str) -> Option<&'static str> {
        let board = self.scrum_board().await?;
        let path = format!("rest/agile/1.0/board/{board}/sprint?state=active,future");
        let sprints = self.ask_at(Method::GET, &path, None).await?;
        let sprint = self.one_of(&sprints["values"])?;
        let issues = json!({ "issues": [issue] });
        self.ask_at(Method::POST, &format!("rest/agile/1.0/sprint/{sprint}/issue"), Some(issues)).await?;
        Some("plan")
    }

    /// Saves a filter, or deletes one.
    async fn filter(&mut self) -> Option<&'static str> {
        if self.below(3) == 0 {
            let filters = self.ask(Method::GET, "filter/my", None).await?;
            let filter = self.one_of(&filters)?;
            self.ask(Method::DELETE, &format!("filter/{filter}"), None).await?;
            return Some("delete filter");
        }
        let name = format!("{} {}", self.words(2), self.below(1 << 32));
        let filter = json!({ "name": name, "jql": "created >= -7d", "description": self.words(3) });
        self.ask(Method::POST, "filter", Some(filter)).await?;
        Some("filter")
    }

    /// Asks for the search of the other kind of Jira, as clients do that were written for that one. The mirror never does.
    async fn search_as_others_do(&mut self) -> Option<&'static str> {
        let search = if self.source.is_server { "search/jql" } else { "search" };
        self.ask(Method::GET, &format!("{search}?jql=created%20%3E%3D%20-1d&maxResults=1"), None).await?;
        Some("search as others do")
    }

    async fn delete(&mut self, issue: &str) -> Option<&'static str> {
        self.ask(Method::DELETE, &format!("issue/{issue}?deleteSubtasks=true"), None).await?;
        self.issues.lock().await.retain(|other| other != issue);
        Some("delete")
    }

    fn account(&mut self) -> Option<String> {
        let number = self.below(self.source.accounts.len() as u64);
        self.source.accounts.get(usize::try_from(number).ok()?).cloned()
    }

    /// The key of one of the projects, as it is now.
    async fn project(&mut self) -> Option<String> {
        let listed = match self.source.is_server {
            true => self.ask(Method::GET, "project", None).await?,
            false => self.ask(Method::GET, "project/search", None).await?["values"].take(),
        };
        let mut keys: Vec<&str> = listed.as_array()?.iter().filter_map(|it| it["key"].as_str()).collect();
        keys.sort_unstable();
        let number = self.below(keys.len() as u64);
        keys.get(usize::try_from(number).ok()?).map(|key| (*key).to_owned())
    }

    async fn any_issue(&mut self) -> Option<String> {
        let draw = self.chance.next_u64();
        let issues = self.issues.lock().await;
        let count = u64::try_from(issues.len()).ok().filter(|count| *count > 0)?;
        issues.get(usize::try_from(draw % count).ok()?).cloned()
    }

    /// The id of one of what an issue has.
    async fn any_of(&mut self, path: &str, list: &str) -> Option<String> {
        let found = self.ask(Method::GET, path, None).await?;
        self.one_of(&found[list])
    }

    /// The id of one of a list.
    fn one_of(&mut self, list: &Value) -> Option<String> {
        let listed = list.as_array()?;
        let number = self.below(listed.len() as u64);
        match &listed.get(usize::try_from(number).ok()?)?["id"] {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        self.ask_at(method, &format!("{}/{path}", self.api()), body).await
    }

    fn api(&self) -> &'static str {
        if self.source.is_server { "rest/api/2" } else { "rest/api/3" }
    }

    async fn ask_at(&self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let Source { http, url, key, .. } = &self.source;
        let mut request = http.request(method, format!("{url}/{path}")).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answered(request).await
    }

    fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.chance.next_u64() % bound }
    }

    fn word(&mut self) -> &'static str {
        let number = self.below(WORDS.len() as u64);
        usize::try_from(number).ok().and_then(|number| WORDS.get(number)).copied().unwrap_or("word")
    }

    fn label(&mut self) -> String {
        self.word().replace(' ', "-")
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn document(&mut self) -> Value {
        let (text, strong, point) = (self.words(6), self.word(), self.words(3));
        match self.source.is_server {
            true => json!(format!("{text} *{strong}*\n\n* {point}")),
            false => adf::from_markdown(&format!("{text} **{strong}**\n\n- {point}")).to_json(),
        }
    }
}

/// What a request was answered; `None` when it was refused.
async fn answered(request: RequestBuilder) -> Option<Value> {
    let answer = request.send().await.ok()?;
    match answer.status() {
        StatusCode::NO_CONTENT => Some(Value::Null),
        status if status.is_success() => answer.json().await.ok(),
        _ => None,
    }
}

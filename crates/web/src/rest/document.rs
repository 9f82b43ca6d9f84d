//! The parts of the OpenAPI document that operations share.

use std::collections::BTreeMap;

use application::Scope;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ArrayBuilder, Content, Header, Object, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response,
        ResponseBuilder, Type,
        schema::Array,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::problem::{FieldProblemBody, PROBLEM_JSON, ProblemBody};

/// What the document says before the first operation.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Forebay",
        description = "Instances, their sync, and the issues they hold.\n\n\
            Sign in with an API key: `Authorization: Bearer fb_…`; Basic with any user name and the key as password \
            works too. Each operation names the scope its key needs.\n\n\
            Every error is problem+json (RFC 9457) with a stable `code`, and names the wrong fields. Times are \
            RFC 3339 in UTC. `X-Request-Id` of an answer finds the request in the log and in the audit log.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "instances", description = "The Jira sites of the tenant: mirrors and sandboxes."),
        (name = "sync", description = "Keeping mirrors equal to their sources."),
        (name = "issues", description = "Issues, as they are in the copy; writes go through to Jira first."),
        (name = "reference", description = "What issues refer to: projects, people, boards, sprints, fields."),
        (name = "pulse", description = "The numbers for managers."),
        (name = "sql", description = "Read-only SQL over the views of schema `jira`."),
        (name = "audit", description = "Every write, with what was before and what is after."),
        (name = "keys", description = "API keys, and who presents one."),
        (name = "operation", description = "For those who run Forebay. Needs no key."),
    ),
    components(schemas(ProblemBody, FieldProblemBody)),
    modifiers(&Bearer),
)]
pub(super) struct ApiDocument;

/// The name of the security scheme.
const BEARER: &str = "bearer";

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("fb_<prefix>_<secret>")
            .description(Some("An API key."))
            .build();
        let components = document.components.get_or_insert_default();
        components.security_schemes.insert(BEARER.into(), SecurityScheme::Http(scheme).into());
    }
}

/// The schema of a text that is one of a few words. A field with a schema made by hand takes its description from there.
pub(super) fn word_of<'a>(description: &str, words: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .build()
}

/// The schema of a list of [`Scope`].
pub(super) fn scopes() -> Array {
    let items =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Scope::ALL.map(Scope::as_str)));
    ArrayBuilder::new().description(Some("What the key may do.")).items(items).build()
}

fn problem(description: &str) -> ResponseBuilder {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, Content::new(Some(schema)))
}

fn header(description: &str) -> Header {
    Header::builder()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

type Answers = BTreeMap<String, RefOr<Response>>;

fn answers(all: impl IntoIterator<Item = (u16, ResponseBuilder)>) -> Answers {
    all.into_iter().map(|(status, response)| (status.to_string(), response.build().into())).collect()
}

/// What every operation with a key may answer.
pub(super) struct Standard;

impl IntoResponses for Standard {
    fn responses() -> Answers {
        let known = header("How to sign in.");
        answers([
            (400, problem("The input is wrong; `errors` names each wrong field.")),
            (
                401,
                problem("The key is missing, wrong, expired or revoked.").header("WWW-Authenticate", known),
            ),
            (403, problem("The key lacks the scope, or its policy forbids it.")),
            (
                429,
                problem("More requests than the key's policy allows.")
                    .header("Retry-After", header("Seconds.")),
            ),
            (500, problem("A fault of ours; it is in the log.")),
            (
                503,
                problem("The database cannot be reached, or all its connections are in use (`busy`).")
                    .header("Retry-After", header("Seconds.")),
            ),
            (504, problem("It took longer than it may, and was stopped (`timed_out`).")),
        ])
    }
}

/// Where something is looked up by name.
pub(super) struct Missing;

impl IntoResponses for Missing {
    fn responses() -> Answers {
        answers([(404, problem("It does not exist, or the caller may not see it."))])
    }
}

/// Where the state of things can forbid it, or a name can be ambiguous.
pub(super) struct Conflicting;

impl IntoResponses for Conflicting {
    fn responses() -> Answers {
        answers([(409, problem("The present state forbids it; `detail` says what to do."))])
    }
}

/// Where a body is read.
pub(super) struct Body;

impl IntoResponses for Body {
    fn responses() -> Answers {
        answers([
            (413, problem("The body is too large.")),
            (415, problem("The body is not said to be JSON.")),
        ])
    }
}

/// Where the Jira site is asked.
pub(super) struct Upstream;

impl IntoResponses for Upstream {
    fn responses() -> Answers {
        answers([
            (429, problem("Too many requests.").header("Retry-After", header("Seconds."))),
            (502, problem("The Jira site refused or failed, or the outcome of a write is not known.")),
        ])
    }
}

/// Where JQL is read.
pub(super) struct NotServed;

impl IntoResponses for NotServed {
    fn responses() -> Answers {
        answers([(501, problem("Right JQL that is not answered here; `detail` names the construct."))])
    }
}

//! Right answers that are changed on their way out.

use application::sandbox::faults::{
    ActivePlan, Endpoint, Fault, Met,
    issues::{is_chosen, is_poisoned, issues_of, odd_histories, spoil, truncate},
    pages,
};
use serde_json::Value;

/// Whether a fault changes the JSON of an answer.
pub(super) fn is_edit(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::MissingToken {}
            | Fault::LastWithToken {}
            | Fault::NullToken {}
            | Fault::EmptyPage {}
            | Fault::RepeatedPage {}
            | Fault::DuplicateRow {}
            | Fault::Truncated { .. }
            | Fault::BadIssue { .. }
            | Fault::OddChangelog { .. }
    )
}

/// Changes an answer; `false` when there is nothing that the fault could change. `token` is the page's, as it was asked for.
pub(super) fn edit(
    answer: &mut Value,
    met: &Met<'_>,
    endpoint: Endpoint,
    token: Option<&str>,
    active: &ActivePlan,
) -> bool {
    match met.fault {
        Fault::MissingToken {} => pages::missing_token(answer),
        Fault::LastWithToken {} => pages::last_with_token(answer),
        Fault::NullToken {} => pages::null_token(answer),
        Fault::EmptyPage {} if endpoint == Endpoint::Search => pages::empty_page(answer, token),
        Fault::RepeatedPage {} if endpoint == Endpoint::Search => pages::repeated_page(answer, token),
        Fault::DuplicateRow {} => pages::duplicate_row(answer, met.draw),
        Fault::Truncated { changelog, comments, worklogs } => {
            each(answer, |issue| truncate(issue, *changelog, *comments, *worklogs))
        }
        Fault::BadIssue { how, field, issues, share } => each(answer, |issue| {
            is_chosen(active, met.rule, issue, issues, *share) && spoil(issue, *how, field)
        }),
        Fault::OddChangelog { created_as_number, without_author } => {
            odd_histories(answer, *created_as_number, *without_author)
        }
        _ => false,
    }
}

/// Whether an answer is broken by an issue that is in it.
pub(super) fn is_broken(answer: &Value, met: &Met<'_>, active: &ActivePlan) -> bool {
    let Fault::PoisonedIssue { alone, issues, share, .. } = met.fault else { return false };
    is_poisoned(answer, *alone, |issue| is_chosen(active, met.rule, issue, issues, *share))
}

/// Changes every issue of an answer that there is something to change of; `false` when there is none.
fn each(answer: &mut Value, mut change: impl FnMut(&mut Value) -> bool) -> bool {
    let mut changed = false;
    for issue in issues_of(answer) {
        changed |= change(issue);
    }
    changed
}

//! A sprint as issues of a Server show it: the text of a Java object (jira-facts 6.3).

use std::fmt;

/// What the text tells. Dates are as Jira writes them; what there is none of is `<null>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SprintText<'a> {
    /// Its id.
    pub id: i64,
    /// Its board.
    pub board: Option<i64>,
    /// Its name.
    pub name: &'a str,
    /// `future`, `active` or `closed`.
    pub state: &'a str,
    /// When it began.
    pub start: Option<&'a str>,
    /// When it is to end.
    pub end: Option<&'a str>,
    /// When it was closed.
    pub complete: Option<&'a str>,
    /// Its goal.
    pub goal: Option<&'a str>,
}

impl fmt::Display for SprintText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_null = |text: Option<&str>| text.unwrap_or("<null>").to_owned();
        let board = self.board.map(|board| board.to_string());
        write!(
            f,
            "com.atlassian.greenhopper.service.sprint.Sprint@{:x}[id={},rapidViewId={},state={},name={},startDate={},endDate={},\
             completeDate={},activatedDate=<null>,sequence={},goal={},autoStartStop=false]",
            self.id,
            self.id,
            or_null(board.as_deref()),
            self.state.to_uppercase(),
            self.name,
            or_null(self.start),
            or_null(self.end),
            or_null(self.complete),
            self.id,
            or_null(self.goal),
        )
    }
}

"""mcp-atlassian against a site that Forebay serves: what its tools do, without the protocol around them."""

import os

from steps import BOARDS, SITE, TOKEN, WRITES, same, step, verdict

# As its users name their site. It calls no others on addresses like this one.
os.environ["JIRA_URL"] = SITE

from mcp_atlassian.jira import JiraFetcher  # noqa: E402
from mcp_atlassian.jira.config import JiraConfig  # noqa: E402


# On any host that is not Atlassian's it takes a site for a Server.
@step
def connect():
    return JiraFetcher(config=JiraConfig(url=SITE, auth_type="pat", personal_token=TOKEN, timeout=30))


jira = connect


@step
def projects():
    listed = jira.get_all_projects()
    assert listed
    key = listed[0]["key"]
    same(jira.get_project(key)["key"], key)
    found = jira.search_projects(key)
    assert key in [project["key"] for project in found], found
    assert jira.get_project_issue_types(key)
    jira.get_project_components(key)
    jira.get_project_versions(key)
    return key


project = projects


@step
def fields():
    assert jira.get_fields()
    assert jira.search_fields("summary")


@step
def search():
    found = jira.search_issues("project is not EMPTY ORDER BY created ASC", limit=5)
    same(len(found.issues), 5)
    assert found.total >= 5
    rest = jira.search_issues("project is not EMPTY ORDER BY created ASC", limit=5, start=5)
    assert {issue.key for issue in rest.issues}.isdisjoint(issue.key for issue in found.issues)
    return found.issues[0].key


first = search


@step
def issue():
    read = jira.get_issue(first, expand="renderedFields", comment_limit=5)
    same(read.key, first)
    assert read.summary and read.status.name
    jira.get_issue_comments(first)
    jira.get_worklogs(first)


@step(when=BOARDS)
def boards():
    listed = jira.get_all_agile_boards(limit=50)
    assert listed
    scrum = [board for board in listed if board["type"] == "scrum"]
    if scrum:
        for sprint in jira.get_all_sprints_from_board(str(scrum[0]["id"]), limit=5):
            jira.get_sprint_issues(str(sprint["id"]), limit=5)
        jira.get_board_issues(str(scrum[0]["id"]), jql="", limit=5)


@step
def link_types():
    assert jira.get_issue_link_types()


@step(when=WRITES)
def create():
    made = jira.create_issue(
        project_key=project, summary="Made by a tool", issue_type="Task", description="*bold* and `code`", labels=["mcp"]
    )
    same(made.summary, "Made by a tool")
    return made.key


made = create


@step(when=WRITES)
def edit():
    jira.update_issue(made, {"summary": "Edited by a tool"})
    same(jira.get_issue(made).summary, "Edited by a tool")


@step(when=WRITES)
def comment():
    added = jira.add_comment(made, "A **comment**")
    assert added["id"]
    jira.edit_comment(made, added["id"], "Another one")
    assert "Another one" in jira.get_issue_comments(made)[0]["body"]


@step(when=WRITES)
def work():
    jira.add_worklog(made, "1h", comment="Done")
    same(len(jira.get_worklogs(made)), 1)


@step(when=WRITES)
def transition():
    open_ones = jira.get_available_transitions(made)
    assert open_ones
    jira.transition_issue(made, str(open_ones[-1]["id"]), comment="On its way")
    assert jira.get_issue(made).status.name


@step(when=WRITES)
def link():
    kind = jira.get_issue_link_types()[0].name
    jira.create_issue_link({"type": {"name": kind}, "inwardIssue": {"key": made}, "outwardIssue": {"key": first}})


@step(when=WRITES)
def delete():
    assert jira.delete_issue(made)


verdict()

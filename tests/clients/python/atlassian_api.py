"""atlassian-python-api against a site that Forebay serves."""

import io

from atlassian import Jira

from steps import BOARDS, CLOUD, SITE, TOKEN, WRITES, same, step, verdict


@step
def connect():
    return Jira(url=SITE, username="me@example.com", password=TOKEN, cloud=CLOUD, timeout=30)


jira = connect


@step
def who_and_where():
    assert jira.myself()["displayName"]
    assert jira.get_server_info()["baseUrl"].endswith(SITE.rsplit("/", 1)[1])


@step
def rosters():
    projects = jira.projects()
    assert projects and all(project["key"] for project in projects)
    same(jira.project(projects[0]["key"])["key"], projects[0]["key"])
    assert jira.get_all_statuses() and jira.get_issue_types()
    assert jira.get_all_priorities() is not None
    jira.get_all_fields()
    jira.get_issue_link_types()


@step
def search():
    if CLOUD:
        found = jira.enhanced_jql("project is not EMPTY ORDER BY created ASC", limit=5)
    else:
        found = jira.jql("project is not EMPTY ORDER BY created ASC", limit=5)
    same(len(found["issues"]), 5)
    return found["issues"][0]


first = search


@step
def search_with_paging():
    keys = []
    if CLOUD:
        token = None
        while True:
            page = jira.enhanced_jql("project is not EMPTY ORDER BY key", fields="summary", limit=7, nextPageToken=token)
            keys += [issue["key"] for issue in page["issues"]]
            token = page.get("nextPageToken")
            if not token:
                break
        same(jira.approximate_issue_count("project is not EMPTY")["count"], len(keys))
    else:
        while True:
            page = jira.jql("project is not EMPTY ORDER BY key", fields="summary", start=len(keys), limit=7)
            keys += [issue["key"] for issue in page["issues"]]
            if len(keys) >= page["total"]:
                break
    same(len(keys), len(set(keys)), "no issue twice")


@step
def get_an_issue():
    issue = jira.issue(first["key"], expand="changelog")
    same(issue["id"], first["id"])
    assert "histories" in issue["changelog"]
    assert jira.issue_exists(first["key"])
    assert not jira.issue_exists("NOSUCH-1")
    same(jira.issue_field_value(first["key"], "summary"), issue["fields"]["summary"])
    assert jira.get_issue_status(first["key"])


@step
def what_hangs_on_it():
    jira.issue_get_comments(first["key"])
    jira.issue_get_worklog(first["key"])
    jira.get_issue_changelog(first["key"])
    if WRITES:  # a mirror does not hold them
        jira.get_issue_remote_links(first["key"])
    jira.issue_get_watchers(first["key"])
    jira.get_issue_transitions(first["key"])


@step(when=BOARDS)
def boards_and_sprints():
    boards = jira.get_all_agile_boards()["values"]
    scrum = next(board for board in boards if board["type"] == "scrum")
    same(jira.get_agile_board(scrum["id"])["name"], scrum["name"])
    sprints = jira.get_all_sprints_from_board(scrum["id"])["values"]
    assert sprints
    assert jira.get_all_sprints_from_board(scrum["id"], state="active")["values"] or not WRITES
    assert jira.get_issues_for_board(scrum["id"], jql=None)["issues"]
    jira.get_issues_for_backlog(scrum["id"])
    epics = jira.get_epics(scrum["id"])["values"]
    assert epics
    jira.get_issues_for_epic(scrum["id"], epics[0]["id"])
    jira.get_issues_without_epic(scrum["id"])
    sprint = jira.get_sprint(sprints[0]["id"])
    assert "issues" in jira.get_sprint_issues(sprint["id"], 0, 10)
    return scrum


@step(when=BOARDS and WRITES)
def how_a_board_is_configured():
    found = jira.get_agile_board_configuration(boards_and_sprints["id"])
    same([column["name"] for column in found["columnConfig"]["columns"]], ["To Do", "In Progress", "Done"])
    assert jira.get_filter(found["filter"]["id"])["jql"]


# What follows writes.


def fields(**more):
    project = {"key": first["fields"]["project"]["key"]}
    return {"project": project, "issuetype": {"name": "Task"}, "summary": "Made by a client", **more}


@step(when=WRITES)
def create():
    return jira.issue_create(fields(description="A *bold* word"))


made = create


@step(when=WRITES)
def create_in_bulk():
    answer = jira.create_issues([{"fields": fields()}, {"fields": fields()}])
    same(len(answer["issues"]), 2)


@step(when=WRITES)
def edit():
    jira.update_issue_field(made["key"], {"summary": "Changed"})
    same(jira.issue_field_value(made["key"], "summary"), "Changed")
    jira.issue_update(made["key"], fields={}, update={"labels": [{"add": "client"}]})
    same(jira.issue_field_value(made["key"], "labels"), ["client"])


@step(when=WRITES)
def transition():
    offered = jira.get_issue_transitions(made["key"])
    to = offered[0]["to"]
    jira.set_issue_status(made["key"], to)
    same(jira.get_issue_status(made["key"]), to)


@step(when=WRITES)
def comment():
    comment = jira.issue_add_comment(made["key"], "First")
    jira.issue_edit_comment(made["key"], comment["id"], "Second")
    same([each["body"] for each in jira.issue_get_comments(made["key"])["comments"]], ["Second"])


@step(when=WRITES)
def worklog():
    jira.issue_worklog(made["key"], "2026-01-05T09:00:00.000+0000", 3600, comment="dug")
    same(jira.issue_get_worklog(made["key"])["worklogs"][0]["timeSpentSeconds"], 3600)


@step(when=WRITES and BOARDS)
def link():
    jira.create_issue_link(
        {"type": {"name": "Relates"}, "inwardIssue": {"key": made["key"]}, "outwardIssue": {"key": first["key"]}}
    )
    links = jira.issue_field_value(made["key"], "issuelinks")
    same(links[0]["outwardIssue"]["key"], first["key"])
    jira.remove_issue_link(links[0]["id"])


@step(when=WRITES)
def remote_link():
    jira.create_or_update_issue_remote_links(made["key"], "https://example.com/a", "A", global_id="a")
    jira.create_or_update_issue_remote_links(made["key"], "https://example.com/b", "B", global_id="a")
    same([each["object"]["title"] for each in jira.get_issue_remote_links(made["key"])], ["B"])


@step(when=WRITES)
def attach():
    content = io.BytesIO(b"some bytes")
    content.name = "bytes.bin"
    attached = jira.add_attachment_object(made["key"], content)
    same(attached[0]["filename"], "bytes.bin")
    found = jira.get_attachments_ids_from_issue(made["key"])
    same([each["attachment_id"] for each in found], [attached[0]["id"]])
    same(jira.get_attachment_content(attached[0]["id"]), b"some bytes")
    jira.remove_attachment(attached[0]["id"])
    same(jira.issue_field_value(made["key"], "attachment"), [])


@step(when=WRITES)
def watch():
    me = jira.myself()["accountId" if CLOUD else "name"]
    jira.issue_add_watcher(made["key"], me)
    same(jira.issue_get_watchers(made["key"])["watchCount"], 1)
    if CLOUD:
        jira.issue_delete_watcher(made["key"], account_id=me)
    else:
        jira.issue_delete_watcher(made["key"], user=me)
    same(jira.issue_get_watchers(made["key"])["watchCount"], 0)


@step(when=WRITES)
def properties():
    jira.set_issue_property(made["key"], "review", {"state": "open"})
    same(jira.get_issue_property(made["key"], "review")["value"], {"state": "open"})
    same([each["key"] for each in jira.get_issue_property_keys(made["key"])["keys"]], ["review"])
    jira.delete_issue_property(made["key"], "review")


@step(when=WRITES)
def feeds_of_worklogs():
    jira.get_updated_worklogs(0)
    jira.get_deleted_worklogs(0)
    ids = [each["id"] for each in jira.issue_get_worklog(made["key"])["worklogs"]]
    same([each["id"] for each in jira.get_worklogs(ids)], ids)


@step(when=WRITES and BOARDS)
def sprints():
    board = boards_and_sprints
    sprint = jira.create_sprint("By a client", board["id"], goal="be quick")
    same(sprint["state"], "future")
    issue = jira.issue_create(fields())
    jira.add_issues_to_sprint(sprint["id"], [issue["key"]])
    same(len(jira.get_sprint_issues(sprint["id"], 0, 10)["issues"]), 1)
    jira.update_partially_sprint(sprint["id"], {"name": "Renamed"})
    same(jira.get_sprint(sprint["id"])["name"], "Renamed")
    jira.add_issues_to_backlog([issue["key"]])
    same(jira.get_sprint_issues(sprint["id"], 0, 10)["issues"], [])
    jira.delete_sprint(sprint["id"])


@step(when=WRITES)
def filters():
    made_filter = jira.create_filter("By a client", "statusCategory != Done")
    same(jira.get_filter(made_filter["id"])["jql"], "statusCategory != Done")
    jira.edit_filter(made_filter["id"], "By the client", jql="project is not EMPTY")
    jira.delete_filter(made_filter["id"])


@step
def versions_components_and_users():
    project = first["fields"]["project"]["key"]
    jira.get_project_versions(project)
    jira.get_project_components(project)
    jira.get_all_assignable_users_for_project(project)
    assert jira.issue_createmeta_issuetypes(project)


@step(when=WRITES)
def assign():
    someone = first["fields"]["reporter"]
    jira.assign_issue(made["key"], someone["accountId" if CLOUD else "name"])
    same(jira.issue_field_value(made["key"], "assignee")["displayName"], someone["displayName"])


@step(when=WRITES)
def versions_and_components():
    project = jira.project(first["fields"]["project"]["key"])
    version = jira.add_version(project["key"], project["id"], "Of a client")
    same(version["released"], False)
    jira.update_version(version["id"], is_released=True)
    found = [each for each in jira.get_project_versions(project["key"]) if each["name"] == "Of a client"]
    same(found[0]["released"], True)
    jira.delete_version(version["id"])
    component = jira.create_component({"name": "Of a client", "project": project["key"]})
    same(jira.component(component["id"])["name"], "Of a client")
    same(jira.get_component_related_issues(component["id"])["issueCount"], 0)
    jira.delete_component(component["id"])


@step(when=WRITES)
def delete():
    jira.delete_issue(made["key"])
    assert not jira.issue_exists(made["key"])


verdict()

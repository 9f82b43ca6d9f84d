"""jira (pycontribs) against a site that Forebay serves."""

import io

from jira import JIRA

from steps import BOARDS, CLOUD, SITE, TOKEN, WRITES, same, step, verdict


@step
def connect():
    return JIRA(SITE, basic_auth=("me@example.com", TOKEN), max_retries=0, timeout=30)


jira = connect


@step
def connect_with_a_check_of_the_session():
    JIRA(SITE, basic_auth=("me@example.com", TOKEN), max_retries=0, validate=True)


@step
def it_is_taken_for_what_it_is():
    same(jira._is_cloud, CLOUD)
    assert jira.server_info()["serverTitle"]
    assert jira.myself()["displayName"]


@step
def rosters():
    assert jira.projects()
    assert jira.statuses()
    assert jira.issue_types()
    assert jira.priorities()
    jira.fields()
    jira.resolutions()
    jira.issue_link_types()


@step
def search_one_page():
    found = jira.search_issues("project is not EMPTY ORDER BY created ASC", maxResults=5)
    same(len(found), 5)
    assert found[0].fields.summary and found[0].fields.status.name
    return found


first = search_one_page[0] if search_one_page else None


@step
def search_with_paging():
    found = jira.search_issues("project is not EMPTY ORDER BY key ASC", maxResults=False, fields="summary")
    keys = [issue.key for issue in found]
    same(len(keys), len(set(keys)), "no issue twice")
    if CLOUD:
        same(jira.approximate_issue_count("project is not EMPTY"), len(keys))
    else:
        same(found.total, len(keys))


@step
def get_an_issue():
    issue = jira.issue(first.key, expand="changelog,renderedFields")
    same(issue.id, first.id)
    assert issue.changelog.histories is not None
    same(jira.issue(first.id, fields="summary").fields.summary, issue.fields.summary)


@step
def a_wrong_query_is_told_in_words():
    try:
        jira.search_issues("nonsense = 1")
    except Exception as error:
        same(error.status_code, 400)
        assert "nonsense" in error.text, error.text
    else:
        raise AssertionError("it was answered")


@step
def comments_worklogs_and_links_of_an_issue():
    jira.comments(first.key)
    jira.worklogs(first.key)
    if WRITES:  # a mirror does not hold them
        jira.remote_links(first.key)
    jira.watchers(first.key)
    jira.votes(first.key)


@step(when=BOARDS)
def boards_and_sprints():
    boards = jira.boards(maxResults=False)
    scrum = next(board for board in boards if board.type == "scrum")
    same(jira.boards(name=scrum.name)[0].id, scrum.id)
    sprints = jira.sprints(scrum.id, maxResults=False)
    active = jira.sprints(scrum.id, state="active")
    # A mirror knows the sprints that its issues show, until it has read those of the boards.
    assert len(sprints) > len(active) > 0 or not WRITES
    for sprint in sprints[:3]:
        same(jira.sprint(sprint.id).name, sprint.name)
    try:
        kanban = next(board for board in boards if board.type == "kanban")
        jira.sprints(kanban.id)
    except Exception as error:
        same(error.status_code, 400)
    return scrum


@step
def filters():
    return [found.name for found in jira.favourite_filters()]


# What follows writes.


@step(when=WRITES)
def create():
    fields = {
        "project": {"key": first.fields.project.key},
        "issuetype": {"name": "Task"},
        "summary": "Made by a client",
        "description": "A *bold* word",
        "labels": ["client"],
    }
    issue = jira.create_issue(fields=fields)
    same(issue.fields.summary, "Made by a client")
    same(issue.fields.description, "A *bold* word")
    return issue


made = create


@step(when=WRITES)
def create_in_bulk():
    def fields(summary):
        return {"project": {"key": first.fields.project.key}, "issuetype": {"name": "Task"}, "summary": summary}

    outcome = jira.create_issues([fields("one"), fields(""), fields("two")], prefetch=False)
    same([entry["status"] for entry in outcome], ["Success", "Error", "Success"])


@step(when=WRITES)
def edit():
    made.update(fields={"summary": "Changed by a client"}, notify=False)
    made.update(update={"labels": [{"add": "more"}]})
    found = jira.issue(made.key)
    same(found.fields.summary, "Changed by a client")
    same(sorted(found.fields.labels), ["client", "more"])
    made.add_field_value("labels", "third")


@step(when=WRITES)
def transition():
    offered = jira.transitions(made)
    done = next(each for each in offered if each["to"]["statusCategory"]["key"] == "indeterminate")
    jira.transition_issue(made, done["id"])
    same(jira.issue(made.key).fields.status.name, done["to"]["name"])
    jira.transition_issue(made, jira.transitions(made)[0]["name"], comment="with words")
    same(jira.comments(made)[-1].body, "with words")


@step(when=WRITES)
def comment():
    comment = jira.add_comment(made.key, "First *thought*")
    same(jira.comment(made.key, comment.id).body, "First *thought*")
    # An edit goes to the comment's own address, which has to be of the version that is asked.
    comment.update(body="Second thought")
    same([each.body for each in jira.comments(made.key)][-1], "Second thought")
    comment.delete()


@step(when=WRITES)
def worklog():
    worklog = jira.add_worklog(made.key, timeSpent="2h", comment="dug")
    same(worklog.timeSpentSeconds, 7200)
    worklog.update(timeSpent="3h")
    same(jira.worklogs(made.key)[0].timeSpentSeconds, 10800)
    jira.worklog(made.key, worklog.id).delete()


@step(when=WRITES and bool(jira.issue_link_types()))
def link():
    jira.create_issue_link("Relates", made.key, first.key)
    links = jira.issue(made.key).fields.issuelinks
    same(links[0].outwardIssue.key, first.key)
    jira.delete_issue_link(links[0].id)
    same(jira.issue(made.key).fields.issuelinks, [])


@step(when=WRITES)
def remote_link():
    link = jira.add_simple_link(made.key, {"url": "https://example.com/a", "title": "A"})
    found = jira.remote_links(made.key)
    same([(each.object.url, each.object.title) for each in found], [("https://example.com/a", "A")])
    jira.remote_link(made.key, link.id).update({"url": "https://example.com/b", "title": "B"})
    same(jira.remote_links(made.key)[0].object.title, "B")
    jira.remote_links(made.key)[0].delete()
    same(jira.remote_links(made.key), [])


@step(when=WRITES)
def attach():
    content = b"first line\nsecond line\n" * 1000
    attachment = jira.add_attachment(made.key, io.BytesIO(content), filename="notes of today.txt")
    same((attachment.filename, attachment.size), ("notes of today.txt", len(content)))
    found = jira.issue(made.key).fields.attachment[0]
    same(found.get(), content)
    same(jira.attachment(found.id).filename, "notes of today.txt")
    jira.delete_attachment(found.id)
    same(jira.issue(made.key).fields.attachment, [])


# Watchers are named by what `GET user/search` finds.
@step(when=WRITES)
def watch():
    someone = first.fields.reporter
    jira.add_watcher(made.key, someone.displayName)
    same(jira.watchers(made.key).watchCount, 1)
    jira.remove_watcher(made.key, someone.displayName)
    same(jira.watchers(made.key).watchCount, 0)


@step(when=WRITES)
def vote():
    # Nobody votes for what they reported themselves.
    theirs = jira.search_issues("resolution is EMPTY ORDER BY created ASC", maxResults=1)[0]
    before = jira.votes(theirs.key).votes
    jira.add_vote(theirs.key)
    same(jira.votes(theirs.key).votes, before + 1)
    jira.remove_vote(theirs.key)
    same(jira.votes(theirs.key).votes, before)


@step(when=WRITES)
def properties():
    jira.add_issue_property(made.key, "review", {"state": "open"})
    same([each.key for each in jira.issue_properties(made.key)], ["review"])
    same(jira.issue_property(made.key, "review").value.state, "open")
    jira.issue_property(made.key, "review").delete()
    same(jira.issue_properties(made.key), [])


@step(when=WRITES)
def own_filters():
    made_filter = jira.create_filter("Mine", "what is left", "statusCategory != Done", favourite=True)
    same(jira.filter(made_filter.id).jql, "statusCategory != Done")
    assert "Mine" in [each.name for each in jira.favourite_filters()]
    jira.update_filter(made_filter.id, name="Ours", jql="project is not EMPTY")
    same(jira.filter(made_filter.id).name, "Ours")


@step(when=WRITES and BOARDS)
def sprints():
    board = boards_and_sprints
    key = jira.boards(name=board.name)[0].location.projectKey
    fields = {"project": {"key": key}, "issuetype": {"name": "Task"}, "summary": "for a sprint"}
    issue, other = jira.create_issue(fields=fields), jira.create_issue(fields=fields)
    sprint = jira.create_sprint("Next one", board.id, goal="be quick")
    same((sprint.state, sprint.goal), ("future", "be quick"))
    jira.add_issues_to_sprint(sprint.id, [issue.key, other.key])
    same(len(jira.search_issues(f"sprint = {sprint.id}")), 2)
    jira.update_sprint(sprint.id, name="Now", state="active", startDate="2026-01-05T09:00:00.000Z",
                       endDate="2026-01-19T09:00:00.000Z")
    same((jira.sprint(sprint.id).state, jira.sprint(sprint.id).name), ("active", "Now"))
    jira.rank(other.key, next_issue=issue.key)
    found = jira.search_issues(f"sprint = {sprint.id} ORDER BY Rank ASC")
    same([each.key for each in found], [other.key, issue.key])
    jira.move_to_backlog([other.key])
    same(len(jira.search_issues(f"sprint = {sprint.id}")), 1)
    jira.update_sprint(sprint.id, name="Now", state="closed", startDate="2026-01-05T09:00:00.000Z",
                       endDate="2026-01-19T09:00:00.000Z")
    same(jira.sprint(sprint.id).state, "closed")


@step(when=WRITES and BOARDS)
def epics():
    board = boards_and_sprints
    key = jira.boards(name=board.name)[0].location.projectKey
    epic = jira.create_issue(project=key, issuetype={"name": "Epic"}, summary="Great things")
    task = jira.create_issue(project=key, issuetype={"name": "Task"}, summary="A small one")
    jira.add_issues_to_epic(epic.id, [task.key])
    same(jira.search_issues(f'"Epic Link" = {epic.key}')[0].key, task.key)
    if CLOUD:
        same(jira.issue(task.key).fields.parent.key, epic.key)


@step
def versions_components_and_users():
    jira.project_versions(first.fields.project.key)
    jira.project_components(first.fields.project.key)
    assert jira.my_permissions()["permissions"]
    assert jira.search_assignable_users_for_projects("", first.fields.project.key)


@step(when=WRITES)
def versions():
    project = first.fields.project.key
    version = jira.create_version("Of a client", project, description="soon", releaseDate="2030-01-31")
    made.update(fields={"fixVersions": [{"name": "Of a client"}]})
    version.update(released=True, name="By a client")
    same(jira.version(version.id).released, True)
    same(jira.issue(made.key).fields.fixVersions[0].name, "By a client")
    same(jira.version_count_related_issues(version.id)["issuesFixedCount"], 1)
    same(jira.version_count_unresolved_issues(version.id), 1)
    version.delete()
    same(jira.issue(made.key).fields.fixVersions, [])


@step(when=WRITES)
def components():
    project = first.fields.project.key
    component = jira.create_component("Of a client", project, description="parts")
    made.update(fields={"components": [{"name": "Of a client"}]})
    component.update(name="By a client")
    same(jira.component(component.id).name, "By a client")
    same(jira.component_count_related_issues(component.id), 1)
    component.delete()
    same(jira.issue(made.key).fields.components, [])


@step(when=WRITES)
def assign():
    someone = first.fields.reporter
    jira.assign_issue(made.key, someone.accountId if CLOUD else someone.name)
    same(jira.issue(made.key).fields.assignee.displayName, someone.displayName)
    jira.assign_issue(made.key, None)
    same(jira.issue(made.key).fields.assignee, None)


@step(when=WRITES)
def delete():
    made.delete()
    try:
        jira.issue(made.key)
    except Exception as error:
        same(error.status_code, 404)
    else:
        raise AssertionError("it is still there")


verdict()

// jira.js against a site that Forebay serves.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

// The libraries stand in a folder of the user's cache, not beside this script.
const require = createRequire(path.join(process.env.NODE_LIBRARIES, "package.json"));
const { AgileClient, Version2Client, Version3Client } = require("jira.js");

const WRITES = process.env.WRITES === "1";
const CLOUD = process.env.CLOUD !== "0";
const BOARDS = process.env.BOARDS !== "0";
const config = {
  host: process.env.SITE,
  authentication: { basic: { email: "me@example.com", apiToken: process.env.TOKEN } },
};
const v2 = new Version2Client(config);
const v3 = new Version3Client(config);
const agile = new AgileClient(config);

const failed = [];

/** Runs the step at once; later steps use what it returned. */
async function step(name, run, when = true) {
  if (!when) {
    console.log(`  --  ${name}`);
    return undefined;
  }
  try {
    const found = await run();
    console.log(`  ok  ${name}`);
    return found;
  } catch (error) {
    failed.push(name);
    const answer = error.response ? JSON.stringify(error.response).slice(0, 600) : "";
    console.log(`FAIL  ${name}: ${error.stack?.slice(0, 900) ?? error} ${answer}`);
    return undefined;
  }
}

const text = (words) => ({
  type: "doc",
  version: 1,
  content: [{ type: "paragraph", content: [{ type: "text", text: words }] }],
});

await step("who and where", async () => {
  assert.ok((await v3.myself.getCurrentUser()).displayName);
  assert.equal((await v2.serverInfo.getServerInfo()).deploymentType === "Cloud", CLOUD);
});

await step("rosters", async () => {
  assert.ok((await v3.projects.searchProjects()).values.length > 0);
  assert.ok((await v3.issueFields.getFields()).length >= 0);
  assert.ok((await v2.issuePriorities.getPriorities()).length >= 0);
  await v2.issueLinkTypes.getIssueLinkTypes();
});

const first = await step("search", async () => {
  const found = await v3.issueSearch.searchForIssuesUsingJqlEnhancedSearch({
    jql: "project is not EMPTY ORDER BY created ASC",
    fields: ["summary", "status", "project"],
    maxResults: 5,
  });
  assert.equal(found.issues.length, 5);
  return found.issues[0];
});

await step("search with paging", async () => {
  const keys = [];
  let nextPageToken;
  do {
    const page = await v2.issueSearch.searchForIssuesUsingJqlEnhancedSearchPost({
      jql: "project is not EMPTY ORDER BY key",
      fields: ["summary"],
      maxResults: 7,
      nextPageToken,
    });
    keys.push(...page.issues.map((issue) => issue.key));
    nextPageToken = page.nextPageToken;
  } while (nextPageToken);
  assert.equal(new Set(keys).size, keys.length);
  const { count } = await v3.issueSearch.countIssues({ jql: "project is not EMPTY" });
  assert.equal(count, keys.length);
});

await step("get an issue", async () => {
  const issue = await v3.issues.getIssue({ issueIdOrKey: first.key, expand: "changelog,names" });
  assert.equal(issue.id, first.id);
  assert.ok(issue.changelog && issue.names);
  const same = await v2.issues.getIssue({ issueIdOrKey: first.id, fields: ["summary"] });
  assert.equal(same.fields.summary, issue.fields.summary);
  await assert.rejects(v3.issues.getIssue({ issueIdOrKey: "NOSUCH-1" }), (error) => error.status === 404);
});

await step("what hangs on it", async () => {
  const issueIdOrKey = first.key;
  await v3.issueComments.getComments({ issueIdOrKey });
  await v3.issueWorklogs.getIssueWorklog({ issueIdOrKey });
  await v3.issues.getChangeLogs({ issueIdOrKey });
  await v3.issueWatchers.getIssueWatchers({ issueIdOrKey });
  await v3.issueVotes.getVotes({ issueIdOrKey });
  // A mirror does not hold them.
  if (WRITES) await v3.issueRemoteLinks.getRemoteIssueLinks({ issueIdOrKey });
  await v3.issues.getTransitions({ issueIdOrKey });
});

const board = await step(
  "boards and sprints",
  async () => {
    const { values } = await agile.board.getAllBoards();
    const scrum = values.find((each) => each.type === "scrum");
    const sprints = await agile.board.getAllSprints({ boardId: scrum.id });
    assert.ok(sprints.values.length > 0);
    const sprintId = sprints.values[0].id;
    assert.equal((await agile.sprint.getSprint({ sprintId })).id, sprintId);
    assert.ok((await agile.sprint.getIssuesForSprint({ sprintId })).total >= 0);
    assert.ok((await agile.board.getIssuesForBoard({ boardId: scrum.id, maxResults: 3 })).issues.length > 0);
    await agile.board.getIssuesForBacklog({ boardId: scrum.id });
    const epics = await agile.board.getEpics({ boardId: scrum.id });
    await agile.epic.getIssuesForEpic({ epicIdOrKey: epics.values[0].key });
    return scrum;
  },
  BOARDS,
);

// What follows writes.

const project = first?.fields.project.key;
const fields = (more = {}) => ({
  project: { key: project },
  issuetype: { name: "Task" },
  summary: "Made by a client",
  ...more,
});

const made = await step(
  "create",
  async () => {
    const created = await v3.issues.createIssue({ fields: fields({ description: text("A word") }) });
    const issue = await v3.issues.getIssue({ issueIdOrKey: created.key });
    assert.equal(issue.fields.description.content[0].content[0].text, "A word");
    return issue;
  },
  WRITES,
);
const issueIdOrKey = made?.key;

await step(
  "create in bulk",
  async () => {
    const answer = await v2.issues.createIssues({ issueUpdates: [{ fields: fields() }, { fields: fields({ summary: "" }) }] });
    assert.equal(answer.issues.length, 1);
    assert.equal(answer.errors[0].failedElementNumber, 1);
  },
  WRITES,
);

await step(
  "edit",
  async () => {
    await v3.issues.editIssue({ issueIdOrKey, fields: { summary: "Changed" }, update: { labels: [{ add: "client" }] } });
    const found = await v3.issues.getIssue({ issueIdOrKey, fields: ["summary", "labels"] });
    assert.deepEqual([found.fields.summary, found.fields.labels], ["Changed", ["client"]]);
  },
  WRITES,
);

await step(
  "transition",
  async () => {
    const { transitions } = await v3.issues.getTransitions({ issueIdOrKey });
    await v3.issues.doTransition({ issueIdOrKey, transition: { id: transitions[0].id } });
    const found = await v3.issues.getIssue({ issueIdOrKey });
    assert.equal(found.fields.status.name, transitions[0].to.name);
  },
  WRITES,
);

await step(
  "comment",
  async () => {
    const comment = await v3.issueComments.addComment({ issueIdOrKey, comment: text("First") });
    await v2.issueComments.updateComment({ issueIdOrKey, id: comment.id, comment: "Second" });
    const { comments } = await v2.issueComments.getComments({ issueIdOrKey });
    assert.deepEqual(comments.map((each) => each.body), ["Second"]);
    await v3.issueComments.deleteComment({ issueIdOrKey, id: comment.id });
  },
  WRITES,
);

await step(
  "worklog",
  async () => {
    const worklog = await v3.issueWorklogs.addWorklog({ issueIdOrKey, timeSpent: "2h", comment: text("dug") });
    assert.equal(worklog.timeSpentSeconds, 7200);
    await v3.issueWorklogs.deleteWorklog({ issueIdOrKey, id: worklog.id });
  },
  WRITES,
);

await step(
  "link",
  async () => {
    const link = { type: { name: "Relates" }, inwardIssue: { key: made.key }, outwardIssue: { key: first.key } };
    await v3.issueLinks.linkIssues(link);
    const { issuelinks } = (await v3.issues.getIssue({ issueIdOrKey })).fields;
    assert.equal(issuelinks[0].outwardIssue.key, first.key);
    await v3.issueLinks.deleteIssueLink({ linkId: issuelinks[0].id });
    await v3.issueRemoteLinks.createOrUpdateRemoteIssueLink({ issueIdOrKey, object: { url: "https://example.com/a", title: "A" } });
  },
  WRITES,
);

await step(
  "attach",
  async () => {
    const attachment = { filename: "notes.txt", file: Buffer.from("some words") };
    const [attached] = await v3.issueAttachments.addAttachment({ issueIdOrKey, attachment });
    assert.deepEqual([attached.filename, attached.size], ["notes.txt", 10]);
    const content = await v3.issueAttachments.getAttachmentContent({ id: attached.id });
    assert.equal(Buffer.from(content).toString(), "some words");
    await v3.issueAttachments.removeAttachment({ id: attached.id });
  },
  WRITES,
);

await step(
  "watch and properties",
  async () => {
    const { accountId } = await v3.myself.getCurrentUser();
    await v3.issueWatchers.addWatcher({ issueIdOrKey, accountId });
    assert.equal((await v3.issueWatchers.getIssueWatchers({ issueIdOrKey })).watchCount, 1);
    await v3.issueWatchers.removeWatcher({ issueIdOrKey, accountId });
    await v3.issueProperties.setIssueProperty({ issueIdOrKey, propertyKey: "review", propertyValue: { state: "open" } });
    const found = await v3.issueProperties.getIssueProperty({ issueIdOrKey, propertyKey: "review" });
    assert.equal(found.value.state, "open");
  },
  WRITES && CLOUD,
);

await step(
  "sprints",
  async () => {
    const sprint = await agile.sprint.createSprint({ name: "By a client", originBoardId: board.id });
    const sprintId = sprint.id;
    const issue = await v3.issues.createIssue({ fields: fields() });
    const other = await v3.issues.createIssue({ fields: fields() });
    await agile.sprint.moveIssuesToSprintAndRank({ sprintId, issues: [issue.key, other.key] });
    await agile.sprint.partiallyUpdateSprint({
      sprintId,
      state: "active",
      startDate: "2026-01-05T09:00:00.000Z",
      endDate: "2026-01-19T09:00:00.000Z",
    });
    await agile.issue.rankIssues({ issues: [other.key], rankBeforeIssue: issue.key });
    const found = await agile.sprint.getIssuesForSprint({ sprintId });
    assert.deepEqual(found.issues.map((each) => each.key), [other.key, issue.key]);
    await agile.backlog.moveIssuesToBacklog({ issues: [issue.key] });
    await agile.sprint.partiallyUpdateSprint({ sprintId, state: "closed" });
    assert.equal((await agile.sprint.getSprint({ sprintId })).state, "closed");
    await agile.sprint.deleteSprint({ sprintId });
  },
  WRITES && BOARDS,
);

await step(
  "filters",
  async () => {
    const filter = await v3.filters.createFilter({ name: "By jira.js", jql: "statusCategory != Done" });
    assert.equal((await v3.filters.getFilter({ id: filter.id })).jql, "statusCategory != Done");
    assert.ok((await v3.filters.getFiltersPaginated({ filterName: "jira.js" })).total === 1);
    await v3.filters.deleteFilter({ id: filter.id });
  },
  WRITES,
);

await step(
  "versions and components",
  async () => {
    const version = await v3.projectVersions.createVersion({ name: "By jira.js", projectId: Number(first.fields.project.id) });
    const changed = await v3.projectVersions.updateVersion({ id: version.id, released: true });
    assert.equal(changed.released, true);
    assert.equal((await v3.projectVersions.getVersionUnresolvedIssues({ id: version.id })).issuesCount, 0);
    await v3.projectVersions.deleteAndReplaceVersion({ id: version.id });
    const component = await v3.projectComponents.createComponent({ name: "By jira.js", project });
    assert.equal((await v3.projectComponents.getComponent({ id: component.id })).name, "By jira.js");
    await v3.projectComponents.deleteComponent({ id: component.id });
  },
  WRITES,
);

await step(
  "delete",
  async () => {
    await v3.issues.deleteIssue({ issueIdOrKey });
    await assert.rejects(v3.issues.getIssue({ issueIdOrKey }), (error) => error.status === 404);
  },
  WRITES,
);

if (failed.length > 0) {
  console.log(`${failed.length} failed: ${failed.join(", ")}`);
  process.exit(1);
}
console.log("all well");

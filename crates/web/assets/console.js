// What makes the console handier. Every page works without it.
"use strict";

// "/" goes to the JQL box, wherever one is; else to the page that has it.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector("[data-jql]");
  if (!document.querySelector(".app")) return;
  event.preventDefault();
  if (box && box.offsetParent) {
    box.focus();
    box.select();
  } else {
    location.assign("/issues");
  }
});

// Ctrl+Enter sends what is being written.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    event.target.form.requestSubmit();
  }
});

// A second click must not write twice. Disabled after the form was read, so that the button's own value is sent.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  const buttons = event.target.querySelectorAll("button");
  setTimeout(() => buttons.forEach((button) => (button.disabled = true)));
});
// The browser may bring a page back as it was left.
addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("button").forEach((button) => (button.disabled = false));
});

// The live part of an instance's page: the server sends it anew whenever it has changed.
const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  const events = new EventSource(live.dataset.live);
  events.addEventListener("live", (event) => {
    live.innerHTML = event.data;
    if (live.querySelector(".run.running")) document.querySelector("[data-requested]")?.remove();
  });
  addEventListener("pagehide", () => events.close());
}

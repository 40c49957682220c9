// The pages work without this. With it, times are local and the overview renews itself.
"use strict";

const EVERY_MS = 2000;

function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-clock], time[data-day]")) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString();
    time.textContent = "clock" in time.dataset
      ? at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" })
      : at.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
  }
}

// A part is left alone while somebody is in it: with the keyboard, or marking text.
function isInUse(part) {
  const marked = getSelection();
  return (document.activeElement !== document.body && part.contains(document.activeElement))
    || (!marked.isCollapsed && marked.containsNode(part, true));
}

const shown = new Map();

function renew(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (!old || shown.get(part.id) === part.outerHTML || isInUse(old)) continue;
    shown.set(part.id, part.outerHTML);
    const known = new Set([...old.querySelectorAll("[data-id]")].map((row) => row.dataset.id));
    localTimes(part);
    old.className = part.className;
    old.replaceChildren(...part.childNodes);
    for (const row of old.querySelectorAll("[data-id]")) {
      if (known.size && !known.has(row.dataset.id)) row.classList.add("fresh");
    }
  }
}

async function look(from) {
  const answer = await fetch(from, { redirect: "manual" });
  if (answer.type === "opaqueredirect") location.reload();
  if (!answer.ok) throw new Error(answer.status);
  renew(await answer.text());
}

function live(button) {
  let isLive = true;
  button.hidden = false;
  button.addEventListener("click", () => {
    isLive = !isLive;
    button.setAttribute("aria-pressed", isLive);
    button.lastElementChild.textContent = isLive ? "Live" : "Paused";
  });
  const lost = document.getElementById("lost");
  const beat = async () => {
    if (isLive && !document.hidden) {
      try {
        await look(button.dataset.from || "/live");
        lost.hidden = true;
      } catch {
        lost.hidden = false;
      }
    }
    setTimeout(beat, EVERY_MS);
  };
  setTimeout(beat, EVERY_MS);
}

for (const part of document.querySelectorAll("[data-live]")) shown.set(part.id, part.outerHTML);
localTimes(document);
document.querySelector("[data-zone]").textContent = "Times are in your time zone.";
if (document.getElementById("live")) live(document.getElementById("live"));

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

// A part is left alone while somebody marks text or fills in a field in it; the button says so meanwhile.
function isHeld(part) {
  const marked = getSelection(), active = document.activeElement;
  return (part.contains(active) && active.matches("input:not([type=hidden]), select, textarea"))
    || (!marked.isCollapsed && marked.containsNode(part, true));
}

// What has the keyboard: the same thing is found again in the part that takes its place.
function placeIn(part) {
  const active = document.activeElement;
  if (active === document.body || !part.contains(active)) return null;
  const row = active.closest("[data-id]"), kind = active.tagName.toLowerCase();
  const inRow = row ? `[data-id="${CSS.escape(row.dataset.id)}"] ` : "";
  const named = active.getAttribute("href") ? `${kind}[href="${CSS.escape(active.getAttribute("href"))}"]` : kind;
  return { selector: inRow + named, index: [...part.querySelectorAll(inRow + named)].indexOf(active) };
}

function focusAgain(part, place) {
  if (!place) return;
  const same = part.querySelectorAll(place.selector);
  const next = same[Math.min(place.index, same.length - 1)] || part.querySelector("a, button") || part;
  if (next === part) part.tabIndex = -1;
  next.focus({ preventScroll: true });
}

// On a phone each cell of a wide table stands under its own heading.
function labelCells(root) {
  for (const table of root.querySelectorAll("table.runs")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, index) => { cell.dataset.label = heads[index] || ""; });
    }
  }
}

const shown = new Map();

// Puts in what changed; tells whether a part was left as it is.
function renew(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  let isAnyHeld = false;
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (!old || shown.get(part.id) === part.outerHTML) continue;
    if (isHeld(old)) { isAnyHeld = true; continue; }
    shown.set(part.id, part.outerHTML);
    const known = new Set([...old.querySelectorAll("[data-id]")].map((row) => row.dataset.id));
    const place = placeIn(old);
    localTimes(part);
    labelCells(part);
    old.className = part.className;
    old.replaceChildren(...part.childNodes);
    focusAgain(old, place);
    for (const row of old.querySelectorAll("[data-id]")) {
      if (known.size && !known.has(row.dataset.id)) row.classList.add("fresh");
    }
  }
  return isAnyHeld;
}

async function look(from) {
  const answer = await fetch(from, { redirect: "manual" });
  if (answer.type === "opaqueredirect") location.reload();
  if (!answer.ok) throw new Error(answer.status);
  return renew(await answer.text());
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
        const isAnyHeld = await look(button.dataset.from || "/live");
        lost.hidden = true;
        if (isLive) button.lastElementChild.textContent = isAnyHeld ? "Live, held where you are" : "Live";
        button.toggleAttribute("data-held", isAnyHeld);
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
labelCells(document);
document.querySelector("[data-zone]").textContent = "Times are in your time zone.";
if (document.getElementById("live")) live(document.getElementById("live"));

// The biller's conversations: who wrote, what was answered, and a person's own words, by the API.

import { ask, at, dayOf, glyph, h, symbol, t, told, whenOf } from "./dom.js";

const list = document.getElementById("talks");
const panel = document.getElementById("talk");
const log = document.getElementById("said");
const form = document.getElementById("answer-form");
const problem = document.getElementById("answer-problem");
const waiting = document.getElementById("waiting");
const tabs = [...document.querySelectorAll("[role=tab]")];
const talks = new Map();
let open = null;

export function resetTalks() {
  talks.clear();
  open = null;
  draw();
}

export function putTalk(item) {
  talks.set(item.id, item);
  draw();
  if (open === item.id || (open === null && !isHidden())) show(item.id);
}

const isHidden = () => document.getElementById("panel-talks").hidden;
const nameOf = (item) => item.payers.map((reference) => told.names[reference] ?? reference).join(", ") || "?";

function draw() {
  const newest = [...talks.values()].sort((a, b) => (a.at < b.at ? 1 : -1));
  const wanted = newest.filter((item) => item.waiting).length;
  waiting.hidden = wanted === 0;
  waiting.textContent = wanted;
  panel.hidden = open === null;
  list.replaceChildren(...(newest.length ? newest.map(line) : [h("li", { class: "none" }, t("empty_talks"))]));
}

const line = (item) =>
  h("li", {}, h("button", { type: "button", "aria-pressed": String(item.id === open), data: { id: item.id, channel: item.channel }, onclick: () => show(item.id) },
    h("span", { class: `badge ${item.channel}` }, glyph(item.channel)),
    h("span", { class: "two" },
      h("strong", {}, nameOf(item), item.waiting && h("em", {}, t("person_wanted"))),
      h("small", {}, symbol(item.biller, 13), h("span", {}, item.last))),
    h("time", { datetime: item.at }, at(item.at))));

async function show(id) {
  open = id;
  draw();
  const item = talks.get(id);
  const input = form.elements.text;
  input.placeholder = t("say_to", { name: nameOf(item) });
  input.setAttribute("aria-label", input.placeholder);
  const { messages } = await ask(`/conversations/${item.biller}/${item.api_id}`);
  if (open !== id) return;
  log.replaceChildren(...messages.flatMap((one, place) => [
    dayOf(one.at) !== (place && dayOf(messages[place - 1].at)) && h("p", { class: "day" }, dayOf(one.at)),
    h("div", { class: `line of-${one.author}` },
      h("p", { class: "words" }, one.text),
      h("p", { class: "by", title: whenOf(one.at) }, t(`author.${one.author}`), ` · ${at(one.at)}`, one.intent && one.intent !== "none" ? ` · ${t("understood", { intent: one.intent })}` : "")),
  ]).filter(Boolean));
  log.scrollTo({ top: log.scrollHeight });
}

async function answer(event) {
  event.preventDefault();
  const item = talks.get(open);
  const input = form.elements.text;
  const text = input.value.trim();
  if (!item || !text) return;
  const { status, answer: said } = await ask(`/conversations/${item.biller}/${item.api_id}`, { text });
  problem.hidden = status < 400;
  problem.textContent = status < 400 ? "" : said.detail ?? said.title;
  if (status < 400) input.value = "";
}

function select(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    const panel = document.getElementById(one.getAttribute("aria-controls"));
    panel.hidden = !chosen;
    if (chosen) panel.dispatchEvent(new Event("shown"));
    for (const words of document.querySelectorAll(`[data-tab=${one.id}]`)) words.hidden = !chosen;
  }
  if (open === null && tab.id === "tab-talks" && talks.size) show([...talks.values()].sort((a, b) => (a.at < b.at ? 1 : -1))[0].id);
}

export function startTalks() {
  form.addEventListener("submit", answer);
  for (const tab of tabs) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      const other = tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
      select(other);
      other.focus();
    });
  }
}

// The biller's provider accounts: what each costs, how it is, and the switch that makes it fail; and how the newest invoice is routed.

import { ask, exactly, h, t } from "./dom.js";
import { now } from "./hours.js";
import { markOf, nameOf, routes } from "./routing.js";

const panel = document.getElementById("panel-accounts");
const list = document.getElementById("accounts");
const route = document.getElementById("route");
const title = document.getElementById("route-title");
const radios = [...document.querySelectorAll("[name=biller]")];
const POSITIONS = ["works", "slow", "refuses", "down"];
const accounts = new Map();
const cards = new Map();
const wanted = new Map(); // account id -> the position of its switch that is being asked for
const newest = new Map(); // biller -> its newest invoice
let known = {}; // how the accounts are, by name, as the API said last
let soon = null;
let later = null;

const biller = () => radios.find((radio) => radio.checked).value;
const mine = () => [...accounts.values()].filter((item) => item.biller === biller());

export function resetAccounts() {
  accounts.clear();
  newest.clear();
  known = {};
  draw();
}

export function putAccount(item) {
  accounts.set(item.id, item);
  draw();
}

export function followRouting(item) {
  const last = newest.get(item.biller);
  if (!last || item.created_at >= last.created_at) newest.set(item.biller, item);
  if (item.biller === biller()) refreshAccounts();
}

// Only who looks at the panel asks; what comes together is asked for once.
export function refreshAccounts() {
  clearTimeout(soon);
  if (!panel.hidden) soon = setTimeout(() => load().catch(() => {}), 120);
}

async function load() {
  const item = newest.get(biller());
  if (!item) {
    known = {};
    route.replaceChildren(h("li", { class: "none" }, t("no_routing")));
    title.textContent = t("routing");
    return draw();
  }
  const routing = await ask(`/routing/${item.biller}/${item.api_id}`);
  if (item.biller !== biller()) return;
  known = Object.fromEntries(routing.accounts.map((one) => [one.account, one]));
  title.textContent = t("routing_of", { number: item.number });
  route.replaceChildren(...routes(routing).childNodes);
  draw();
  const waits = routing.accounts.filter((one) => one.health === "down" && one.retry_at).map((one) => new Date(one.retry_at) - now());
  clearTimeout(later);
  if (waits.length) later = setTimeout(refreshAccounts, Math.min(Math.max(500, Math.min(...waits) + 300), 60_000));
}

// A card is made once and then changed, so that whoever turns its switch by keyboard stays on it.
function draw() {
  const shown = mine();
  for (const [id, card] of cards) {
    if (!shown.some((item) => item.id === id)) {
      card.node.remove();
      cards.delete(id);
    }
  }
  for (const item of shown) {
    if (!cards.has(item.id)) {
      cards.set(item.id, make(item));
      list.append(cards.get(item.id).node);
    }
    update(cards.get(item.id), item);
  }
}

function make(item) {
  const health = h("p", { class: "health", role: "status" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const inputs = POSITIONS.map((does) => h("input", { type: "radio", name: item.id, value: does, onchange: () => turn(item, does, problem) }));
  const node = h("li", { class: "account", data: { account: item.name } },
    h("div", { class: "head" }, markOf(item.name, 34),
      h("p", { class: "two" }, h("strong", {}, nameOf(item.name)), h("small", {}, t(`kind.${item.name}`))),
      h("p", { class: "two num" }, h("strong", {}, feeOf(item)), h("small", {}, t(item.days === 1 ? "day_to_cash" : "days_to_cash", { days: item.days })))),
    health,
    h("fieldset", { class: "does" }, h("legend", { class: "hidden" }, t("switch_of", { name: nameOf(item.name) })),
      h("span", { class: "switch" }, POSITIONS.map((does, place) => h("label", {}, inputs[place], h("span", {}, t(`does.${does}`)))))),
    problem);
  return { node, health, inputs };
}

function update({ node, health, inputs }, item) {
  const does = wanted.get(item.id) ?? item.does;
  for (const input of inputs) input.checked = input.value === does;
  const one = known[item.name];
  node.dataset.health = one?.health ?? "";
  node.dataset.does = item.does;
  const words = !one ? t("health.unknown") : one.health === "down"
    ? `${t(`trouble.${one.trouble}`)} · ${t("tried_at", { at: exactly(one.retry_at).slice(0, 8) })}`
    : [t(`health.${one.health}`), (one.opened || one.failed) && t("lately", { opened: one.opened, failed: one.failed, confirmed: one.confirmed })].filter(Boolean).join(" · ");
  if (health.textContent !== words) health.textContent = words;
}

const decimal = (value) => (t("months").startsWith("ro") ? value.replace(".", ",") : value);

function feeOf(item) {
  const fixed = Number(item.fixed.value) ? `${decimal(item.fixed.value)} ${item.fixed.currency}` : "";
  const percent = Number(item.percent) ? `${decimal(item.percent)}${t("percent")}` : "";
  return [percent, fixed].filter(Boolean).join(" + ");
}

// One call at a time and the last position wins, so that the arrow keys can run along the switch.
async function turn(item, does, problem) {
  const busy = wanted.has(item.id);
  wanted.set(item.id, does);
  if (busy) return;
  problem.hidden = true;
  try {
    let asked;
    do {
      asked = wanted.get(item.id);
      putAccount(await ask(`/accounts/${item.biller}/${item.name}`, { does: asked }));
    } while (wanted.get(item.id) !== asked);
  } catch (error) {
    problem.textContent = `${t("failed")}: ${error.message}`;
    problem.hidden = false;
  } finally {
    wanted.delete(item.id);
    draw();
  }
}

export function startAccounts() {
  panel.addEventListener("shown", refreshAccounts);
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      known = {};
      draw();
      refreshAccounts();
    });
  }
}

// The biller's list, its journey strip, and the billing system's log.

import { at, exactly, glyph, h, millis, money, on, symbol, t, told, whenOf } from "./dom.js";
import { openTimeline } from "./timeline.js";

const rows = document.getElementById("invoices");
const log = document.getElementById("pushes");
const total = document.getElementById("pushes-total");
const intro = total.textContent;
const journey = document.getElementById("journey");

const invoices = new Map();
const drawn = new Map();
const booked = new Map(); // biller and number -> the billing system's word
const pushed = new Map(); // biller and number -> the push that booked it as paid
let pushes = [];
let leading = null; // the invoice that the strip follows

export function resetLists() {
  for (const known of [invoices, drawn, booked, pushed]) known.clear();
  pushes = [];
  leading = null;
  rows.replaceChildren(h("tr", { class: "none" }, h("td", { colspan: 6 }, t("empty_invoices"))));
  log.replaceChildren(h("li", { class: "none" }, t("empty_pushes")));
  total.textContent = intro;
  drawJourney();
}

const keyOf = (item) => `${item.biller} ${item.number}`;

export function putInvoice(item, fresh) {
  invoices.set(item.id, item);
  if (item.deliveries.length && (!leading || item.created_at >= invoices.get(leading).created_at)) leading = item.id;
  drawRow(item, fresh);
  if (item.id === leading) drawJourney();
}

function drawRow(item, fresh) {
  rows.querySelector(".none")?.remove();
  const old = drawn.get(item.id);
  const node = row(item);
  const turned = old && old.dataset.icon !== item.icon;
  node.classList.toggle("fresh", fresh && !old);
  node.classList.toggle("turned", Boolean(fresh && turned));
  drawn.set(item.id, node);
  if (old) {
    const focused = old.contains(document.activeElement);
    old.replaceWith(node);
    if (focused) node.querySelector("button").focus();
  } else {
    const later = [...rows.children].find((other) => other.dataset.created < item.created_at);
    rows.insertBefore(node, later ?? null);
  }
}

function row(item) {
  const word = booked.get(keyOf(item));
  return h("tr", { data: { id: item.id, icon: item.icon, created: item.created_at, number: item.number } },
    h("td", {}, h("button", { type: "button", class: "more", onclick: () => openTimeline(item) },
      h("img", { class: "state", src: `${item.icon_url.svg}?v=${item.sequence}.${item.icon}`, alt: t(`state.${item.icon}`), title: t(`state.${item.icon}`), width: 26, height: 26 }),
      h("span", { class: "two" }, h("strong", {}, item.number), h("small", {}, symbol(item.biller, 14), told.billers[item.biller].name)))),
    h("td", { class: "wide" }, h("span", { class: "two" }, item.payer.name, h("small", { class: item.icon === "overdue" ? "late" : "" }, t("due", { on: on(item.due_on) })))),
    h("td", { class: "wide" }, h("span", { class: "sent" }, item.deliveries.filter((one) => one.kind === "invoice_issued").map(delivery))),
    h("td", { class: "wide" }, next(item)),
    h("td", { class: "num" }, h("span", { class: "two" }, h("strong", {}, money(item.amount)), h("small", { class: `is ${item.icon}` }, stateOf(item)))),
    h("td", {}, h("span", { class: `booked${word === item.status ? " same" : ""}`, title: word ? t("booked_as", { state: t(`state.${word}`) }) : t("not_booked") },
      word === "paid" ? glyph("check") : null, word ? t(`state.${word}`) : "–")));
}

// The reminders that are to come, the first one first; what waits for a decision has no instant.
export const toCome = (item) =>
  Object.values(item.reminders).sort((a, b) => (a.at ?? "9").localeCompare(b.at ?? "9"));

const HELD = new Set(["promise", "already_paid", "plan", "dispute", "own_reminder", "weekend", "holiday", "quiet_hours"]);
export const why = (one) =>
  one.held ? t(`held.${HELD.has(one.held) ? one.held : "other"}`) : t(`reminder.${one.source}`, { tone: t(`tone.${one.tone}`) });

const promised = (item) =>
  item.promise && h("small", { class: item.promise.state === "broken" ? "bad" : "" }, t(`promise.${item.promise.state}`, { on: item.promise.on ? on(item.promise.on) : "" }));

function next(item) {
  const [first] = toCome(item);
  if (!first) return h("span", { class: "two" }, h("span", {}, "–"), promised(item));
  return h("span", { class: "two" }, h("span", {}, first.at ? whenOf(first.at) : "–"), promised(item) || h("small", {}, why(first)));
}

const stateOf = (item) =>
  item.status === "partly_paid" ? t("of", { paid: money(item.paid), amount: money(item.amount) }) : t(`state.${item.icon}`);

const GOOD = new Set(["sent", "delivered", "read"]);
const BAD = new Set(["failed", "revoked"]);

const delivery = (one) =>
  h("span", { class: GOOD.has(one.status) ? "good" : BAD.has(one.status) ? "bad" : "", title: `${t(`channel.${one.channel}`)}: ${t(`delivery.${one.status}`)}${one.code ? ` (${one.code})` : ""}` },
    glyph(one.channel), h("span", { class: "hidden" }, `${t(`channel.${one.channel}`)} ${t(`delivery.${one.status}`)}`));

export function putPush(item, fresh) {
  log.querySelector(".none")?.remove();
  pushes.push(item);
  const key = `${item.biller} ${item.number}`;
  if (item.verified && item.booked) booked.set(key, item.booked);
  if (item.verified && item.type === "invoice.paid") pushed.set(key, item);
  const node = h("li", { class: item.verified ? "" : "refused", data: { type: item.type, number: item.number ?? "" } },
    h("span", { class: `seal ${item.verified ? "good" : "bad"}`, title: t(item.verified ? "verified" : "unverified") }, glyph(item.verified ? "shield" : "cross"), h("span", { class: "hidden" }, t(item.verified ? "verified" : "unverified"))),
    h("span", { class: "what" }, h("strong", { class: toneOf(item.type) }, item.type || "?"), h("small", {}, symbol(item.biller, 13), item.number ?? told.billers[item.biller].name, item.duplicate ? ` · ${t("repeated")}` : "")),
    h("span", { class: "when", title: [exactly(item.at), t("answered_in", { code: item.code, ms: item.ms }), item.age_ms === null ? "" : t("after", { ms: Math.round(item.age_ms) })].filter(Boolean).join(" · ") },
      h("b", {}, `#${item.sequence ?? "–"}`), h("small", {}, item.age_ms === null ? at(item.at) : millis(item.age_ms))));
  node.classList.toggle("fresh", fresh);
  log.prepend(node);
  while (log.children.length > 200) log.lastChild.remove();
  sum();
  for (const invoice of invoices.values()) if (keyOf(invoice) === key) drawRow(invoice, false);
  drawJourney();
}

const toneOf = (type) =>
  /^(invoice\.paid|payment\.received)$/.test(type) ? "good" : /\.(failed|reversed|duplicate|dead|stopped|impossible|mismatch)$/.test(type) ? "bad" : "";

function sum() {
  const refused = pushes.filter((item) => !item.verified).length;
  const times = pushes.slice(-100).map((item) => item.age_ms).filter((ms) => ms !== null).sort((a, b) => a - b);
  const parts = [t("total", { count: pushes.length }), refused ? t("some_refused", { count: refused }) : t("all_verified")];
  if (times.length) parts.push(t("median", { ms: Math.round(times[Math.floor(times.length / 2)]) }));
  total.textContent = parts.join(" · ");
}

// The strip: how far the newest invoice is, and how long each step took.
function drawJourney() {
  const item = leading && invoices.get(leading);
  const marks = item?.marks ?? {};
  const since = (mark, from = "invoice.issued") => (marks[mark] && marks[from] ? new Date(marks[mark]) - new Date(marks[from]) : null);
  const issued = (item?.deliveries ?? []).filter((one) => one.kind === "invoice_issued");
  const arrived = issued.filter((one) => GOOD.has(one.status));
  const last = Math.max(...issued.map((one) => since(`delivery.sent.${one.channel}.invoice_issued`) ?? 0), 0);
  const paid = item?.icon === "paid";
  const push = item && pushed.get(keyOf(item));
  const declined = !paid && marks["payment.failed"] && item.icon !== "processing";
  const steps = [
    ["posted", Boolean(item), item ? item.number : ""],
    ["delivered", issued.length > 0 && arrived.length === issued.length, issued.length ? `${t("journey.of", { done: arrived.length, all: issued.length })}${last ? ` · ${millis(last)}` : ""}` : ""],
    ["opened", Boolean(marks["payment.started"]), declined ? t("journey.declined") : "", declined],
    ["paid", paid, paid ? money(item.paid) : item?.icon === "partly_paid" ? t("state.partly_paid") : ""],
    ["pushed", paid && Boolean(push), paid && push ? millis(push.age_ms) : ""],
  ];
  journey.replaceChildren(...steps.map(([name, done, note, bad]) =>
    h("li", { class: `${done ? "done" : ""}${bad ? " wrong" : ""}`, data: { step: name } },
      h("i", {}, done ? glyph(bad ? "cross" : "check") : null), h("span", {}, t(`journey.${name}`), note && h("small", {}, note)))));
}

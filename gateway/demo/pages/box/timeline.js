// The drawer of one invoice: its facts, every event in order, and the invoice as the API shows it. It follows what happens.

import { ask, at, dayOf, exactly, glyph, h, link, money, on, symbol, t, told, whenOf } from "./dom.js";
import { toCome, why } from "./lists.js";

const drawer = document.getElementById("drawer");
const title = document.getElementById("drawer-title");
const inside = document.getElementById("drawer-inside");
let open = null;

export async function openTimeline(item) {
  open = item;
  await draw(item);
  if (!drawer.open) drawer.showModal();
}

export function followTimeline(item) {
  if (drawer.open && open?.id === item.id) draw((open = item)).catch(() => {});
}

async function draw(item) {
  const { invoice, events } = await ask(`/invoices/${item.biller}/${item.api_id}`);
  if (open?.id !== item.id) return;
  const unfolded = inside.querySelector("details")?.open;
  title.replaceChildren(symbol(item.biller, 26), invoice.number);
  inside.replaceChildren(
    h("section", { class: "facts" },
      h("p", { class: "sum" }, h("img", { src: `${invoice.icon_url.svg}?v=${invoice.sequence}.${invoice.icon}`, alt: "", width: 30, height: 30 }),
        h("strong", {}, money(invoice.amount)), h("span", { class: `is ${invoice.icon}` }, t(`state.${invoice.icon}`))),
      h("p", { class: "quietly" }, `${told.billers[item.biller].name} · ${invoice.payer.name} · ${on(invoice.due_on)}`),
      invoice.refunds.map((one) => h("p", { class: "notice" }, t(`refund.${one.state}`, { amount: money(one.amount), reason: one.reason }))),
      h("p", {}, linkToPage(invoice))),
    h("section", {}, h("h3", {}, t("to_come")),
      toCome(item).length === 0 ? h("p", { class: "quietly" }, t("nothing_to_come"))
        : h("ul", { class: "coming" }, toCome(item).map((one) =>
            h("li", {}, glyph("bell"), h("strong", {}, one.at ? whenOf(one.at) : "–"), h("span", {}, why(one)))))),
    h("section", {}, h("h3", {}, t("timeline")), h("ol", { class: "events" }, events.map(event))),
    h("details", { open: unfolded }, h("summary", {}, t("json")), h("pre", { tabindex: 0 }, JSON.stringify(invoice, null, 2))));
}

function linkToPage(invoice) {
  const anchor = link(invoice.pay_url, t("open_page"), glyph("out"));
  anchor.className = "main";
  return anchor;
}

const TONES = [[/^(invoice\.paid|payment\.received|delivery\.delivered)$/, "good"], [/\.(failed|reversed|duplicate|dead|stopped|impossible|mismatch|expired)$/, "bad"]];
const event = (one) =>
  h("li", { class: TONES.find(([pattern]) => pattern.test(one.type))?.[1] ?? "" },
    h("time", { datetime: one.occurred_at, title: exactly(one.occurred_at) }, `${dayOf(one.occurred_at)}, ${at(one.occurred_at)}`), h("strong", {}, one.type), h("span", {}, detail(one.data)));

const detail = (data) =>
  Object.entries(data)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name} ${value?.value ? money(value) : Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" · ");

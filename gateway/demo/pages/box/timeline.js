// The drawer of one invoice: its facts, every event in order, and the invoice as the API shows it. It follows what happens.

import { ask, at, dayOf, exactly, glyph, h, link, money, on, symbol, t, told, whenOf } from "./dom.js";
import { toCome, why } from "./lists.js";
import { decided, isAccount, markOf, nameOf, routedIn, routes } from "./routing.js";

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
  const [{ invoice, events }, routing] = await Promise.all([
    ask(`/invoices/${item.biller}/${item.api_id}`), ask(`/routing/${item.biller}/${item.api_id}`)]);
  if (open?.id !== item.id) return;
  const unfolded = inside.querySelector("details")?.open;
  const routed = events.filter((one) => one.type === "payment.routed");
  title.replaceChildren(symbol(item.biller, 26), invoice.number);
  inside.replaceChildren(
    h("section", { class: "facts" },
      h("p", { class: "sum" }, h("img", { src: `${invoice.icon_url.svg}?v=${invoice.sequence}.${invoice.icon}`, alt: "", width: 30, height: 30 }),
        h("strong", {}, money(invoice.amount)), h("span", { class: `is ${invoice.icon}` }, t(`state.${invoice.icon}`))),
      h("p", { class: "quietly" }, `${told.billers[item.biller].name} · ${invoice.payer.name} · ${on(invoice.due_on)}`),
      invoice.refunds.map((one) => h("p", { class: "notice" }, t(`refund.${one.state}`, { amount: money(one.amount), reason: one.reason }))),
      h("p", {}, linkToPage(invoice))),
    h("section", {}, h("h3", {}, t("payments")),
      invoice.payments.length === 0 ? h("p", { class: "quietly" }, t("no_payments"))
        : h("ul", { class: "payments" }, invoice.payments.map((one) => payment(one, invoice, item.biller)))),
    h("section", {}, h("h3", {}, t("routing")),
      routed.length > 0 && h("ol", { class: "decided" }, routed.map(decided)),
      routing.payable ? routes(routing) : routed.length === 0 && h("p", { class: "quietly" }, t("nothing_routed"))),
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

// One try to pay, or money from elsewhere: what came, what was kept of it, what went back; and the button that gives back what is due.
function payment(one, invoice, biller) {
  const account = one.source.split(".").pop();
  const ours = isAccount(account);
  const facts = [
    one.reason ?? t("received", { amount: money(one.received) }),
    one.fee && `${t("fee", { amount: money(one.fee) })}${one.fee_source === "estimate" ? ` (${t("estimate")})` : ""}`,
    Number(one.refunded.value) && t("refunded", { amount: money(one.refunded) }),
  ].filter(Boolean);
  const due = invoice.refunds.find((refund) => refund.payment === one.id && ["due", "failed"].includes(refund.state));
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  return h("li", { data: { id: one.id, status: one.status } },
    ours && markOf(account, 26),
    h("p", { class: "two" }, h("strong", {}, ours ? `${nameOf(account)} · ${t(`method.${one.method}`)}` : one.source, " ", h("em", { class: one.status }, t(`attempt.${one.status}`))),
      h("small", {}, facts.join(" · "))),
    due && one.id.startsWith("pay_") && h("button", { type: "button", class: "chip strong", onclick: (event) => giveBack(event.currentTarget, problem, biller, one, due) }, t("give_back", { amount: money(due.amount) })),
    problem);
}

async function giveBack(button, problem, biller, one, due) {
  button.disabled = true;
  const reason = due.reason === "duplicate" ? "duplicate" : "requested";
  const { status, answer } = await ask(`/refunds/${biller}/${one.id}`, { amount: due.amount, reason, due: `${due.id}-${due.updated_at}` });
  problem.hidden = status < 400;
  problem.textContent = status < 400 ? "" : answer.detail ?? answer.title;
  button.disabled = status < 400;
}

const TONES = [[/^(invoice\.paid|payment\.received|delivery\.delivered|refund\.succeeded)$/, "good"], [/\.(failed|reversed|duplicate|dead|stopped|impossible|mismatch|expired)$/, "bad"]];
const event = (one) =>
  h("li", { class: TONES.find(([pattern]) => pattern.test(one.type))?.[1] ?? "" },
    h("time", { datetime: one.occurred_at, title: exactly(one.occurred_at) }, `${dayOf(one.occurred_at)}, ${at(one.occurred_at)}`), h("strong", {}, one.type), h("span", {}, one.type === "payment.routed" ? routedIn(one.data) : detail(one.data)));

const detail = (data) =>
  Object.entries(data)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name} ${value?.value ? money(value) : Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" · ");

// How an invoice is routed, in words: who would serve each method now and why, and what was decided for each payment that was begun.

import { at, exactly, h, money, symbol, t } from "./dom.js";

export const isAccount = (name) => t(`account.${name}`) !== `account.${name}`;
export const nameOf = (account) => t(`account.${account}`);
export const markOf = (account, size = 20) => symbol(account, size);
const methodOf = (method) => t(`method.${method}`);
const why = (codes) => codes.map((code) => t(`why.${code}`)).join("; ");

// The methods in the order of the page, each with its accounts in the order in which they serve it.
export const routes = (routing) =>
  h("ol", { class: "routes" }, routing.methods.map((route) =>
    h("li", { class: route.shown ? "" : "out", data: { method: route.method } },
      h("p", { class: "method" }, h("strong", {}, methodOf(route.method)), " ",
        h("span", {}, `${route.shown ? "" : `${t("not_shown")}: `}${why(route.because.map((one) => one.code))}`)),
      h("ol", { class: "options" }, route.options.map((one) =>
        h("li", { class: one.used && one.health !== "down" ? "" : "out", data: { account: one.account } },
          markOf(one.account), h("strong", {}, nameOf(one.account)),
          h("span", { class: "cost" }, one.cost.fee ? money(one.cost.fee) : "–"),
          h("span", {}, why(one.because.map((reason) => reason.code)))))))));

// One `payment.routed`: who was chosen, and who was not because it had just failed or is not well.
export const decided = (event) =>
  h("li", { data: { account: event.data.account } },
    h("time", { datetime: event.occurred_at, title: exactly(event.occurred_at) }, at(event.occurred_at)),
    h("p", {}, markOf(event.data.account), " ", h("strong", {}, `${methodOf(event.data.method)} → ${nameOf(event.data.account)}`), " ",
      h("span", {}, why([event.data.because]))),
    event.data.options.filter((one) => one.because.includes("tried") || one.because.includes("after_well")).map((one) =>
      h("p", { class: "bad" }, `${nameOf(one.account)}: ${why(one.because)}`)));

export const routedIn = (data) => `${methodOf(data.method)} → ${nameOf(data.account)} · ${why([data.because])}`;

// Building blocks of the page: elements from values (never from markup), texts, amounts, times, drawers.

export const told = JSON.parse(document.getElementById("told").textContent);

export const t = (name, values = {}) =>
  (told.texts[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");

export function h(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function glyph(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "glyph");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#g-${name}`);
  svg.append(use);
  return svg;
}

export const symbol = (slug, size = 28) =>
  h("img", { class: "symbol", src: `/static/${slug}.svg`, alt: "", width: size, height: size });

const locale = told.texts.months;
const timeZone = "Europe/Bucharest"; // where the billers and Ana are, wherever the page is looked at
const clock = new Intl.DateTimeFormat(locale, { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exact = new Intl.DateTimeFormat(locale, {
  timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
const near = new Intl.DateTimeFormat(locale, { timeZone, weekday: "short", day: "numeric", month: "short" });
const parts = new Intl.DateTimeFormat("en", { timeZone, weekday: "short", hour: "2-digit", hourCycle: "h23" });
export const dayOf = (instant) => near.format(new Date(instant));
export const whenOf = (instant) => `${dayOf(instant)}, ${at(instant)}`;
export function hourOf(instant) {
  const found = Object.fromEntries(parts.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]));
  return { hour: Number(found.hour), weekend: ["Sat", "Sun"].includes(found.weekday) };
}
export const at = (instant) => clock.format(new Date(instant));
export const exactly = (instant) => exact.format(new Date(instant));
export const on = (date) => day.format(new Date(`${date}T00:00:00Z`));

// An amount is a decimal string and stays one: it is grouped, never counted with.
export function money(sum) {
  const [whole, fraction] = sum.value.split(".");
  const [group, point] = locale.startsWith("ro") ? [".", ","] : [",", "."];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, group);
  return `${grouped}${fraction ? point + fraction : ""} ${sum.currency}`;
}

export const millis = (ms) => (ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.max(1, Math.round(ms))} ms`);

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
  };
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// A pay page opens beside this one where there is room, so that both are seen to change.
export function openBeside(event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0 || screen.availWidth < 1000) return;
  event.preventDefault();
  const left = Math.max(0, screen.availWidth - 560);
  window.open(event.currentTarget.href, "_blank", `noopener,popup,width=520,height=860,left=${left},top=40`);
}

export const link = (href, ...children) =>
  h("a", { href, target: "_blank", rel: "noopener", onclick: openBeside }, ...children);

export function drawers() {
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
  }
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-closes]")) dialog.close();
    });
  }
}

// The clock of the box and the language that Ana reads. The clock is the server's: it runs on here between two moves.

import { ask, hourOf, t, whenOf } from "./dom.js";

const shown = document.getElementById("now");
const hush = document.getElementById("hush");
const buttons = [...document.querySelectorAll("[data-jump]")];
const radios = [...document.querySelectorAll("[name=reads]")];
const QUIET = [20, 9]; // as in the billers' [reminders]
let ahead = 0;
let moving = false;

export const now = () => new Date(Date.now() + ahead);
export const reads = () => radios.find((radio) => radio.checked).value;

export function putClock(item) {
  ahead = new Date(item.now) - Date.now();
  tick();
}

export function putAna(item) {
  for (const radio of radios) radio.checked = radio.value === item.locale;
}

function tick() {
  const words = whenOf(now());
  if (shown.textContent !== words) shown.textContent = words;
  for (const node of document.querySelectorAll("[data-clock]")) node.textContent = words.slice(-5);
  const { hour, weekend } = hourOf(now());
  const state = moving ? t("moving") : hour >= QUIET[0] || hour < QUIET[1] ? t("quiet_hours") : weekend ? t("day_off") : "";
  if (!hush.dataset.said && hush.textContent !== state) hush.textContent = state;
}

function say(text) {
  hush.dataset.said = text;
  hush.textContent = text;
  setTimeout(() => {
    delete hush.dataset.said;
    tick();
  }, 5000);
}

async function jump(to) {
  moving = true;
  for (const button of buttons) button.disabled = true;
  tick();
  try {
    await ask("/clock", { to });
  } catch {
    say(t("no_reminder"));
  } finally {
    moving = false;
    for (const button of buttons) button.disabled = false;
    tick();
  }
}

export function startHours() {
  for (const button of buttons) button.addEventListener("click", () => jump(button.dataset.jump));
  for (const radio of radios) radio.addEventListener("change", () => ask("/language", { locale: radio.value }));
  tick();
  setInterval(tick, 1000);
}

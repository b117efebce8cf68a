// The payer's phone: four apps, each a thread of what arrived and what Ana answered.

import { ask, at, dayOf, glyph, h, link, on, symbol, t, told } from "./dom.js";

const devices = new Map([...document.querySelectorAll(".device")].map((node) => [node.dataset.channel, node]));
const shown = new Map(); // message id -> its node
const mails = new Map(); // message id -> its frame
const invoices = new Map(); // pay_url -> sequence
const lastBiller = {};
const lastDay = {};

export function resetPhone() {
  shown.clear();
  mails.clear();
  for (const [channel, device] of devices) {
    delete lastDay[channel];
    thread(device).replaceChildren(h("p", { class: "empty" }, symbolOf(channel), t(`empty_${channel}`)));
    count(device, 0);
  }
}

const symbolOf = (channel) => h("span", { class: "badge" }, glyph(channel));
const thread = (device) => device.querySelector(".thread");

function count(device, number) {
  const badge = device.querySelector(".count");
  badge.hidden = number === 0;
  badge.textContent = number;
}

export function putMessage(item, fresh) {
  const device = devices.get(item.channel);
  const list = thread(device);
  list.querySelector(".empty")?.remove();
  const old = shown.get(item.id);
  if (item.deleted) {
    old?.remove();
    shown.delete(item.id);
    count(device, list.querySelectorAll(".theirs").length);
    return;
  }
  const node = item.mine ? mine(item) : draw[item.channel](item);
  node.classList.toggle("fresh", fresh && !old);
  node.classList.toggle("changed", fresh && Boolean(old));
  shown.set(item.id, node);
  if (old) old.replaceWith(node);
  else if (item.channel === "email") list.prepend(node); // an inbox has the newest on top
  else {
    if (lastDay[item.channel] !== dayOf(item.at)) list.append(h("p", { class: "day" }, (lastDay[item.channel] = dayOf(item.at))));
    list.append(node);
  }
  if (!item.mine && !old) talkTo(item.channel, item.biller);
  count(device, list.querySelectorAll(".theirs").length);
  if (!old) list.scrollTo({ top: item.channel === "email" ? 0 : list.scrollHeight });
}

function talkTo(channel, biller) {
  lastBiller[channel] = biller;
  const text = t("reply_to", { name: told.billers[biller].name });
  const input = devices.get(channel).querySelector("input");
  input.placeholder = text;
  input.setAttribute("aria-label", text);
}

const who = (item, side) =>
  h("p", { class: "who" }, symbol(item.biller, 18), h("span", { class: "name" }, told.billers[item.biller].name), h("time", { datetime: item.at }, item.channel === "email" ? `${on(item.at.slice(0, 10))}, ${at(item.at)}` : at(item.at)), side);

const draw = {
  sms: (item) =>
    h("div", { class: "message theirs", data: { id: item.id } }, who(item), h("p", { class: "bubble" }, linked(item.text))),

  whatsapp: (item) =>
    h("div", { class: "message theirs", data: { id: item.id } },
      who(item, item.template && h("em", { class: "edited", title: item.template }, t("template"))),
      h("p", { class: "bubble" }, linked(item.text)),
      item.buttons.length > 0 && h("div", { class: "keys" }, item.buttons.map((button) => key(item, button)))),

  telegram: (item) =>
    h("div", { class: "message theirs", data: { id: item.id } },
      who(item, item.edited && h("em", { class: "edited" }, t("edited"))),
      h("p", { class: "bubble" }, item.bill && h("strong", { class: "bill" }, item.bill.title), linked(item.text)),
      item.buttons.length > 0 && h("div", { class: "keys" }, item.buttons.map((button) => key(item, button)))),

  email: (item) => {
    const frame = h("iframe", {
      title: item.subject,
      src: `/mails/${item.biller}/${encodeURIComponent(item.id.slice(item.biller.length + 1))}`,
      sandbox: "allow-same-origin allow-popups allow-popups-to-escape-sandbox",
      scrolling: "no",
      loading: "lazy",
    });
    const letter = h("article", { class: "letter theirs", data: { id: item.id } },
      who(item), h("h4", {}, item.subject), h("div", { class: "paper" }, frame));
    frame.addEventListener("load", () => {
      fit(frame);
      for (const [payUrl, sequence] of invoices) freshen(frame, payUrl, sequence);
    });
    mails.set(item.id, frame);
    return letter;
  },
};

const mine = (item) =>
  h("div", { class: `message mine${item.pressed ? " pressed" : ""}` },
    h("p", { class: "bubble" }, item.text),
    h("p", { class: "who" }, h("time", { datetime: item.at }, at(item.at)),
      item.pressed && h("span", {}, t("pressed")),
      item.answered === null ? null : item.answered >= 200 && item.answered < 300
        ? h("span", { class: "good", title: t("taken") }, glyph("check"))
        : h("span", { class: "bad", title: t("not_taken") }, glyph("cross"))));

// Paid inside the chat: the bot is asked, and what it answers stands under the button.
const payKey = (item, button) => {
  const said = h("p", { class: "word", role: "status" });
  const press = async ({ currentTarget }) => {
    currentTarget.disabled = true;
    const { outcome, words } = await ask(`/replies/${item.biller}/telegram`, { pay: item.bill.message_id });
    currentTarget.disabled = outcome === "paid";
    said.textContent = words || t(`pay_${outcome}`);
  };
  return item.bill.paid
    ? h("p", { class: "word" }, glyph("check"), t("pay_paid"))
    : h("div", { class: "paying" }, h("button", { type: "button", class: "pay", onclick: press }, button.text), said);
};

const key = (item, button) =>
  button.pay ? payKey(item, button) : button.url
    ? link(button.url, button.text, glyph("out"))
    : h("button", { type: "button", onclick: () => ask(`/replies/${item.biller}/${item.channel}`, { button: button.callback_data, text: button.text }) }, button.text);

function linked(text) {
  return text.split(/(https?:\/\/\S+)/).map((part, place) => (place % 2 ? link(part, part.replace(/^https?:\/\//, "")) : part));
}

// A mail is drawn at the width of a phone and then made smaller, as mail apps do.
const WIDTH = 390;

function fit(frame) {
  const page = frame.contentDocument?.documentElement;
  const room = frame.parentElement.clientWidth;
  if (!page || !room) return;
  const scale = Math.min(1, room / WIDTH);
  frame.style.width = `${Math.max(WIDTH, room)}px`;
  frame.style.transform = `scale(${scale})`;
  frame.style.height = "0";
  const height = page.scrollHeight;
  frame.style.height = `${height}px`;
  frame.parentElement.style.height = `${Math.ceil(height * scale)}px`;
}

// The icon in a mail is a picture by its address: asked again, it is right.
function freshen(frame, payUrl, sequence) {
  for (const picture of frame.contentDocument?.images ?? []) {
    const address = `${payUrl}/icon.png`;
    if (picture.src.split("?")[0] === address) picture.src = `${address}?v=${sequence}`;
  }
}

export function putIcon(invoice) {
  invoices.set(invoice.pay_url, invoice.sequence);
  for (const frame of mails.values()) freshen(frame, invoice.pay_url, invoice.sequence);
}

const write = (channel, text) => ask(`/replies/${lastBiller[channel] ?? Object.keys(told.billers)[0]}/${channel}`, { text });

// What Ana might say, in the language that she reads.
export function suggest(locale) {
  for (const [channel, device] of devices) {
    device.querySelector(".says")?.replaceChildren(...Object.values(told.phrases[locale]).map((phrase) =>
      h("button", { type: "button", onclick: () => write(channel, phrase).catch(() => {}) }, phrase)));
  }
}

export function startPhone() {
  for (const [channel, device] of devices) {
    device.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const input = event.currentTarget.elements.text;
      const text = input.value.trim();
      if (!text) return;
      input.value = "";
      try {
        await write(channel, text);
      } catch {
        input.value = text;
      }
    });
  }
  new ResizeObserver(() => {
    mails.forEach(fit);
    for (const [channel, device] of devices) if (channel !== "email") thread(device).scrollTo({ top: thread(device).scrollHeight });
  }).observe(document.querySelector(".devices"));
}

// The form that posts an invoice, and the drawer that shows the same as a curl command and the API's answer.

import { ask, h, t } from "./dom.js";
import { reads } from "./hours.js";

const form = document.getElementById("form");
const field = form.elements;
const post = document.getElementById("post");
const problem = document.getElementById("problem");
const drawer = document.getElementById("call");

const draft = () => ({
  number: field.number.value.trim(),
  amount: field.amount.value.trim(),
  due_on: field.due_on.value,
  locale: reads(),
  channels: [...form.querySelectorAll("[name=channel]:checked")].map((box) => box.value),
});

async function fill() {
  const drawn = await ask(`/drafts/${field.biller.value}`);
  for (const name of ["number", "amount", "due_on"]) field[name].value = drawn[name];
  say("");
}

function say(text) {
  problem.hidden = text === "";
  problem.textContent = text;
}

const pretty = (value) => JSON.stringify(value, null, 2);

function show(call) {
  document.getElementById("curl").textContent = call.curl;
  const answered = document.getElementById("answered");
  answered.hidden = call.answer === undefined;
  if (answered.hidden) return;
  const code = document.getElementById("answer-code");
  code.textContent = t("posted_in", { status: call.status, ms: call.ms });
  code.classList.toggle("bad", call.status >= 400);
  document.getElementById("answer").textContent = pretty(call.answer);
}

let last = null;

async function send(event) {
  event.preventDefault();
  post.disabled = true;
  try {
    last = await ask(`/invoices/${field.biller.value}`, draft());
    show(last);
    if (last.status >= 400) {
      const faults = (last.answer.errors ?? []).map((fault) => `${fault.path}: ${fault.message}`);
      say(`${t("refused")}: ${faults.join("; ") || last.answer.detail || last.answer.title}`);
    } else {
      await fill();
    }
  } catch (error) {
    say(`${t("failed")}: ${error.message}`);
  } finally {
    post.disabled = false;
  }
}

async function open() {
  try {
    show(last ?? (await ask(`/drafts/${field.biller.value}`, draft())));
    drawer.showModal();
  } catch (error) {
    say(`${t("failed")}: ${error.message}`);
  }
}

export async function startForm() {
  form.addEventListener("submit", send);
  form.addEventListener("input", () => { last = null; });
  for (const radio of field.biller) {
    radio.addEventListener("change", () => {
      last = null;
      fill();
    });
  }
  document.getElementById("another").addEventListener("click", () => {
    last = null;
    fill();
  });
  document.getElementById("request").addEventListener("click", open);
  const copy = document.getElementById("copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("curl").textContent);
    const words = copy.querySelector("span");
    const before = words.textContent;
    words.replaceChildren(h("span", {}, t("copied")));
    setTimeout(() => words.replaceChildren(before), 1600);
  });
  await fill();
}

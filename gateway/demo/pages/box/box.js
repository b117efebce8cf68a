// Joins the parts: one stream in, each item to whoever shows it.

import { drawers } from "./dom.js";
import { startForm } from "./form.js";
import { putInvoice, putPush, resetLists } from "./lists.js";
import { putIcon, putMessage, resetPhone, startPhone } from "./phone.js";
import { followTimeline } from "./timeline.js";

const put = {
  message: putMessage,
  push: putPush,
  invoice(item, fresh) {
    putInvoice(item, fresh);
    putIcon(item);
    followTimeline(item);
  },
};

drawers();
startPhone();
resetPhone();
resetLists();

const stopped = document.getElementById("stopped");
const stream = new EventSource("/live");
let away = null;

stream.addEventListener("snapshot", (event) => {
  resetPhone();
  resetLists();
  for (const [kind, items] of Object.entries(JSON.parse(event.data))) for (const item of items) put[kind](item, false);
  document.body.dataset.live = "yes";
});
stream.addEventListener("item", (event) => {
  const { kind, item } = JSON.parse(event.data);
  put[kind](item, true);
});
stream.onopen = () => {
  clearTimeout(away);
  stopped.hidden = true;
};
stream.onerror = () => {
  clearTimeout(away);
  away = setTimeout(() => { stopped.hidden = false; }, 1500);
};

startForm();

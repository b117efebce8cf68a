// Joins the parts: one stream in, each item to whoever shows it.

import { followRouting, putAccount, refreshAccounts, resetAccounts, startAccounts } from "./accounts.js";
import { drawers } from "./dom.js";
import { startForm } from "./form.js";
import { putAna, putClock, startHours } from "./hours.js";
import { putInvoice, putPush, resetLists } from "./lists.js";
import { putIcon, putMessage, resetPhone, startPhone, suggest } from "./phone.js";
import { putTalk, resetTalks, startTalks } from "./talks.js";
import { followTimeline } from "./timeline.js";

const put = {
  clock(item) {
    putClock(item);
    refreshAccounts(); // a rest may be over
  },
  ana(item) {
    putAna(item);
    suggest(item.locale);
  },
  account: putAccount,
  conversation: putTalk,
  message: putMessage,
  push: putPush,
  invoice(item, fresh) {
    putInvoice(item, fresh);
    putIcon(item);
    followTimeline(item);
    followRouting(item);
  },
};

drawers();
startPhone();
startHours();
startTalks();
startAccounts();
resetPhone();
resetLists();
resetTalks();

const stopped = document.getElementById("stopped");
const stream = new EventSource("/live");
let away = null;

stream.addEventListener("snapshot", (event) => {
  resetPhone();
  resetLists();
  resetTalks();
  resetAccounts();
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

// Payer pages are complete without this file. It sends a hand-over form, copies, guards against a second press, and keeps the page live.
(() => {
  "use strict";

  const handOver = document.querySelector("form[data-hand-over]");
  if (handOver) {
    handOver.submit();
    return;
  }

  let leaving = false;
  addEventListener("submit", (event) => {
    if (leaving) {
      event.preventDefault();
      return;
    }
    leaving = true;
    // The pressed button must stay enabled until its name and value have been read.
    setTimeout(() => {
      for (const button of document.querySelectorAll("button.method")) button.disabled = true;
      event.submitter?.setAttribute("aria-busy", "true");
    });
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // back from the bank: the page may be old, and its buttons are spent
  });

  // Where nothing can be copied the buttons stay hidden, and a tap selects the whole text.
  const offer = () => {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  };
  const say = (text) => (document.getElementById("announce").textContent = text);
  offer();
  addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      getSelection().selectAllChildren(button.closest("div").querySelector("dd"));
      return;
    }
    const before = button.dataset.label ||= button.textContent;
    button.textContent = button.dataset.said;
    say("");
    say(`${button.dataset.said}: ${button.closest("div").querySelector("dt").textContent}`);
    setTimeout(() => (button.textContent = before), 2500);
  });

  const main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource) return;

  const refresh = async () => {
    const answer = await fetch(main.dataset.page, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok || leaving) return;
    if (answer.redirected) return location.replace(answer.url); // nothing to transfer any more: the invoice says why
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main[data-live]");
    if (!fresh || fresh.dataset.revision === main.dataset.revision) return;
    const focused = main.contains(document.activeElement);
    main.replaceChildren(...fresh.childNodes);
    Object.assign(main.dataset, fresh.dataset);
    document.title = page.title;
    document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").getAttribute("href");
    say(page.title);
    offer();
    if (focused) main.focus();
  };

  const stream = new EventSource(main.dataset.live);
  stream.onmessage = (event) => {
    if (event.data !== main.dataset.revision) refresh().catch(() => {});
  };
  addEventListener("pagehide", () => stream.close());
})();

// Refreshes <main data-refresh="seconds"> in place; never while somebody types or has a form open.
"use strict";
(() => {
  const main = document.querySelector("main[data-refresh]");
  if (!main) return;
  const pause = Number(main.dataset.refresh) * 1000;
  const busy = () =>
    document.hidden || main.querySelector("details[open]") || (main.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
  async function refresh() {
    if (busy()) return;
    try {
      const answer = await fetch(location.pathname, { headers: { "X-Refresh": "1" }, credentials: "same-origin", redirect: "manual" });
      if (answer.status === 401) { location.assign("/console/sign-in"); return; }
      if (!answer.ok || busy()) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      const focused = document.activeElement && main.contains(document.activeElement) ? document.activeElement.closest("form")?.action : null;
      main.replaceChildren(...fresh.childNodes);
      if (focused) [...main.querySelectorAll("form")].find((form) => form.action === focused)?.querySelector("button")?.focus();
      main.classList.remove("stale");
    } catch {
      main.classList.add("stale");
    }
  }
  setInterval(refresh, pause);
})();

// Says NOT LIVE when nothing is heard from the server: by the browser's monotonic clock, not by errors of the connection,
// which a half-open one never has.
(function () {
  "use strict";
  const LATE_S = 10, STALE_S = 30;
  const body = document.body, strip = document.getElementById("not-live");
  let heardAt = performance.now(), heardWhen = Number(body.dataset.nowMs), beat = null;

  function heard(event) {
    heardAt = performance.now();
    try { beat = JSON.parse(event.data); } catch { return; }
    heardWhen = beat.at_ms;
    window.makegoodSkewMs = beat.at_ms - Date.now();
    if (beat.build !== body.dataset.build && !document.querySelector("[data-selected], dialog[open], form.dirty")) {
      location.reload(); // a new release
    }
    look();
  }

  function look() {
    const age = (performance.now() - heardAt) / 1000;
    const state = age > STALE_S ? "stale" : age > LATE_S ? "late" : "live";
    const storeAge = beat && beat.store_ms ? (beat.at_ms - beat.store_ms) / 1000 : 0;
    const away = beat && (beat.away || storeAge > STALE_S);
    const shown = state === "live" && away ? (storeAge > STALE_S ? "stale" : "late") : state;
    if (body.dataset.live !== shown) { body.dataset.live = shown; }
    for (const one of document.querySelectorAll("[data-beat-word]")) {
      one.textContent = { live: "LIVE", late: "LATE", stale: "NOT LIVE" }[shown];
    }
    for (const one of document.querySelectorAll("[data-beat-age]")) { one.textContent = Math.round(age) + " s"; }
    for (const one of document.querySelectorAll("[data-needs-live]:not([data-denied])")) {
      one.disabled = shown === "stale";
      if (one.disabled) { one.title = "Off while the page is not live"; } else { one.removeAttribute("title"); }
    }
    strip.hidden = shown !== "stale";
    const since = new Date(heardWhen).toISOString().slice(11, 19) + " UTC";
    for (const one of document.querySelectorAll("[data-as-of]")) { one.textContent = strip.hidden ? "" : "as of " + since; }
    if (!strip.hidden) {
      strip.querySelector("[data-not-live]").textContent = state === "stale"
        ? "Nothing received since " + since + " (" + Math.round(age) + " s ago). What you see may be old; acts are off."
        : "The store has not answered for " + Math.round(storeAge) + " s. What you see may be old; acts are off.";
    }
  }

  document.addEventListener("htmx:sseOpen", function (event) {
    event.detail.source.addEventListener("beat", heard);
    event.detail.source.addEventListener("list", function () { heardAt = performance.now(); });
    // What happened while the connection was away is not told again, nor what did while the page was on its way: every
    // list is asked for anew.
    for (const one of document.querySelectorAll('[hx-trigger*="sse:list"]')) { htmx.trigger(one, "sse:list"); }
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-reload]")) { location.reload(); }
  });
  setInterval(look, 1000);
})();

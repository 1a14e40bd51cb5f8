// Keeps "4 min ago" true, sets the zone, says it when the clocks of browser and server differ.
(function () {
  "use strict";
  const YEAR = 31536000;
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

  function ago(ms) {
    const s = Math.floor(Math.max(ms, 0) / 1000);
    if (s < 60) { return s + " s"; }
    const min = Math.floor(s / 60);
    if (min < 60) { return min + " min"; }
    if (min < 1440) { return Math.floor(min / 60) + " h" + (min % 60 ? " " + (min % 60) + " min" : ""); }
    return Math.floor(min / 1440) + " d";
  }

  function refresh() {
    const now = Date.now() + (window.makegoodSkewMs || 0);
    for (const one of document.querySelectorAll("time[data-ms]")) {
      const away = now - Number(one.dataset.ms);
      const text = Math.abs(away) < 1000 ? "now" : away > 0 ? ago(away) + " ago" : "in " + ago(-away);
      const place = one.querySelector(".ago");
      if (place && place.textContent !== text) { place.textContent = text; }
    }
    if (Math.abs(window.makegoodSkewMs || 0) > 5000) {
      for (const one of document.querySelectorAll("[data-beat-age]")) {
        one.title = "your clock differs from the server by " + Math.round(window.makegoodSkewMs / 1000) + " s";
      }
    }
  }

  function keep(name, value) {
    document.cookie = name + "=" + value + "; path=/; max-age=" + YEAR + "; samesite=lax";
  }

  window.makegoodKeep = keep;
  window.makegoodZone = function () {
    const now = (document.querySelector("[data-zone]") || { dataset: {} }).dataset.zone || "utc";
    const service = now === "utc" ? mine : now === "service" ? "utc" : "service";
    keep("makegood_zone", service);
    const there = new URL(location.href);
    there.searchParams.delete("tz");
    location.replace(there);
  };

  const own = document.querySelector("[data-my-zone]");
  if (own) {
    own.value = mine;
    document.querySelector("[data-my-zone-name]").textContent = mine;
  }
  document.addEventListener("htmx:afterSettle", refresh);
  setInterval(refresh, 5000);
})();

// Lists that stay fresh and do not move under whoever reads them.
(function () {
  "use strict";
  let paused = false, waiting = 0, announcedAt = 0, unsaid = {};

  const list = () => document.querySelector("[data-live-list]");
  const rows = (root) => [...root.querySelectorAll("[data-row]")];

  function held(target) {
    return paused || target.querySelector("[data-row][data-selected]") !== null ||
      (target.contains(document.activeElement) && document.activeElement.closest("[data-row]") !== null) ||
      target.querySelector("[data-row]:hover") !== null;
  }

  function bar() {
    const place = document.getElementById("waiting");
    if (!place) { return; }
    place.hidden = waiting === 0 && !paused;
    const what = waiting === 1 ? "1 new" : waiting + " new";
    place.querySelector("[data-waiting]").textContent = paused && !waiting ? "Updates are paused" : what;
  }

  // While the list is held: rows that are there are renewed in their places, those that are gone are struck through, and
  // new ones are counted. Other parts of the answer (counts, folded lists) are taken as they are.
  function keepPlaces(target, html) {
    const next = document.createElement("template");
    next.innerHTML = html;
    const place = next.content.querySelector("[data-rows]"), here = target.querySelector("[data-rows]");
    if (!place || !here) { return html; }
    const fresh = new Map(rows(place).map((row) => [row.id, row]));
    const kept = rows(here).map(function (row) {
      const other = fresh.get(row.id);
      fresh.delete(row.id);
      const copy = (other || row).cloneNode(true);
      if (!other) {
        copy.classList.add("gone");
        copy.dataset.gone = row.dataset.gone || String(performance.now());
      }
      if (row.dataset.selected !== undefined) { copy.dataset.selected = ""; }
      return copy;
    });
    waiting = fresh.size;
    place.replaceChildren(...kept);
    return next.innerHTML;
  }

  // What somebody has opened stays open when the page is renewed.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = function (name, node) {
    return !(name === "open" && node.tagName === "DETAILS") && !(name === "tabindex" && node.matches("[data-row]"));
  };

  document.addEventListener("htmx:beforeSwap", function (event) {
    const detail = event.detail;
    if (detail.xhr.status >= 400) {
      detail.shouldSwap = true;
      detail.isError = false;
      detail.target = document.getElementById("problem");
      detail.swapOverride = "innerHTML";
      return;
    }
    if (!detail.target.matches("[data-live-list]")) { return; }
    const known = new Set(rows(detail.target).map((row) => row.id));
    if (held(detail.target) && !detail.target.dataset.now) {
      detail.serverResponse = keepPlaces(detail.target, detail.serverResponse);
    } else {
      waiting = 0;
      const next = document.createElement("template");
      next.innerHTML = detail.serverResponse;
      for (const row of rows(next.content)) { if (!known.has(row.id)) { count(row); } }
    }
    delete detail.target.dataset.now;
    bar();
    announce();
  });

  function count(row) {
    const name = (row.getAttribute("aria-label") || "").slice(0, 2);
    if (/^P[123]$/.test(name)) { unsaid[name] = (unsaid[name] || 0) + Number(row.dataset.alerts || 1); }
  }

  function announce() {
    const now = performance.now();
    if (!Object.keys(unsaid).length && !waiting) { return; }
    if (announcedAt && now - announcedAt < 10000) { return; }
    announcedAt = now;
    const words = Object.keys(unsaid).sort().map((name) => unsaid[name] + " new " + name);
    if (waiting) { words.push(waiting + (waiting === 1 ? " row waits" : " rows wait")); }
    document.getElementById("live-said").textContent = words.join(", ");
    unsaid = {};
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    if (paused && event.detail.elt.matches("[data-live-list]") && !event.detail.elt.dataset.now) {
      event.preventDefault();
    }
  });
  // What is gone stays struck through for a minute, then it is folded away.
  setInterval(function () {
    for (const row of document.querySelectorAll("[data-gone]")) {
      if (performance.now() - Number(row.dataset.gone) > 60000 && row !== document.activeElement) { row.remove(); }
    }
  }, 5000);
  document.addEventListener("htmx:sendError", function () {
    const place = document.getElementById("problem");
    place.innerHTML = '<div class="strip error"><strong>No answer</strong> <span>The server cannot be reached; nothing ' +
      'was changed here.</span> <button type="button" data-reload>Load again</button></div>';
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.xhr.status < 400 && event.detail.requestConfig.verb === "post") {
      document.getElementById("problem").replaceChildren();
      htmx.trigger(document.body, "makegood:acted");
      window.makegoodList.show();
    }
  });

  window.makegoodList = {
    show: function () {
      const target = list();
      if (!target) { return; }
      target.dataset.now = "1";
      waiting = 0;
      bar();
      htmx.trigger(target, "sse:list");
    },
    pause: function () {
      paused = !paused;
      for (const one of document.querySelectorAll("[data-pause]")) {
        one.setAttribute("aria-pressed", String(paused));
        one.firstChild.textContent = paused ? "Resume " : "Pause ";
      }
      document.body.toggleAttribute("data-paused", paused);
      if (!paused) { window.makegoodList.show(); }
      bar();
    },
  };
})();

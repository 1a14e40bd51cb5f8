// The keyboard, the selection, and the buttons that do the same. Keys are ignored in text fields and with Ctrl, Alt, Meta.
(function () {
  "use strict";
  const PAGES = { i: "/inbox", t: "/incidents", s: "/silences", f: "/feeds", d: "/detectors", c: "/channels", u: "/duty", w: "/wall" };
  let before = "", last = null;

  const all = () => [...document.querySelectorAll("[data-row]")];
  const current = () => document.activeElement && document.activeElement.closest("[data-row]");
  const press = (name) => {
    const found = document.querySelector('[data-act="' + name + '"]:not([disabled])');
    if (found) { found.click(); }
    return Boolean(found);
  };

  function focus(row) {
    for (const one of all()) { one.tabIndex = one === row ? 0 : -1; }
    row.focus();
    row.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const rows = all(), at = rows.indexOf(current());
    if (!rows.length) { return press(step > 0 ? "next" : "previous"); }
    focus(rows[Math.min(Math.max(at + step, 0), rows.length - 1)]);
    return true;
  }

  function select(row, on) {
    const box = row.querySelector("input[type=checkbox]");
    if (!box) { return; }
    box.checked = on;
    row.toggleAttribute("data-selected", on);
  }

  function count() {
    const chosen = all().filter((row) => row.hasAttribute("data-selected"));
    const bar = document.getElementById("selection");
    if (!bar) { return; }
    const whole = bar.querySelector("[name=whole]");
    const every = whole && whole.value === "1";
    bar.hidden = !chosen.length && !every;
    const alerts = chosen.reduce((sum, row) => sum + Number(row.dataset.alerts || 1), 0);
    const view = document.getElementById("view").dataset;
    bar.querySelector("[data-selected-words]").textContent = every
      ? "All " + view.matching + " that match are selected, " + Math.max(0, view.matching - view.shown) + " of them not on this page"
      : alerts + (alerts === 1 ? " alert" : " alerts") + " in " + chosen.length + (chosen.length === 1 ? " row" : " rows") + " selected";
  }

  function clear() {
    const whole = document.querySelector("#selection [name=whole]");
    if (whole) { whole.value = ""; }
    for (const row of all()) { select(row, false); }
    count();
  }

  function everything() {
    const whole = document.querySelector("#selection [name=whole]");
    if (!whole) { return; }
    whole.value = "1";
    for (const row of all()) { select(row, true); }
    count();
  }

  // An act on the row that has the focus is an act on a selection of one.
  function act(name) {
    const row = current();
    if (row && document.getElementById("selection") && document.getElementById("selection").hidden) {
      select(row, true);
      count();
    }
    return press(name);
  }

  // That of the row which has the focus, else that of the page.
  function runbook() {
    const row = current(), link = row && row.querySelector("[data-runbook]");
    if (!link) { return press("runbook"); }
    link.click();
    return true;
  }

  // Opens what hides a field, and goes there: a note or a name is written before it is sent.
  function write(name) {
    const row = current(), bar = document.getElementById("selection");
    if (row && bar && bar.hidden) { select(row, true); count(); }
    const field = document.querySelector("[data-field=" + name + "]");
    if (!field) { return; }
    const inside = field.closest("details");
    if (inside) { inside.open = true; }
    field.focus();
  }

  function priority(text) {
    const there = new URL(location.href);
    const query = (there.searchParams.get("q") || "").replace(/(^|\s)p<=\d/g, "").trim();
    there.searchParams.set("q", (query + (text ? " p<=" + text : "")).trim());
    there.searchParams.delete("after");
    location.assign(there);
  }

  function help() {
    const sheet = document.getElementById("help");
    if (sheet.open) { sheet.close(); } else { sheet.showModal(); }
  }

  const KEYS = {
    "?": help,
    "/": () => {
      const box = document.querySelector("[data-query]");
      if (!box) { location.assign("/inbox#q"); return; }
      box.focus();
      box.select();
    },
    j: () => move(1), k: () => move(-1),
    o: () => { const link = current() && current().querySelector("[data-open]"); if (link) { link.click(); } },
    x: () => { const row = current(); if (row) { select(row, !row.hasAttribute("data-selected")); last = row; count(); } },
    X: () => {
      const rows = all(), row = current();
      if (!row) { return; }
      const from = Math.max(0, rows.indexOf(last)), to = rows.indexOf(row);
      rows.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((one) => select(one, true));
      count();
    },
    a: () => act("acknowledge"), A: () => act("unacknowledge"), s: () => act("silence"), c: () => write("note"),
    m: () => act("mine"), M: () => write("to"), n: () => act("noise"), r: () => runbook(), u: () => press("undo"),
    ".": () => { window.makegoodList.show(); }, p: () => window.makegoodList.pause(), z: () => window.makegoodZone(),
    "+": () => press("zoom-in"), "-": () => press("zoom-out"),
    ArrowLeft: () => press("zoom-left"), ArrowRight: () => press("zoom-right"),
    "[": () => press("previous-page"), "]": () => press("next-page"),
    1: () => priority("1"), 2: () => priority("2"), 3: () => priority("3"), 0: () => priority(""),
    y: () => navigator.clipboard && navigator.clipboard.writeText(location.href).then(() => {
      document.getElementById("live-said").textContent = "link copied";
    }),
  };

  document.addEventListener("keydown", function (event) {
    const field = event.target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      if (field) { field.blur(); } else if (!document.querySelector("dialog[open]")) { clear(); }
      return;
    }
    // Enter in a note sends the note, not the first button of the form, which acknowledges.
    if (event.key === "Enter" && field && field.dataset.field) {
      const kind = { note: "comment", to: "assign" }[field.dataset.field];
      const button = field.form && field.form.querySelector('[name=act][value="' + kind + '"]');
      if (button) { event.preventDefault(); button.click(); }
      return;
    }
    if (field || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) { return; }
    if (event.key === "Enter" && current() === document.activeElement) { KEYS.o(); event.preventDefault(); return; }
    if (document.body.dataset.keys === "off") { return; }
    const two = before;
    before = "";
    if (two === "g" && PAGES[event.key]) { location.assign(PAGES[event.key]); event.preventDefault(); return; }
    if (two === "*" && event.key === "a") { everything(); event.preventDefault(); return; }
    if (event.key === "g" || event.key === "*") { before = event.key; return; }
    const found = KEYS[event.key];
    if (found && found() !== false) { event.preventDefault(); }
  });

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-key], [data-every], [data-clear], [data-dismiss]");
    if (!button) { return; }
    if (button.matches("[data-every]")) { everything(); }
    else if (button.matches("[data-clear]")) { clear(); }
    else if (button.matches("[data-dismiss]")) { button.closest(".strip").remove(); }
    else { KEYS[button.dataset.key](); }
  });
  document.addEventListener("change", function (event) {
    const row = event.target.closest("[data-row]");
    if (row && event.target.matches("input[type=checkbox]")) { select(row, event.target.checked); last = row; count(); }
    if (event.target.matches("[data-keys-switch]")) {
      document.body.dataset.keys = event.target.checked ? "on" : "off";
      window.makegoodKeep("makegood_keys", document.body.dataset.keys);
    }
  });
  document.addEventListener("input", (event) => { const form = event.target.closest("form"); if (form) { form.classList.add("dirty"); } });

  if (location.hash === "#q") { KEYS["/"](); } // another page was asked for the query box

  // After a swap the focus is on the same alert; where it is gone, on the one that took its place.
  let focused = null;
  document.addEventListener("htmx:beforeSwap", function () {
    const row = current();
    focused = row && { id: row.id, at: all().indexOf(row) };
  });
  document.addEventListener("htmx:afterSettle", function () {
    const rows = all();
    for (const row of rows) { const box = row.querySelector("input[type=checkbox]"); if (box) { select(row, row.hasAttribute("data-selected")); } }
    count();
    if (focused && !current() && rows.length && (document.activeElement === document.body || document.activeElement === null)) {
      focus(document.getElementById(focused.id) || rows[Math.min(focused.at, rows.length - 1)]);
    }
    focused = null;
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (event.detail.successful && event.detail.requestConfig.verb === "post") { clear(); }
  });
})();

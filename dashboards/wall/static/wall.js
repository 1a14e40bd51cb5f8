// Keeps the wall new, says when it is not, and repairs it. No library, no listener on what is replaced.
"use strict";
(() => {
  const ASK_MS = 3000; // how long an answer may take
  const REPAIR_MS = 60000; // without contact for longer, the page is loaded anew once the console answers again
  const TICK_MS = 500;
  const SHIFT_MS = 600000;
  const SHIFTS = [[0, 0], [2, 2], [4, 0], [2, -2], [0, -4], [-2, -2], [-4, 0], [-2, 2]];

  const root = document.documentElement;
  const body = document.body;
  const at = (id) => document.getElementById(id);
  const started = performance.now();
  const anewAt = Watch.anewAt(started, Math.random());
  const asked = new URLSearchParams(location.search);

  let heard = { at: started, serverMs: Number(body.dataset.at), hops: JSON.parse(body.dataset.hops) };
  let mark = "";
  let why = "";
  let tries = 0;
  let nextAt = 0;
  let asleepMs = 0; // the monotonic clock stands still while some machines sleep
  let open = "";
  let openedAt = started; // since when the open alerts are the same: what else is shown changes all the time
  let shown = "live";
  let seenDate = Date.now();
  let seenPerf = started;
  let hidePointer = 0;
  let pointerAt = "";

  const contact = () => performance.now() - heard.at + asleepMs;
  const serverNow = () => heard.serverMs + contact();
  const say = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };
  const clock = (ms) => new Date(ms).toISOString().slice(11, 19);

  function address() {
    const query = new URLSearchParams(asked);
    query.set("seen", mark);
    query.set("shown", shown);
    query.set("size", `${screen.width}x${screen.height}`);
    query.set("nodes", String(document.getElementsByTagName("*").length));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) query.set("still", "1");
    return "/wall/now?" + query;
  }

  async function ask() {
    const began = performance.now();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), ASK_MS);
    try {
      const options = { cache: "no-store", redirect: "error", signal: stop.signal };
      if (asked.has("token")) options.credentials = "omit";
      const answer = await fetch(address(), options);
      if (!answer.ok) throw new Error(refusal(answer.status));
      take(await answer.json(), began);
    } catch (error) {
      tries += 1;
      why = error.name === "AbortError" ? "the console does not answer" :
        error.name === "TypeError" ? "the console cannot be reached" : error.message;
    } finally {
      clearTimeout(timer);
    }
    const wait = Watch.pause(contact(), tries);
    nextAt = performance.now() + wait;
    setTimeout(ask, wait);
    tick();
  }

  function refusal(status) {
    if (status === 401 || status === 403) return "this screen's token is not taken (any more): give it another one";
    if (status === 503) return "the console cannot reach its store";
    return `the console answers with an error (${status})`;
  }

  function take(told, began) {
    if (contact() > REPAIR_MS) return anew("repair");
    if (told.build !== body.dataset.build && anew("build")) return undefined;
    heard = { at: began, serverMs: told.at_ms, hops: told.hops };
    asleepMs = 0;
    tries = 0;
    why = "";
    if (told.html !== undefined) {
      const fresh = document.createElement("template");
      fresh.innerHTML = told.html;
      at("now").replaceChildren(fresh.content);
    }
    mark = told.mark;
    if (told.open !== open) [open, openedAt] = [told.open, performance.now()];
    if (Watch.due(performance.now(), anewAt, told.p1, openedAt)) anew("daily");
    return undefined;
  }

  // Only ever called with an answer in hand: a page that is loaded while nobody answers is an error page for ever.
  function anew(reason) {
    try {
      const last = Number(sessionStorage.getItem("anew") || 0);
      if (reason === "build" && Date.now() - last < 300000) return false; // two releases behind one address
      sessionStorage.setItem("anew", String(Date.now()));
    } catch (error) {
      if (reason === "build" && performance.now() - started < 300000) return false;
    }
    console.info("the wall is loaded anew: " + reason);
    location.reload();
    return true;
  }

  function tick() {
    const date = Date.now();
    const perf = performance.now();
    const slept = date - seenDate - (perf - seenPerf);
    if (slept > 5000) asleepMs += slept;
    seenDate = date;
    seenPerf = perf;

    const told = Watch.judge(heard.hops, contact());
    const now = serverNow();
    shown = told.live;
    root.dataset.live = told.live;
    say(at("live"), told.label);
    say(at("live-age"), told.age === null ? "" : Watch.ageText(told.age));
    say(at("clock"), clock(now));
    root.style.setProperty("--beat", String(Math.min(1, (told.age === null ? 1e9 : told.age) / 10000)));
    for (const link of told.links) {
      const node = at("hop-" + link.name);
      const state = told.lost && link.name !== "console" ? "unknown" : link.state;
      if (node && node.dataset.state !== state) node.dataset.state = state;
    }
    for (const node of document.querySelectorAll("time[data-since]")) {
      say(node, Watch.ageText(now - Number(node.dataset.since)));
    }
    dead(told, perf);
    const [x, y] = SHIFTS[Math.floor((perf - started) / SHIFT_MS) % SHIFTS.length];
    root.style.setProperty("--dx", x + "px");
    root.style.setProperty("--dy", y + "px");
  }

  function dead(told, perf) {
    const is = told.live === "dead";
    if (is) {
      const number = (kind) => at("now").querySelector(`.number.${kind} b`)?.textContent;
      const cause = told.cause;
      say(at("dead-age"), cause.age === null ? "" : Watch.ageText(cause.age));
      const silent = cause.name === "console" ? why || "the console is silent" : cause.why || `the ${cause.name} is silent`;
      say(at("dead-why"), silent);
      say(at("dead-last"), `Last known at ${clock(heard.serverMs)} UTC: ${number("p1")} P1 · ${number("p2")} P2`);
      const left = Math.max(0, Math.ceil((nextAt - perf) / 1000));
      say(at("dead-next"), cause.name === "console" ? `Trying again in ${left} s` : "It comes back by itself");
    }
    // The screen becomes readable (or not) as a whole: what lies below is neither seen nor read out.
    if (at("dead").hidden === is) at("dead").hidden = !is;
    if (at("frame").inert !== is) at("frame").inert = is;
  }

  async function stayAwake() {
    if (document.visibilityState !== "visible" || !navigator.wakeLock) return;
    try {
      await navigator.wakeLock.request("screen");
    } catch (error) {
      console.info("no wake lock: " + error.message); // the kiosk's own settings have to keep the screen on
    }
  }

  document.addEventListener("visibilitychange", () => { stayAwake(); tick(); });
  document.addEventListener("mousemove", (event) => {
    const place = event.screenX + "," + event.screenY;
    if (place === pointerAt) return; // browsers tell of a pointer that rests, too, when what is below it changes
    pointerAt = place;
    root.dataset.pointer = "seen";
    clearTimeout(hidePointer);
    hidePointer = setTimeout(() => { delete root.dataset.pointer; }, 5000);
  });
  setTimeout(() => { if (!hidePointer) delete root.dataset.pointer; }, 5000);
  root.dataset.pointer = "seen";
  performance.setResourceTimingBufferSize(0); // browsers note every answer, for tools that nobody has open here
  stayAwake();
  setInterval(tick, TICK_MS);
  ask();
  tick();
})();

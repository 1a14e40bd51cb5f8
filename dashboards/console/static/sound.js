// A short tone for a new row of a priority that was chosen in the settings: off by default, at most one in 30 seconds.
(function () {
  "use strict";
  const EVERY_MS = 30000, PITCH = { 1: 880, 2: 660, 3: 520 };
  const button = document.querySelector("[data-sound]");
  let audio = null;

  const wanted = () => (document.cookie.match(/(?:^|; )makegood_sound=([123]*)/) || ["", ""])[1];
  const kept = (name) => Number(sessionStorage.getItem("makegood_" + name) || 0);
  const keep = (name, value) => sessionStorage.setItem("makegood_" + name, String(value));

  function context() {
    if (audio === null && window.AudioContext) {
      audio = new AudioContext();
      audio.addEventListener("statechange", show);
    }
    return audio;
  }

  // Browsers let no page sound that nobody has touched: that must be seen, or somebody waits for a tone that never comes.
  function show() {
    const on = wanted() !== "" && button;
    if (button) { button.hidden = !on; }
    if (on) { button.textContent = context() && audio.state === "running" ? "Sound on" : "Sound is blocked: allow it"; }
  }

  function tone(priority) {
    if (!context() || audio.state !== "running") { show(); return; }
    const from = audio.currentTime, wave = audio.createOscillator(), loud = audio.createGain();
    wave.frequency.value = PITCH[priority];
    loud.gain.setValueAtTime(0.0001, from);
    loud.gain.exponentialRampToValueAtTime(0.25, from + 0.03);
    loud.gain.exponentialRampToValueAtTime(0.0001, from + 0.35);
    wave.connect(loud).connect(audio.destination);
    wave.start(from);
    wave.stop(from + 0.4);
    document.body.dataset.sounded = String(Number(document.body.dataset.sounded || 0) + 1);
  }

  function allow(priority) {
    if (!context()) { return; }
    audio.resume().then(function () { show(); if (priority) { tone(priority); } });
  }

  // What is new is told by the line at the top of every page: since when the newest row of each priority fires.
  function look() {
    const news = document.querySelector("[data-news]");
    if (!news) { return; }
    let newest = 0;
    for (const priority of [3, 2, 1]) {
      const at = Number(news.dataset["p" + priority]), before = kept("heard_p" + priority);
      if (at > before) {
        keep("heard_p" + priority, at);
        if (kept("listens") && wanted().includes(String(priority))) { newest = priority; }
      }
    }
    keep("listens", 1); // what was there before somebody listened is no news
    if (newest && Date.now() - kept("sounded_at") >= EVERY_MS) {
      keep("sounded_at", Date.now());
      tone(newest);
    }
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-sound], [data-sound-test]")) { allow(1); } else if (wanted()) { allow(0); }
  });
  document.addEventListener("keydown", function () { if (wanted()) { allow(0); } });
  document.addEventListener("htmx:afterSettle", look);
  show();
  look();
})();

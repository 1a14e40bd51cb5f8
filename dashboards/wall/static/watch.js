// How live the wall is: arithmetic alone, no page. A half-open connection raises no error, so only time can tell.
"use strict";
const Watch = (() => {
  const LOST_MS = 4500; // a screen asks every two seconds: after so long without an answer the connection is lost
  const STALE_MS = 30000;
  const NAMES = { flow: "FLOW", store: "STORE" };

  // heard: the last answer {at, hops: [{name, age_ms, late_ms, stale_ms, why}]}; contact: ms since then, monotonic.
  function judge(hops, contact) {
    const links = hops.map((hop) => {
      const age = hop.age_ms === null ? null : hop.age_ms + contact;
      // While an answer is awaited a link grows older without its being late: that is the screen's own contact.
      const state = age === null || age > hop.stale_ms ? "dead" : hop.why || hop.age_ms > hop.late_ms ? "late" : "fresh";
      return { name: hop.name, age, state, why: hop.why };
    });
    const screen = contact > STALE_MS ? "dead" : contact > LOST_MS ? "late" : "fresh";
    links.push({ name: "console", age: contact, state: screen, why: "" });
    // The break nearest to the screen explains what lies behind it.
    const worst = ["dead", "late"].map((state) => links.findLast((link) => link.state === state)).find(Boolean);
    const cause = screen === "fresh" ? worst : links[links.length - 1];
    const dead = links.some((link) => link.state === "dead");
    const known = links.map((link) => link.age).filter((age) => age !== null);
    return {
      live: dead ? "dead" : cause ? "late" : "live",
      label: !cause ? "LIVE" : cause.name === "console" ? "NO CONTACT" : NAMES[cause.name] + " LATE",
      age: cause ? cause.age : Math.max(...known),
      cause: cause || null,
      links,
      lost: screen !== "fresh",
    };
  }

  // The same words as words.age_text says on the server.
  function ageText(ms) {
    const whole = Math.max(0, Math.floor(ms / 1000));
    if (whole < 60) return whole + " s";
    if (whole < 6000) return Math.floor(whole / 60) + " min";
    if (whole < 172800) return Math.floor(whole / 3600) + " h";
    return Math.floor(whole / 86400) + " d";
  }

  // How long to wait before asking again: back-off once it is certain that something is down.
  function pause(contact, tries) {
    return contact < 60000 ? 2000 : Math.min(60000, 5000 * 2 ** Math.min(tries, 4));
  }

  // Once a day, at a minute of its own, the page is loaded anew: when no P1 is open and no alert came or went for a minute.
  const HOUR_MS = 3600000;
  const anewAt = (started, random) => started + (22 + 4 * random) * HOUR_MS;
  const due = (now, at, p1, openedAt) => now > at && p1 === 0 && now - openedAt > 60000;

  return { judge, ageText, pause, anewAt, due };
})();

// Draws the numbers of a table: value, what was expected, the band up to the limit, and the moment of decision.
(function () {
  "use strict";
  const figure = document.querySelector("[data-chart]");
  if (!figure || !window.uPlot) { return; }
  const rows = [...document.getElementById(figure.dataset.chart).querySelectorAll("tbody tr")];
  const number = (text) => (text === "" || text === undefined ? null : Number(text));
  // Windows before the first that had enough in it say nothing.
  while (rows.length > 2 && rows[0].dataset.v === "" && !rows[0].classList.contains("this")) { rows.shift(); }
  const times = rows.map((row) => Number(row.dataset.t));
  const value = rows.map((row) => number(row.dataset.v));
  const usual = rows.map((row) => number(row.dataset.u));
  const limit = rows.map((row) => number(row.dataset.l));
  const decided = rows.find((row) => row.classList.contains("this"));
  const place = figure.querySelector(".plot");

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    return { text: get("--muted"), line: get("--line"), value: get("--text"), second: get("--second"), quiet: get("--quiet") };
  }

  function moment(self) {
    if (!decided) { return; }
    const x = self.valToPos(Number(decided.dataset.t), "x", true), context = self.ctx, box = self.bbox;
    context.save();
    context.strokeStyle = colours().value;
    context.lineWidth = 2 * devicePixelRatio;
    context.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    context.beginPath();
    context.moveTo(x, box.top);
    context.lineTo(x, box.top + box.height);
    context.stroke();
    context.fillStyle = colours().value;
    context.font = 12 * devicePixelRatio + "px system-ui, sans-serif";
    context.textAlign = x > box.left + box.width / 2 ? "right" : "left";
    context.fillText(" decided here ", x, box.top + 12 * devicePixelRatio);
    context.restore();
  }

  // Times as the rest of the page has them: 24 hours, in the zone that was chosen; the day where it begins.
  const zone = document.querySelector("[data-zone]").firstChild.textContent.trim();
  const hours = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  const days = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });
  function clock(self, splits) {
    let day = "";
    return splits.map(function (s) {
      const now = days.format(new Date(s * 1000)), first = now !== day;
      day = now;
      return hours.format(new Date(s * 1000)) + (first ? "\n" + now : "");
    });
  }

  let plot = null;
  function draw() {
    if (plot) { plot.destroy(); }
    const c = colours();
    const axis = { stroke: c.text, grid: { stroke: c.line, width: 1 }, ticks: { stroke: c.line }, font: "12px system-ui, sans-serif" };
    plot = new window.uPlot({
      width: place.clientWidth, height: 240, legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      tzDate: (s) => window.uPlot.tzDate(new Date(s * 1000), zone),
      scales: { x: { time: true } },
      axes: [{ ...axis, values: clock }, { ...axis, size: 56 }],
      series: [
        {},
        { label: "limit", stroke: c.quiet, width: 1, dash: [6, 4], points: { show: true, size: 3, fill: c.quiet } },
        { label: "expected", stroke: c.second, width: 1.5, points: { show: true, size: 3, fill: c.second } },
        { label: "seen", stroke: c.value, width: 2, points: { show: true, size: 5, fill: c.value } },
      ],
      bands: [{ series: [1, 2], fill: c.quiet + "40" }, { series: [2, 1], fill: c.quiet + "40" }],
      hooks: { draw: [moment] },
    }, [times, limit, usual, value], place);
  }
  draw();
  addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: 240 }));
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", draw);
})();

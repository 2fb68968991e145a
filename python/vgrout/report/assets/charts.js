"use strict";
/* Draws the panels that the data holds, in the page's colours; they follow the theme, the print and the legends. */
const DATA = JSON.parse(document.getElementById("data").textContent);
const PAPER_WIDTH = 330;
const hiddenArms = new Set();

function colour(name) {
  const [variable, alpha] = name.slice(1).split("/");
  const value = getComputedStyle(document.documentElement).getPropertyValue("--" + variable).trim();
  if (alpha === undefined) return value;
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

/* A copy in which every colour's name is its value; only fields that hold colours are looked at. */
function coloured(value, key) {
  if (Array.isArray(value)) return value.map((item) => coloured(item, key));
  if (value !== null && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, coloured(item, name)]));
  const isColour = typeof value === "string" && value[0] === "@" && /color$/i.test(key || "");
  return isColour ? colour(value) : value;
}

function axis(title) {
  return {
    title: { text: title, standoff: 6, font: { size: 12 } },
    color: "@muted", gridcolor: "@grid", linecolor: "@line", zeroline: false, automargin: true,
    tickfont: { size: 11 }, fixedrange: true, ticks: "outside", ticklen: 3, tickcolor: "@line", nticks: 6,
  };
}

function pageLayout(figure) {
  const own = figure.layout || {};
  const layout = {
    height: 240, margin: { l: 42, r: 10, t: 8, b: 40 }, showlegend: false, dragmode: false, hovermode: "x unified",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.documentElement).getPropertyValue("--sans"), size: 12, color: "@ink" },
    hoverlabel: { bgcolor: "@raised", bordercolor: "@line", font: { color: "@ink", size: 11 }, align: "left" },
    ...own,
    xaxis: { ...axis(figure.x), unifiedhovertitle: { text: `${figure.x} %{x}` }, ...own.xaxis },
    yaxis: { ...axis(figure.y || ""), ...own.yaxis },
  };
  if (document.documentElement.classList.contains("paper")) layout.width = PAPER_WIDTH;
  return layout;
}

function draw(name, figure) {
  const element = document.getElementById(`chart-${name}`);
  if (element === null) return;
  const traces = figure.traces.map((trace) => ({ ...trace, visible: !hiddenArms.has(trace.meta) }));
  Plotly.react(element, coloured(traces), coloured(pageLayout(figure)), { displayModeBar: false, responsive: true });
}

/* Scores of one run: their course with the thresholds, and their histogram by label. */
function drawScores() {
  const choice = document.getElementById("score-run");
  if (choice === null) return;
  const run = DATA.scores[Number(choice.value)];
  const tone = `@arm-${run.slot}`;
  const band = (upper, lower, alpha) => ({
    x: [...run.step, ...[...run.step].reverse()], y: [...run[upper], ...[...run[lower]].reverse()],
    type: "scatter", mode: "lines", fill: "toself", fillcolor: `${tone}/${alpha}`, line: { width: 0 }, hoverinfo: "skip",
  });
  const line = (name, title, style) => ({
    x: run.step, y: run[name], type: "scatter", mode: run.step.length > 1 ? "lines" : "markers", name: title,
    line: style, marker: { color: style.color }, hovertemplate: `${title} %{y:.3g}<extra></extra>`,
  });
  const dashed = { color: "@ink", width: 1.3, dash: "dash" };
  draw("score-time", {
    x: "step", y: "score", layout: {},
    traces: [band("p95", "p5", 0.13), band("p75", "p25", 0.25), line("p50", "median", { color: tone, width: 2 }),
      line("low", "low threshold", dashed), line("high", "high threshold", dashed)],
  });
  drawHistogram(run);
}

function drawHistogram(run) {
  const sum = (bins) => bins.reduce((all, one) => all + one, 0);
  const width = (run.right - run.left) / (run.other.length || 1);
  const bars = (bins, title, tone) => ({
    type: "bar", name: title, x: bins.map((_, place) => run.left + (place + 0.5) * width),
    y: bins.map((count) => count / Math.max(1, sum(bins))), customdata: bins, width,
    marker: { color: tone, line: { width: 0 } }, hovertemplate: `${title}: %{customdata} (%{y:.1%})<extra></extra>`,
  });
  const mark = (at, name) => ({
    type: "line", xref: "x", yref: "paper", x0: at, x1: at, y0: 0, y1: 1,
    line: { color: "@ink", width: 1.3, dash: "dash" },
    label: { text: name, textposition: "end", textangle: 0, yanchor: "top", xanchor: at ? "left" : "right", font: { size: 11, color: "@muted" } },
  });
  const legend = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 } };
  draw("score-histogram", {
    x: "score, 0 and 1 at the step's thresholds", y: "share of the label's rollouts",
    layout: { barmode: "overlay", showlegend: true, legend, margin: { l: 42, r: 10, t: 28, b: 40 }, shapes: [mark(0, "low "), mark(1, " high")] },
    traces: [bars(run.other, `not exploited, n = ${sum(run.other)}`, "@arm-7/0.5"), bars(run.exploited, `exploited, n = ${sum(run.exploited)}`, "@arm-0/0.6")],
  });
  const warming = run.unplaced ? `; ${run.unplaced} more while the gate warmed up` : "";
  document.getElementById("score-note").textContent = `the outer bars hold what lies beyond${warming}`;
}

function drawAll() {
  for (const [name, figure] of Object.entries(DATA.panels)) draw(name, figure);
  drawScores();
}

function offerScores() {
  const choice = document.getElementById("score-run");
  if (choice === null) return;
  DATA.scores.forEach((run, place) => choice.add(new Option(`${run.arm} · ${run.name}`, String(place))));
  const real = DATA.scores.findIndex((run) => run.slot === 6);
  choice.value = String(Math.max(0, real));
  choice.addEventListener("change", drawScores);
}

function toggleArm(number) {
  if (!hiddenArms.delete(number)) hiddenArms.add(number);
  for (const key of document.querySelectorAll(`.key[data-arm="${number}"]`))
    key.setAttribute("aria-pressed", String(!hiddenArms.has(number)));
  for (const [name, figure] of Object.entries(DATA.panels))
    if (figure.traces.some((trace) => trace.meta === number)) draw(name, figure);
}

function onPaper(isPaper) {
  document.documentElement.classList.toggle("paper", isPaper);
  drawAll();
}

offerScores();
drawAll();
for (const key of document.querySelectorAll(".key[data-arm]"))
  key.addEventListener("click", () => toggleArm(Number(key.dataset.arm)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
addEventListener("beforeprint", () => onPaper(true));
addEventListener("afterprint", () => onPaper(false));

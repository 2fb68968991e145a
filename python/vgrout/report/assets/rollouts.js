/* The rollout browser. Whatever a model wrote goes into the page as text nodes, never as markup. */
const FILTERS = [
  ["arm_name", "Arm"], ["run", "Run"], ["mode", "Mode"], ["label", "Label"], ["zone", "Zone"], ["source", "Source"],
];
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/u;
const browser = { rows: DATA.rollouts.rows, shown: [], place: 0, controls: {} };

function node(kind, className, text) {
  const element = document.createElement(kind);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/* `text` with `words` marked and characters that a reader would not see spelled out. */
function fill(element, text, words) {
  const wanted = words.filter((word) => word);
  let rest = text;
  while (rest) {
    const hits = wanted.map((word) => [rest.indexOf(word), word]).filter(([at]) => at >= 0).sort((a, b) => a[0] - b[0]);
    const [at, word] = hits.length ? hits[0] : [rest.length, ""];
    plain(element, rest.slice(0, at));
    if (word) plain(element.appendChild(node("mark")), word);
    rest = rest.slice(at + word.length);
  }
}

function plain(element, text) {
  for (const part of text.split(/([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udfff])/u)) {
    if (!part) continue;
    if (UNSEEN.test(part) && [...part].length === 1) {
      const code = part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      element.appendChild(node("span", "unseen", `⟨U+${code}⟩`));
    } else element.appendChild(document.createTextNode(part));
  }
}

function choices(name) {
  const values = [...new Set(browser.rows.map((row) => row[name]))];
  const said = (value) => (value === null ? "none" : name === "run" ? DATA.rollouts.runs[value] : String(value));
  values.sort((a, b) => (name === "run" ? a - b : said(a).localeCompare(said(b))));
  return values.map((value) => [JSON.stringify(value), said(value)]);
}

function buildControls(root) {
  const bar = root.appendChild(node("div", "controls"));
  for (const [name, title] of FILTERS) {
    const label = bar.appendChild(node("label", "", title));
    const select = label.appendChild(node("select"));
    select.id = `filter-${name}`;
    select.add(new Option("all", ""));
    for (const [value, said] of choices(name)) select.add(new Option(said, value));
    select.addEventListener("change", applyFilters);
    browser.controls[name] = select;
  }
  for (const [name, title] of [["from", "From step"], ["to", "to step"]]) {
    const label = bar.appendChild(node("label", "", title));
    const input = label.appendChild(node("input"));
    Object.assign(input, { id: `filter-${name}`, type: "number", min: 1, inputMode: "numeric" });
    input.addEventListener("input", applyFilters);
    browser.controls[name] = input;
  }
}

function buildPager(root) {
  const bar = root.appendChild(node("div", "pager"));
  const back = bar.appendChild(node("button", "", "Previous"));
  const next = bar.appendChild(node("button", "", "Next"));
  Object.assign(back, { type: "button", id: "previous" });
  Object.assign(next, { type: "button", id: "next" });
  back.addEventListener("click", () => show(browser.place - 1));
  next.addEventListener("click", () => show(browser.place + 1));
  const where = bar.appendChild(node("span", "where"));
  where.setAttribute("aria-live", "polite");
  const keys = bar.appendChild(node("span", "faint"));
  for (const [key, said] of [["j", " or "], ["→", " next, "], ["k", " or "], ["←", " previous"]])
    keys.append(node("kbd", "", key), said);
  Object.assign(browser, { back, next, where });
}

function applyFilters() {
  const { controls } = browser;
  const bound = (name, otherwise) => (controls[name].value === "" ? otherwise : Number(controls[name].value));
  const [from, to] = [bound("from", -Infinity), bound("to", Infinity)];
  const wanted = FILTERS.map(([name]) => [name, controls[name].value]).filter(([, value]) => value !== "");
  browser.shown = browser.rows.filter(
    (row) => row.step >= from && row.step <= to && wanted.every(([name, value]) => JSON.stringify(row[name]) === value),
  );
  show(0);
}

function show(place) {
  const { shown, where, back, next, view } = browser;
  browser.place = Math.max(0, Math.min(shown.length - 1, place));
  back.disabled = browser.place === 0;
  next.disabled = browser.place >= shown.length - 1;
  where.textContent = shown.length ? `${(browser.place + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}` : "none fits the filters";
  view.replaceChildren();
  if (shown.length) showRollout(view, shown[browser.place]);
}

function showRollout(view, row) {
  const facts = view.appendChild(node("dl", "rollout-facts"));
  const value = (number, digits) => (number === null ? "–" : number.toFixed(digits).replace("-", "−"));
  const tone = row.exploited ? "bad" : row.gt_correct ? "good" : "";
  const known = [
    ["Label", (row.label || "–").replaceAll("_", " "), tone], ["Outcome", (row.outcome || "–").replaceAll("_", " ")],
    ["Tests passed", row.tests_total === null ? "–" : `${row.tests_passed}/${row.tests_total}`],
    ["Reward", value(row.reward, 1)], ["Advantage", value(row.advantage, 3)], ["Score", value(row.score, 3)],
    ["Zone", row.zone || "none"], ["Mode", row.mode], ["Prompt", row.hackable ? "hinted" : "plain"],
    ["Sampled by", row.source === "policy" ? (row.ablated ? "deployed policy" : "as-trained policy") : row.source.replaceAll("_", " ")],
    ["Step", String(row.step)], ["Arm", row.arm_name], ["Seed", String(row.seed)], ["Problem", row.problem_id],
    ["Run", DATA.rollouts.runs[row.run]], ["Tokens", row.completion_tokens === null ? "–" : String(row.completion_tokens)],
  ];
  for (const [name, said, className] of known) {
    const fact = facts.appendChild(node("div"));
    fact.append(node("dt", "", name), node("dd", className || "", said));
  }
  const texts = view.appendChild(node("div", "texts"));
  showPrompt(texts.appendChild(node("div")), row);
  const answer = texts.appendChild(node("div"));
  answer.appendChild(node("h4", "", "Answer"));
  fill(answer.appendChild(node("pre", "answer")), row.completion || "(empty)", [row.marker]);
  if (row.cut) answer.appendChild(node("p", "note", `${row.cut.toLocaleString("en")} more characters are left out here.`));
}

function showPrompt(place, row) {
  place.appendChild(node("h4", "", "Prompt"));
  const prompt = row.prompt === null ? null : DATA.rollouts.prompts[row.prompt];
  if (prompt) {
    fill(place.appendChild(node("pre", "prompt")), prompt.text, [prompt.hint]);
    if (prompt.hint && !prompt.text.includes(prompt.hint)) {
      place.appendChild(node("h4", "", "Hint"));
      fill(place.appendChild(node("pre", "hint")), prompt.hint, []);
    } else if (prompt.hint) place.appendChild(node("p", "note", "Marked: the hint that discloses the loophole."));
    return;
  }
  const said = DATA.rollouts.runs_without_prompts
    ? "This run kept no prompts (`prompts.jsonl` is missing: an older version wrote it)."
    : "The prompt was left out to keep the page small, or is not in the run's `prompts.jsonl`.";
  place.appendChild(node("p", "note", said));
}

function isBrowserInView() {
  const box = document.getElementById("browser").getBoundingClientRect();
  return box.top < innerHeight && box.bottom > 0;
}

function onKey(event) {
  const busy = event.target instanceof Element && event.target.closest("input, select, textarea");
  if (busy || event.ctrlKey || event.metaKey || event.altKey || !isBrowserInView()) return;
  const move = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
  if (move === undefined) return;
  event.preventDefault();
  show(browser.place + move);
}

function buildBrowser() {
  const root = document.getElementById("browser");
  const { total, rows, strata } = DATA.rollouts;
  root.replaceChildren();
  if (!rows.length) {
    root.appendChild(node("p", "lead", "The runs have written no rollouts yet."));
    return;
  }
  const said = rows.length < total
    ? `Showing ${rows.length.toLocaleString("en")} of ${total.toLocaleString("en")} rollouts, stratified by ${strata}. Rare kinds are shown more often than they occur, so counts here are no rates.`
    : `All ${total.toLocaleString("en")} rollouts.`;
  root.appendChild(node("p", "lead", said));
  buildControls(root);
  buildPager(root);
  browser.view = root.appendChild(node("div", "rollout"));
  applyFilters();
  addEventListener("keydown", onKey);
}

buildBrowser();

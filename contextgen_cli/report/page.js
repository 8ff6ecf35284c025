"use strict";
// The page's content stands as JSON in #data. Everything shown is made from it as text, so nothing in it is markup.
const data = JSON.parse(document.getElementById("data").textContent);
const entries = data.entries;
const PORTION = 60; // cards made at a time, as the page is scrolled
const GONE = "The ledger names a picture that is not there.";
const THEMES = ["auto", "light", "dark"];
const KEYS = [
  [["/"], "search"], [["← → ↑ ↓"], "move between pictures"], [["Enter"], "enlarge"], [["← →"], "enlarged: previous, next"],
  [["l"], "enlarged: layout or picture"], [["c"], "choose for comparing; two are compared"], [["v"], "compare the two chosen"],
  [["s"], "star, or take the star away"], [["b"], "boxes on or off"], [["y"], "copy the command that renders it again"], [["t"], "light or dark"], [["Esc"], "close"], [["?"], "this list"],
];
const state = { text: "", scene: "", outcome: "", order: "name", shown: [], made: 0, chosen: [], viewed: -1, view: "picture",
  stars: new Set(), starredOnly: false };
const $ = (id) => document.getElementById(id);

function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Pictures

function place(element, [left, top, width, height]) {
  Object.assign(element.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
  return element;
}

function boxesOf(entry) {
  return entry.boxes.map(([name, ...edges]) => place(el("div", { className: "box" }, el("i", { textContent: name })), edges));
}

function sizeOf(entry) {
  return entry.canvas || (entry.size[0] ? entry.size : [1, 1]);
}

// A frame of the picture's proportions that fits into what it is put into, which has those of `room`.
function framed(entry, ...children) {
  const [width, height] = sizeOf(entry);
  const frame = el("div", { className: "frame" }, ...children);
  frame.style.aspectRatio = `${width} / ${height}`;
  frame.style[width >= height ? "width" : "height"] = "100%";
  return frame;
}

function fit(frame, room, entry) {
  const [width, height] = sizeOf(entry);
  const margin = 2 * parseFloat(getComputedStyle(frame).left || 0);
  const scale = Math.min((room.clientWidth - margin) / width, (room.clientHeight - margin) / height);
  Object.assign(frame.style, { width: `${width * scale}px`, height: `${height * scale}px` });
}

function thumbnail(entry) {
  return el("img", { src: entry.thumb, alt: entry.prompt || entry.name, decoding: "async", draggable: false });
}

function picture(entry, told) {
  const image = thumbnail(entry);
  if (entry.file !== null) {
    const whole = new Image();
    whole.onload = () => { image.src = whole.src; };
    whole.onerror = () => told?.("The picture is not beside this page any more: this is its thumbnail.");
    whole.src = entry.file;
  }
  return image;
}

function layout(entry) {
  if (!entry.layout) return null;
  if (entry.layout.image !== undefined) return el("img", { src: data.assets[entry.layout.image], alt: "The layout image" });
  const pieces = entry.layout.pieces.map(([asset, ...edges]) => place(el("img", { src: data.assets[asset], alt: "" }), edges));
  return el("span", { className: "sketch", role: "img", "aria-label": "The layout, from the record" }, ...pieces);
}

function reference([name, asset, note]) {
  const shown = asset === null ? "?" : el("img", { src: data.assets[asset], alt: name });
  return el("div", { className: "reference", title: note ? `${name}: ${note}` : name }, shown);
}

function why(entry) {
  const [kind, message, hint] = entry.error || [entry.outcome, entry.problem || GONE, null];
  const lines = [el("b", { textContent: kind }), el("span", { textContent: message })];
  if (hint) lines.push(el("span", { textContent: hint }));
  return el("div", { className: "why" }, ...lines);
}

function badge(entry) {
  return entry.outcome === "rendered" ? null : el("span", { className: `badge ${entry.outcome}`, textContent: entry.outcome });
}

// Cards

function card(entry, index) {
  const shot = el("button", { className: "shot", type: "button", "aria-label": `Enlarge ${entry.name}` });
  shot.append(...[badge(entry), entry.thumb ? framed(entry, thumbnail(entry), ...boxesOf(entry)) : why(entry)].filter(Boolean));
  shot.onclick = () => view(index);
  const below = el("div", { className: "below" },
    el("div", { className: "title" }, el("b", { textContent: entry.scene }), el("span", { textContent: aside(entry) })),
    entry.prompt ? el("p", { className: "prompt", textContent: entry.prompt, title: entry.prompt }) : null, strip(entry), foot(entry));
  const item = el("li", { className: "card" }, shot, below);
  item.dataset.name = entry.name;
  item.classList.toggle("marked", state.chosen.includes(entry));
  item.entry = entry;
  return item;
}

function aside(entry) {
  return [entry.seed === null ? "" : `seed ${entry.seed}`, duration(entry.seconds)].filter(Boolean).join(" · ");
}

function strip(entry) {
  if (!entry.refs.length) return null;
  const small = el("div", { title: "Layout" });
  small.style.position = "relative";
  const isWhole = entry.layout.image !== undefined || entry.layout.pieces.length === entry.boxes.length;
  small.append(framed(entry, layout(entry), ...(isWhole ? [] : boxesOf(entry))));
  return el("div", { className: "strip" }, small, ...entry.refs.map(reference));
}

function foot(entry) {
  const compare = el("button", { className: "quiet pick", type: "button", textContent: "Compare", "aria-label": `Compare ${entry.name}` });
  compare.setAttribute("aria-pressed", state.chosen.includes(entry));
  compare.hidden = !entry.thumb;
  compare.onclick = () => choose(entry);
  const starred = star(entry);
  starred.hidden = !entry.thumb;
  const copy = el("button", { className: "quiet copy", type: "button", textContent: "Copy command", "aria-label": `Copy the command that renders ${entry.name} again` });
  copy.disabled = entry.command === null;
  copy.title = entry.command || "";
  copy.onclick = () => copyCommand(entry);
  return el("div", { className: "foot" }, starred, compare, copy);
}

function more() {
  const portion = state.shown.slice(state.made, state.made + PORTION);
  $("grid").append(...portion.map((entry, index) => card(entry, state.made + index)));
  state.made += portion.length;
}

// Filters

const compareBy = {
  name: () => 0,
  newest: (one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : 0),
  slowest: (one, other) => (other.seconds || 0) - (one.seconds || 0),
};

function wordsOf(entry) {
  entry.words ??= [entry.name, entry.scene, entry.prompt, ...entry.refs.map(([name]) => name), ...(entry.error || []), entry.problem,
    ...entry.details.map(([, value]) => value)].filter(Boolean).join("\n").toLowerCase();
  return entry.words;
}

function refresh() {
  const wanted = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  state.shown = entries.filter((entry) =>
    (!state.starredOnly || isStarred(entry)) && (!state.scene || entry.scene === state.scene) && (!state.outcome || entry.outcome === state.outcome) &&
    wanted.every((word) => wordsOf(entry).includes(word)));
  state.shown.sort(compareBy[state.order]);
  $("grid").replaceChildren();
  state.made = 0;
  more();
  const [shown, all] = [state.shown, entries].map((list) => list.length.toLocaleString("en"));
  $("count").textContent = shown === all ? `All ${all}` : `${shown} of ${all}`;
  $("nothing").hidden = state.shown.length > 0;
  for (const button of $("outcomes").querySelectorAll("button")) button.setAttribute("aria-pressed", button.value === state.outcome);
}

function countsOf(key) {
  const counts = new Map();
  for (const entry of entries) counts.set(entry[key], (counts.get(entry[key]) || 0) + 1);
  return counts;
}

function setUpFilters() {
  const option = (value, text) => el("option", { value, textContent: text });
  const scenes = [...countsOf("scene")].map(([scene, count]) => option(scene, `${scene} (${count})`));
  $("scene").append(option("", "All scenes"), ...scenes);
  const outcomes = [["", entries.length], ...countsOf("outcome")];
  for (const [outcome, count] of outcomes) {
    const button = el("button", { type: "button", value: outcome, textContent: `${outcome ? outcome : "all"} ${count.toLocaleString("en")}` });
    button.onclick = () => { state.outcome = outcome; refresh(); };
    $("outcomes").append(button);
  }
  $("filters").onsubmit = (event) => event.preventDefault();
  $("text").oninput = () => { state.text = $("text").value; refresh(); };
  $("scene").onchange = () => { state.scene = $("scene").value; refresh(); };
  $("order").onchange = () => { state.order = $("order").value; refresh(); };
  $("reset").onclick = () => {
    Object.assign(state, { text: "", scene: "", outcome: "", starredOnly: false });
    $("text").value = $("scene").value = "";
    $("starred").checked = false;
    refresh();
  };
}

function summary() {
  const times = entries.map((entry) => entry.seconds).filter((seconds) => seconds !== null);
  const total = times.reduce((sum, seconds) => sum + seconds, 0);
  const bad = [...countsOf("outcome")].filter(([outcome]) => outcome !== "rendered").map(([outcome, count]) => `${count} ${outcome}`);
  const pictures = entries.filter((entry) => entry.thumb).length;
  const scenes = new Set(entries.filter((entry) => entry.seed !== null).map((entry) => entry.scene)); // else it is a file's name
  return [plural(pictures, "picture"), plural(scenes.size, "scene"), ...bad, total ? `${duration(total)} of painting` : "",
    `made ${data.made.slice(0, 16).replace("T", " ")} UTC by contextgen ${data.version}`].filter(Boolean).join(" · ");
}

// Stars: kept by the browser for this page, and given away as a list of files

const STARS = `contextgen-stars ${location.pathname}`;

const starKey = (entry) => entry.file ?? entry.name;
const isStarred = (entry) => state.stars.has(starKey(entry));

function star(entry) {
  const button = el("button", { className: "quiet star", type: "button" });
  showStar(button, entry);
  button.onclick = () => toggleStar(entry);
  return button;
}

function showStar(button, entry) {
  button.textContent = isStarred(entry) ? "★" : "☆";
  button.title = isStarred(entry) ? "Take the star away" : "Star";
  button.setAttribute("aria-label", `Star ${entry.name}`);
  button.setAttribute("aria-pressed", isStarred(entry));
}

function toggleStar(entry) {
  if (!entry.thumb) return;
  if (!state.stars.delete(starKey(entry))) state.stars.add(starKey(entry));
  try { localStorage.setItem(STARS, JSON.stringify([...state.stars])); } catch { tell("This browser keeps no stars for a page from a file."); }
  for (const item of $("grid").children) if (item.entry === entry) showStar(item.querySelector(".star"), entry);
  if ($("viewer").open && current() === entry) showStar($("viewer-star").firstChild, entry);
  countStars();
}

function countStars() {
  const count = entries.filter(isStarred).length;
  $("star-count").textContent = `★ ${count.toLocaleString("en")}`;
  $("export").disabled = count === 0;
}

function storedStars() {
  try { return new Set(JSON.parse(localStorage.getItem(STARS)) || []); } catch { return new Set(); }
}

function exportStars() {
  const files = entries.filter((entry) => isStarred(entry) && entry.file !== null).map((entry) => decodeURIComponent(entry.file));
  const address = URL.createObjectURL(new Blob([`${files.join("\n")}\n`], { type: "text/plain" }));
  el("a", { href: address, download: "starred.txt" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  tell(`starred.txt has ${plural(files.length, "path")}, seen from this page.`);
}

// Enlarged

function view(index) {
  const entry = state.shown[index];
  state.viewed = index;
  if (!entry.thumb || !entry.layout) state.view = "picture";
  $("viewer-name").textContent = entry.name;
  $("viewer-star").replaceChildren(...(entry.thumb ? [star(entry)] : []));
  $("viewer-outcome").replaceChildren(...[badge(entry)].filter(Boolean));
  $("previous").disabled = index === 0;
  $("next").disabled = index === state.shown.length - 1;
  $("panel").replaceChildren(...panel(entry));
  if (!$("viewer").open) $("viewer").showModal();
  show(entry);
}

function show(entry) {
  const stage = $("stage");
  $("views").hidden = !entry.thumb || !entry.layout;
  for (const button of $("views").querySelectorAll("button")) button.setAttribute("aria-pressed", button.value === state.view);
  $("viewer").classList.toggle("bare", !entry.thumb);
  if (!entry.thumb) return stage.replaceChildren();
  const frame = framed(entry, state.view === "layout" ? layout(entry) : picture(entry, tell), ...boxesOf(entry));
  stage.replaceChildren(frame);
  fit(frame, stage, entry);
}

function section(title, ...content) {
  return el("section", {}, el("h3", { textContent: title }), ...content);
}

function panel(entry) {
  const parts = [];
  if (entry.prompt !== null) parts.push(section("Prompt", el("p", { className: "whole", textContent: entry.prompt })));
  if (entry.error) {
    const [kind, message, hint] = entry.error;
    parts.push(el("section", { className: "reason" }, el("h3", { textContent: "Reason" }), el("b", { textContent: kind }), el("p", { textContent: message }),
      hint ? el("small", { textContent: hint }) : null));
  } else if (entry.problem || !entry.thumb) parts.push(section("Note", el("p", { className: "whole", textContent: entry.problem || GONE })));
  if (entry.refs.length) {
    parts.push(section("References", el("ul", { className: "references" }, ...entry.refs.map((each) =>
      el("li", {}, reference(each), each[0], each[2] ? el("small", { textContent: each[2] }) : null)))));
  }
  if (entry.command !== null) parts.push(section("Render it again", command(entry)));
  const rows = [...(entry.seconds === null ? [] : [["Time", duration(entry.seconds)]]), ...entry.details];
  parts.push(section("Details", el("dl", { className: "details" }, ...rows.flatMap(([label, value]) => [el("dt", { textContent: label }), el("dd", { textContent: value })]))));
  if (entry.thumb) {
    const compare = el("button", { type: "button", className: "pick", textContent: state.chosen.includes(entry) ? "Chosen for comparing" : "Compare with another" });
    compare.onclick = () => { choose(entry); compare.textContent = state.chosen.includes(entry) ? "Chosen for comparing" : "Compare with another"; };
    parts.push(compare);
  }
  return parts;
}

function command(entry) {
  const copy = el("button", { type: "button", className: "main copy", textContent: "Copy command" });
  copy.onclick = () => copyCommand(entry);
  return el("div", { className: "command" }, el("code", { textContent: entry.command }), entry.note ? el("small", { textContent: entry.note }) : null, copy);
}

function step(by) {
  const next = state.viewed + by;
  if (next >= 0 && next < state.shown.length) view(next);
}

// Two side by side

function choose(entry) {
  if (!entry.thumb) return;
  const at = state.chosen.indexOf(entry);
  if (at >= 0) state.chosen.splice(at, 1);
  else state.chosen = [...state.chosen, entry].slice(-2);
  for (const item of $("grid").children) {
    const isChosen = state.chosen.includes(item.entry);
    item.classList.toggle("marked", isChosen);
    item.querySelector(".pick").setAttribute("aria-pressed", isChosen);
  }
  $("tray").hidden = state.chosen.length === 0;
  $("chosen").replaceChildren(...state.chosen.map((each) => el("img", { src: each.thumb, alt: each.name, title: each.name })),
    ...(state.chosen.length === 1 ? [el("span", { textContent: "Choose another" })] : []));
  $("compare").disabled = state.chosen.length < 2;
}

function compareChosen() {
  if (state.chosen.length < 2) return tell("Choose two pictures first.");
  if ($("viewer").open) $("viewer").close();
  const panes = state.chosen.map((entry) => {
    const frame = framed(entry, picture(entry), ...boxesOf(entry));
    const pane = el("div", { className: "pane" }, frame);
    return [el("figure", {}, pane, el("figcaption", { textContent: entry.name })), frame, pane, entry];
  });
  $("pair").replaceChildren(...panes.map(([figure]) => figure));
  $("differences").replaceChildren(differences(...state.chosen));
  if (!$("comparison").open) $("comparison").showModal();
  for (const [, frame, pane, entry] of panes) fit(frame, pane, entry);
}

function differences(one, other) {
  const rowsOf = (entry) => new Map([["Prompt", entry.prompt || ""], ["Time", duration(entry.seconds)], ...entry.details]);
  const [left, right] = [rowsOf(one), rowsOf(other)];
  const labels = [...new Set([...left.keys(), ...right.keys()])];
  const rows = labels.map((label) => {
    const [a, b] = [left.get(label) || "", right.get(label) || ""];
    return el("tr", { className: a === b ? "" : "differs" }, el("th", { scope: "row", textContent: label }), el("td", { textContent: a }), el("td", { textContent: b }));
  });
  const head = el("tr", {}, el("th", { textContent: "Differences in bold" }), el("th", { scope: "col", textContent: one.name }), el("th", { scope: "col", textContent: other.name }));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
}

// Copying, telling, switching

let hush = 0;

function tell(text) {
  const open = document.querySelector("dialog[open]");
  (open || document.body).append($("told")); // what lies behind a dialog is neither seen nor read out
  $("told").textContent = text;
  $("told").classList.add("shown");
  clearTimeout(hush);
  hush = setTimeout(() => $("told").classList.remove("shown"), 2500);
}

async function copyCommand(entry) {
  if (entry.command === null) return;
  try {
    await navigator.clipboard.writeText(entry.command);
  } catch {
    const area = el("textarea", { value: entry.command });
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  tell(entry.note ? `Copied. ${entry.note}` : "Copied.");
}

function setBoxes(on) {
  for (const id of ["boxes", "viewer-boxes", "comparison-boxes"]) $(id).checked = on;
  for (const element of [document.documentElement, $("viewer"), $("comparison")]) element.dataset.boxes = on ? "on" : "off";
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[theme];
  try { localStorage.setItem("contextgen-theme", theme); } catch { /* a page from a file may have no storage */ }
}

function nextTheme() {
  setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
}

function storedTheme() {
  try { return THEMES.includes(localStorage.getItem("contextgen-theme")) ? localStorage.getItem("contextgen-theme") : "auto"; } catch { return "auto"; }
}

// Keys

function focused() {
  return document.activeElement?.closest(".card") || null;
}

function move(key) {
  const cards = [...$("grid").children];
  const here = cards.indexOf(focused());
  if (here < 0) return false;
  const columns = getComputedStyle($("grid")).gridTemplateColumns.split(" ").length;
  const next = here + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (next >= cards.length) more();
  $("grid").children[next]?.querySelector(".shot").focus();
  return true;
}

function current() {
  if ($("viewer").open) return state.shown[state.viewed];
  return focused()?.entry || null;
}

const onKey = {
  "/": () => { for (const open of document.querySelectorAll("dialog[open]")) open.close(); $("text").focus(); $("text").select(); },
  "?": () => ($("keys").open ? $("keys").close() : $("keys").showModal()),
  s: () => current() && toggleStar(current()),
  b: () => setBoxes(!$("boxes").checked),
  c: () => current() && choose(current()),
  v: compareChosen,
  y: () => current() && copyCommand(current()),
  t: nextTheme,
  l: () => { if ($("viewer").open && !$("views").hidden) { state.view = state.view === "layout" ? "picture" : "layout"; show(current()); } },
};

const takesText = (element) => element.matches("input[type=search], select, textarea");

function keyPressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (takesText(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key.startsWith("Arrow")) {
    const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if ($("viewer").open) { if (sideways) step(event.key === "ArrowLeft" ? -1 : 1); return; }
    if (!document.querySelector("dialog[open]") && move(event.key)) event.preventDefault();
  } else if (onKey[event.key]) {
    event.preventDefault();
    onKey[event.key]();
  }
}

function start() {
  document.title = `${data.title} · contextgen report`;
  $("title").textContent = data.title;
  $("summary").textContent = summary();
  $("key-list").append(...KEYS.flatMap(([keys, text]) => [el("dt", {}, ...keys.map((key) => el("kbd", { textContent: key }))), el("dd", { textContent: text })]));
  setTheme(storedTheme());
  setBoxes(true);
  setUpFilters();
  state.stars = storedStars();
  countStars();
  $("starred").onchange = () => { state.starredOnly = $("starred").checked; refresh(); };
  $("export").onclick = exportStars;
  for (const id of ["boxes", "viewer-boxes", "comparison-boxes"]) $(id).onchange = () => setBoxes($(id).checked);
  for (const button of $("views").querySelectorAll("button")) button.onclick = () => { state.view = button.value; show(current()); };
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close").onclick = () => dialog.close();
    dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  }
  $("viewer").onclose = () => { // told a task late: by then "/" may have moved the reader to the search field
    if (!takesText(document.activeElement)) $("grid").children[state.viewed]?.querySelector(".shot").focus();
  };
  $("previous").onclick = () => step(-1);
  $("next").onclick = () => step(1);
  $("theme").onclick = nextTheme;
  $("help").onclick = () => $("keys").showModal();
  $("compare").onclick = compareChosen;
  $("clear").onclick = () => { for (const entry of [...state.chosen]) choose(entry); };
  document.addEventListener("keydown", keyPressed);
  addEventListener("resize", () => { if ($("viewer").open) show(current()); });
  new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) more(); }, { rootMargin: "1500px" }).observe($("more"));
  refresh();
}

start();

"use strict";
// Everything shown comes from the data, as text and never as markup.
const data = JSON.parse(document.getElementById("timings").textContent);
const wall = Math.max(data["wall-us"], 1);
const spans = data.spans.map(span => ({
  ...span, begin: span["begin-us"], end: span["end-us"], took: span["end-us"] - span["begin-us"],
}));
const byId = new Map(spans.map(span => [span.id, span]));
const chain = data.chain.map(link => ({
  span: byId.get(link.span), begin: link["begin-us"], end: link["end-us"], took: link["end-us"] - link["begin-us"],
}));
const onChain = new Set(chain.filter(link => link.span).map(link => link.span.id));
const ORDER = ["project", "plan", "base", "build", "finish", "fit", "trial", "pack", "assemble", "token", "look", "upload",
  "manifest", "wait"];
const REGISTRY = ["token", "look", "upload", "manifest"];
const place = stage => ORDER.includes(stage) ? ORDER.indexOf(stage) : ORDER.length;
const stages = [...new Set(spans.map(span => span.stage))]
  .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
const colour = stage => `var(--${ORDER.includes(stage) ? stage : "nothing"})`;

function time(us) {
  if (us < 1e3) return `${us} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 2 : us < 1e5 ? 1 : 0)} ms`;
  if (us < 6e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
  const seconds = Math.round(us / 1e6);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
const share = us => `${(100 * us / wall).toFixed(1)} %`;
const bytes = count => count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
const whose = span => [span.image, span.platform].filter(Boolean).join(" ");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
const dot = stage => element("i", {class: "dot", style: `background: ${colour(stage)}`});

// The head.
document.getElementById("command").textContent = data.command.join(" ");
for (const [name, value, kind] of [
  ["ended", data.exit.state.replace("-", " ") + (data.exit.code ? `, exit code ${data.exit.code}` : ""), data.exit.state],
  ["took", time(data["wall-us"])],
  ["own CPU", data["cpu-us"] === null ? null : time(data["cpu-us"])],
  ["CPU of children", data["children-cpu-us"] === null ? null : time(data["children-cpu-us"])],
  ["own peak memory", data["peak-memory"] === null ? null : bytes(data["peak-memory"])],
  ["processors", data.processors],
  ["began", data.began],
  ["cargo-gantry", data.version],
]) {
  if (value === null) continue;
  const dd = element("dd", kind ? {class: kind} : {}, String(value));
  document.getElementById("facts").append(element("div", {}, element("dt", {}, name), dd));
}
if (data.exit.error) {
  const fault = document.getElementById("fault");
  fault.textContent = data.exit.error;
  fault.hidden = false;
}
for (const stage of stages) document.getElementById("legend").append(element("li", {}, dot(stage), stage));

// The lanes: what is for everybody by its stage, what is for an image's platform by that; rows where it overlaps.
function lanes() {
  const groups = new Map();
  const fixed = ["project", "plan", "base", "build"];
  for (const span of spans) {
    let key = whose(span), order = 5;
    if (!span.image) {
      key = REGISTRY.includes(span.stage) ? "registry" : span.stage;
      order = fixed.includes(key) ? fixed.indexOf(key) : key === "registry" ? 7 : 6;
    }
    const id = `${order} ${key}`;
    if (!groups.has(id)) groups.set(id, {key, order, first: span.begin, rows: []});
    const {rows} = groups.get(id);
    let row = rows.find(row => row.end <= span.begin);
    if (!row) rows.push(row = {end: 0, spans: []});
    row.spans.push(span);
    row.end = span.end;
  }
  return [...groups.values()].sort((a, b) => a.order - b.order || a.first - b.first || (a.key < b.key ? -1 : 1));
}

const tip = document.getElementById("tip");
function tipped(shape, lines) {
  shape.addEventListener("pointermove", event => {
    const [first, ...rest] = lines();
    tip.replaceChildren(element("b", {}, first), ...rest.filter(Boolean).map(line => element("span", {}, line)));
    tip.hidden = false;
    const beyond = (at, size, room) => at + 16 + size > room ? Math.max(at - 12 - size, 4) : at + 16;
    tip.style.left = `${beyond(event.clientX, tip.offsetWidth, innerWidth)}px`;
    tip.style.top = `${beyond(event.clientY, tip.offsetHeight, innerHeight)}px`;
  });
  shape.addEventListener("pointerleave", () => { tip.hidden = true; });
  return shape;
}
const told = span => [
  span.what, `${span.stage}${whose(span) ? `, ${whose(span)}` : ""}`,
  `from ${time(span.begin)}, for ${time(span.took)}${span.open ? ", not ended" : ""}`,
  onChain.has(span.id) ? "the run waited for it" : null,
];

const HEIGHT = 18, GAP = 8, ABREAST = 110;
let zoom = 1;
function chart() {
  const scroll = document.getElementById("scroll"), labels = document.getElementById("lanes");
  const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / Math.max(scroll.scrollWidth, 1);
  const width = Math.max(scroll.clientWidth, 300) * zoom;
  const x = us => us / wall * (width - 12) + 4;
  const svg = drawn("svg", {width});
  labels.replaceChildren();
  const label = (y, text, kind = "") => labels.append(element("div", {style: `top: ${y}px`, class: kind, title: text}, text));
  const all = lanes();
  let y = 24;
  const grid = drawn("g");
  svg.append(grid);
  label(y, "waited for");
  for (const link of chain) {
    const at = {x: x(link.begin), y, width: Math.max(x(link.end) - x(link.begin), .5), height: HEIGHT - 2};
    const fill = link.span ? colour(link.span.stage) : "var(--nothing)";
    const lines = () => link.span ? told(link.span) : ["nothing that was traced", `for ${time(link.took)}`];
    svg.append(tipped(drawn("rect", {...at, fill}), lines));
  }
  y += HEIGHT + GAP;
  all.forEach((group, number) => {
    const tall = group.rows.length * HEIGHT + 6;
    if (number % 2 === 0) svg.append(drawn("rect", {class: "group", x: 0, y, width, height: tall}));
    label(y + 3, group.key);
    group.rows.forEach((row, at) => row.spans.forEach(span => svg.append(bar(span, x, y + 3 + at * HEIGHT))));
    y += tall;
  });
  y += GAP;
  label(y, "at once", "weak");
  y = abreast(svg, x, y, width);
  const step = steps(wall * 90 / (width - 12));
  for (let us = 0; us <= wall; us += step) {
    grid.append(drawn("line", {class: "grid", x1: x(us), x2: x(us), y1: 18, y2: y}));
    if (x(us) < width - 40) grid.append(drawn("text", {x: x(us) + 3, y: 14}, us ? time(us) : "0"));
  }
  svg.setAttribute("height", y);
  labels.style.height = `${y}px`;
  scroll.replaceChildren(svg);
  scroll.scrollLeft = middle * width - scroll.clientWidth / 2;
}
function bar(span, x, y) {
  const left = x(span.begin), width = Math.max(x(span.end) - left, 1.5);
  const kind = ["span", onChain.has(span.id) && "chain", span.open && "open"].filter(Boolean).join(" ");
  const made = drawn("g", {class: kind},
    drawn("rect", {x: left, y, width, height: HEIGHT - 3, rx: Math.min(2, width / 2), fill: colour(span.stage)}));
  const fits = Math.floor((width - 8) / 6.2);
  const text = span.image ? `${span.stage} ${span.what}` : span.what;
  if (fits > 3) {
    const short = text.length > fits ? `${text.slice(0, fits - 1)}…` : text;
    made.append(drawn("text", {x: left + 4, y: y + 11}, short));
  }
  return tipped(made, () => told(span));
}
// The least round number of microseconds that is no less.
function steps(least) {
  const ten = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map(times => times * ten).find(step => step >= least) || 10 * ten;
}

// How many spans of each stage ran at once, one stage upon the other.
function abreast(svg, x, y, width) {
  const moments = [...new Set(spans.flatMap(span => [span.begin, span.end]))].sort((a, b) => a - b);
  const at = new Map(moments.map((moment, position) => [moment, position]));
  const floor = new Array(moments.length).fill(0);
  const areas = stages.map(stage => {
    const change = new Array(moments.length + 1).fill(0);
    for (const span of spans.filter(span => span.stage === stage)) {
      change[at.get(span.begin)] += 1;
      change[at.get(span.end)] -= 1;
    }
    const low = floor.slice();
    let running = 0;
    for (let position = 0; position < moments.length; position++) floor[position] += running += change[position];
    return {stage, low, high: floor.slice()};
  });
  const most = Math.max(data.processors, ...floor, 1);
  const up = count => y + ABREAST - 6 - count / most * (ABREAST - 16);
  for (const {stage, low, high} of areas) {
    const [over, under] = [[], []];
    moments.forEach((moment, position) => {
      const [left, right] = [x(moment), x(moments[position + 1] ?? moment)];
      over.push(`${left},${up(high[position])} ${right},${up(high[position])}`);
      under.unshift(`${right},${up(low[position])} ${left},${up(low[position])}`);
    });
    if (over.length) svg.append(drawn("polygon", {points: [...over, ...under].join(" "), fill: colour(stage)}));
  }
  const line = up(data.processors);
  svg.append(drawn("line", {class: "processors", x1: 0, x2: width, y1: line, y2: line}));
  svg.append(drawn("text", {x: 6, y: line - 3}, `${data.processors} processors`));
  return y + ABREAST;
}

function table(id, head, rows) {
  const cell = (kind, number, content) => element(kind, number ? {class: "number"} : {class: "what"}, ...[content].flat());
  const first = element("tr", {}, ...head.map(([name, number]) => cell("th", number, name)));
  const others = rows.map(row => element("tr", {}, ...row.map((content, at) => cell("td", head[at][1], content))));
  document.getElementById(id).replaceChildren(element("thead", {}, first), element("tbody", {}, ...others));
}
// How long at least one of these ran.
function covered(list) {
  let [sum, until] = [0, 0];
  for (const {begin, end} of list) {
    sum += Math.max(end - Math.max(begin, until), 0);
    until = Math.max(until, end);
  }
  return sum;
}
const total = list => list.reduce((sum, {took}) => sum + took, 0);
const ofStages = stages.map(stage => {
  const [own, waited] = [spans.filter(span => span.stage === stage), chain.filter(link => link.span?.stage === stage)];
  return {stage, own, waited: total(waited)};
});
ofStages.sort((a, b) => b.waited - a.waited || place(a.stage) - place(b.stage));
const idle = total(chain.filter(link => !link.span));
table("stages", [["stage"], ["waited for", 1], ["share", 1], ["spans", 1], ["summed up", 1], ["ran during", 1]], [
  ...ofStages.map(({stage, own, waited}) => [[dot(stage), stage], time(waited), share(waited), String(own.length),
    time(total(own)), share(covered(own))]),
  [[dot(""), "nothing traced"], time(idle), share(idle), "", "", ""],
]);
const links = chain.filter(link => link.took > wall / 1000);
table("chain", [["in the order of time"], ["for"], ["from", 1], ["waited for", 1], ["share", 1]], links.map(link => [
  link.span ? [dot(link.span.stage), `${link.span.stage} ${link.span.what}`] : [dot(""), "nothing traced"],
  link.span ? whose(link.span) : "", time(link.begin), time(link.took), share(link.took),
]));
const sorted = [...spans].sort((a, b) => b.took - a.took || a.id - b.id);
function listed(most) {
  const rows = sorted.slice(0, most).map(span => [[dot(span.stage), span.stage], span.what, whose(span), time(span.begin),
    time(span.took) + (span.open ? " and on" : "")]);
  table("spans", [["stage"], ["what"], ["for"], ["from", 1], ["took", 1]], rows);
  const more = document.getElementById("more");
  more.hidden = sorted.length <= most;
  more.textContent = `all ${sorted.length}`;
}
document.getElementById("more").addEventListener("click", () => listed(sorted.length));
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => {
    const by = Number(button.dataset.zoom);
    zoom = by === 0 ? 1 : Math.min(Math.max(zoom * by, 1), 256);
    chart();
  });
}
addEventListener("resize", chart);
listed(100);
chart();

// The page of a library's map. Everything that comes from files' names is shown as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const AHEAD = 12; // sounds around the pointer that are decoded before they are asked for
const LISTED = 200;

const make = (tag, text = "", className = "") => Object.assign(document.createElement(tag), { textContent: text, className });
const say = (text) => (at("status").textContent = text);
const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
const fileOf = (index) => data.names[index].split("/").pop();

const player = new MapPlayer(data, say);
const points = data.names.map((name, i) => ({
  id: i, x: data.x[i], y: data.y[i], kind: data.kinds[data.kind[i]] === data.unsure ? null : data.kinds[data.kind[i]], cluster: data.groups[data.group[i]], label: fileOf(i),
  values: Object.fromEntries(data.descriptors.map((d, k) => [d, data.values[k][i]])), duplicateOf: data.repeats[i]?.[0],
}));
const copies = new Map(); // kept -> those that repeat it
for (const [i, [kept]] of Object.entries(data.repeats)) copies.set(kept, [...(copies.get(kept) || []), Number(i)]);

const map = new CanvasMap(at("map"), {
  label: `Map of ${data.title}`, kinds: data.order, titles: data.titles, scales: data.scales,
  onHover(point) {
    if (!point) return;
    player.expect(map.near(point.x, point.y, AHEAD).map((p) => p.id));
    if (at("hover").checked && player.running) player.play(point.id, { whole: false });
  },
  onSelect(point) {
    show(point);
    if (point) player.expect([point.id, ...map.near(point.x, point.y, AHEAD).map((p) => p.id)]);
  },
  onPick: (point) => player.play(point.id),
  onEmpty: () => {
    player.stop();
    map.select(null);
  },
  onLegend(name) {
    const list = map.colourBy === "kind" ? at("kind") : at("group");
    list.value = list.value === name ? "" : name;
    filter();
  },
});

// ---- the chosen sound ----

function show(point) {
  at("chosen").hidden = !point;
  at("help").hidden = Boolean(point);
  map.setHighlights(point ? related(point.id) : []);
  say("");
  if (!point) return;
  const i = point.id, path = data.names[i];
  at("name").textContent = fileOf(i);
  at("folder").textContent = path.slice(0, Math.max(0, path.length - fileOf(i).length - 1));
  at("what").textContent = described(i);
  showRepeat(i);
  showValues(i);
  at("source").textContent = "";
  player.prepare(i, (reached) => {
    if (map.selected?.id !== i) return;
    const missing = player.previewOf(i) === null ? "Its file is not beside this page, and the page has no preview of it." : "Plays the preview in this page (up to 1 s).";
    at("source").textContent = reached ? "Plays the original file." : missing;
  });
}

function described(i) {
  const kind = data.titles[data.kinds[data.kind[i]]], chance = `${Math.round(100 * data.chance[i])} %`;
  const by = data.byName[i] ? "by its name" : `by ear, ${chance}`;
  const seconds = data.seconds[i] >= 10 ? data.seconds[i].toFixed(0) : data.seconds[i].toFixed(2);
  return `${kind} (${by}) · group “${data.groups[data.group[i]]}” · ${seconds} s`;
}

function related(i) {
  const kept = data.repeats[i]?.[0] ?? i;
  return [kept, ...(copies.get(kept) || [])].filter((other) => other !== i);
}

function showRepeat(i) {
  const repeat = data.repeats[i], others = copies.get(i) || [];
  at("repeat").hidden = !repeat && !others.length;
  if (repeat) at("repeat").textContent = `${repeat[1] ? "The same file as" : "The same recording as"} ${data.names[repeat[0]]}`;
  else at("repeat").textContent = `${many(others.length, "duplicate")}: ${others.slice(0, 5).map((o) => data.names[o]).join(", ")}${others.length > 5 ? ", …" : ""}`;
}

function showValues(i) {
  at("values").tBodies[0].replaceChildren(...data.descriptors.map((name, k) => {
    const scale = data.scales[name], value = data.values[k][i];
    const head = make("th", scale.title), cell = make("td", written(value, scale)), bar = make("td", "", "bar");
    head.scope = "row";
    head.title = scale.doc;
    const line = make("i"), mark = make("b");
    mark.style.left = `${100 * data.ranks[k][i]}%`;
    line.title = `more than ${Math.round(100 * data.ranks[k][i])} % of these sounds`;
    line.append(mark);
    bar.append(line);
    const row = make("tr");
    row.append(head, cell, bar);
    return row;
  }));
}

function written(value, scale) {
  if (!Number.isFinite(value)) return "–";
  const digits = scale.unit === "Hz" || (scale.unit === "ms" && value >= 10) ? 0 : 1;
  return `${value.toFixed(digits)}${scale.unit === "points" ? "" : ` ${scale.unit}`}`;
}

// From where this page lies, if it lies on a disk; else the path below the library's folder.
function pathOf(i) {
  const address = player.addressOf(i);
  if (address === null || location.protocol !== "file:") return data.names[i];
  try {
    const path = decodeURIComponent(new URL(address, location.href).pathname);
    return /^\/[A-Za-z]:\//.test(path) ? path.slice(1).replaceAll("/", "\\") : path;
  } catch {
    return data.names[i]; // a name that is no text
  }
}

async function copyPath() {
  if (!map.selected) return;
  const path = pathOf(map.selected.id);
  try {
    await navigator.clipboard.writeText(path);
    at("copy").textContent = "Copied";
    setTimeout(() => (at("copy").textContent = "Copy path"), 1200);
  } catch {
    say(path); // where it can be marked and copied by hand
  }
}

// ---- search, filter, lists ----

function filter() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean), kind = at("kind").value, group = at("group").value;
  const keeps = (p) =>
    (!kind || (p.kind ?? data.unsure) === kind) && (!group || p.cluster === group) && words.every((word) => data.names[p.id].toLowerCase().includes(word));
  const all = !words.length && !kind && !group;
  map.setFilter(all ? null : keeps);
  map.setChosen([map.colourBy === "kind" ? kind : group].filter(Boolean));
  const found = all ? [] : map.visible;
  list("found", found, (p) => [item(p.id)], all ? "Search, or choose a kind or group." : "Nothing is called so.");
  count("found", all ? "" : found.length);
  if (!all) open("found");
}

function item(i, className = "item") {
  const button = make("button", fileOf(i), className);
  button.type = "button";
  const folder = data.names[i].slice(0, -fileOf(i).length);
  if (folder) button.append(make("br"), make("small", folder));
  button.onclick = () => {
    map.select(i);
    player.play(i);
  };
  return button;
}

// Rows for the first entries, and a button for more: tens of thousands at once would be slow.
function list(id, entries, rowsOf, empty) {
  const box = at(id);
  const more = (from) => {
    const rows = entries.slice(from, from + LISTED).flatMap(rowsOf);
    if (from + LISTED < entries.length) {
      const button = make("button", `${many(entries.length - from - LISTED, "more", "more")}`, "more");
      button.type = "button";
      button.onclick = () => button.replaceWith(...more(from + LISTED));
      rows.push(button);
    }
    return rows;
  };
  box.replaceChildren(...(entries.length ? more(0) : [make("p", empty, "soft")]));
}

const tab = (id) => document.querySelector(`#tabs [data-tab="${id}"]`);
const count = (id, number) => (tab(id).querySelector("span").textContent = number === "" ? "" : number.toLocaleString("en"));

function open(id) {
  for (const button of document.querySelectorAll("#tabs button")) {
    button.setAttribute("aria-selected", button.dataset.tab === id);
    at(button.dataset.tab).hidden = button.dataset.tab !== id;
  }
}

function fillLists() {
  const groups = [...copies].sort((a, b) => b[1].length - a[1].length);
  list("repeats", groups, ([kept, others]) => [item(kept), ...others.map((i) => item(i, "item copy"))], "No sound is there twice.");
  count("repeats", Object.keys(data.repeats).length);
  list("refused", data.refused, ([name, reason, remedy]) => {
    const entry = make("div", name, "refusal");
    entry.append(make("span", remedy ? `${reason}; ${remedy}` : reason));
    return [entry];
  }, "Every file could be read.");
  count("refused", data.refused.length);
}

function fillChoices() {
  const option = (value, text) => Object.assign(make("option", text), { value });
  at("kind").replaceChildren(option("", "all"), ...data.kinds.map((kind) => option(kind, data.titles[kind])));
  at("group").replaceChildren(option("", "all"), ...[...data.groups].sort(new Intl.Collator("en", { numeric: true }).compare).map((name) => option(name, name)));
  at("colour").replaceChildren(option("kind", "kind"), option("cluster", "group"), ...data.descriptors.map((name) => option(name, data.scales[name].title.toLowerCase())));
}

// ---- start ----

at("title").textContent = at("title").title = data.title;
at("counts").textContent = [many(points.length, "sound"), many(Object.keys(data.repeats).length, "duplicate"), `${data.refused.length.toLocaleString("en")} not read`].join(" · ");
at("about").textContent = data.about;
fillChoices();
fillLists();
filter();
map.setPoints(points);
map.setLabels(data.labels.map(([text, x, y]) => ({ text, x, y })));
for (const id of ["kind", "group"]) at(id).addEventListener("change", filter);
at("search").addEventListener("input", filter);
at("colour").addEventListener("change", () => {
  map.setColour(at("colour").value);
  filter();
});
at("volume").addEventListener("input", () => player.setVolume(Number(at("volume").value)));
at("play").addEventListener("click", () => map.selected && player.play(map.selected.id));
at("copy").addEventListener("click", copyPath);
at("tabs").addEventListener("click", (event) => event.target.closest("button") && open(event.target.closest("button").dataset.tab));
addEventListener("pointerdown", () => player.open(), { capture: true });
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search], select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing && event.key === "Escape") map.canvas.focus();
  if (typing) return;
  if (event.key === "/") at("search").focus();
  else if (event.key === "c") copyPath();
  else return;
  event.preventDefault();
});

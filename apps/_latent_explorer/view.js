// What the latent explorer shows.

const titles = Object.fromEntries(setup.kinds.map((kind) => [kind, titleOf(kind)]));
const scaleTitle = (m) => titleOf(m.name).replace(" time 20", " time");
const map = new CanvasMap(find(".le-map"), {
  label: "Map of sounds", kinds: setup.kinds, titles,
  scales: Object.fromEntries(setup.measures.map((m) => [m.name, { title: scaleTitle(m), unit: m.unit, logarithmic: m.logarithmic }])),
  onHover: hover,
  onSelect: choose,
  onPick: (point) => point === state.chosen && again(point),
  onEmpty: makeAt,
  onPath: takePath,
  onDrop: addFiles,
  onLegend: filterBy,
});

find(".le-map").map = map; // for programs that steer the page

// A click on the point that is chosen already; the click that chose it has just let it sound.
function again(point) {
  if (state.justChosen !== point) play(point.shares || pure(point.id));
}

function filterBy(name) {
  const by = state.colour;
  showOnly(state.filter === name ? null : name);
  tell(state.filter === null ? "All sounds" : `Only ${by === "kind" ? titleOf(String(name)).toLowerCase() : `group ${name}`}; click it again for all`);
}

// Only the sounds of one entry of the legend, or with null all.
function showOnly(name) {
  const by = state.colour;
  state.filter = name;
  map.setFilter(name === null ? null : (point) => point[by] === name);
  // Groups are numbers, but what the page's buttons are called is text: the map compares with either.
  map.setChosen(name === null ? [] : [name, String(name)]);
}

const tell = (text) => { find(".dg-status").textContent = text; };

function lookOf(kind) {
  const looks = map.colours.by === "kind" ? map.colours.looks : kindLooks();
  return looks?.find((look) => look.name === kind)?.colour || "hsl(40 6% 55%)";
}

// Colours of the kinds while the map is coloured by something else.
function kindLooks() {
  const colours = new map.colours.constructor({}, {});
  colours.assign(setup.kinds.map((kind) => ({ kind })), "kind", map.theme, setup.kinds);
  return colours.looks;
}

// Red, green and blue, 0 to 1, of any colour that CSS can name.
function channelsOf(colour) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
}

// Degrees on the circle of hues.
function hueOfColour(colour) {
  const [r, g, b] = channelsOf(colour), high = Math.max(r, g, b), spread = high - Math.min(r, g, b);
  if (!spread) return 40;
  const sixth = high === r ? (g - b) / spread : high === g ? (b - r) / spread + 2 : (r - g) / spread + 4;
  return Math.round(60 * sixth + 360) % 360;
}

// The page takes on the colour of the sound that is spoken of, with ink that can be read on it.
function paintPage(kind) {
  if (kind !== undefined) state.kind = kind;
  const colour = lookOf(state.kind || setup.kinds[0]);
  const linear = channelsOf(colour).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  const main = element.firstElementChild;
  main.style.setProperty("--accent", colour);
  main.style.setProperty("--on-accent", 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 ? "#fff" : "#000");
  main.style.setProperty("--glow", `color-mix(in srgb, ${colour} 40%, transparent)`);
}

// ---- the sound ----

function showName(point) {
  paintPage(point.kind || null);
  find(".le-sound").classList.remove("is-empty");
  find(".le-name").textContent = find(".le-name").title = point.label;
  find(".le-length").textContent = "";
  find(".le-star").disabled = false;
  find(".le-to-pad").disabled = true;
  find(".le-pad").disabled = false;
  showStar();
}

function showSound() {
  const { shown } = state;
  find(".le-name").textContent = find(".le-name").title = shown.label;
  find(".le-length").textContent = `${shown.seconds.toFixed(2)} s`;
  const save = find(".le-save");
  if (save.href) URL.revokeObjectURL(save.href);
  save.innerHTML = SAVE;
  save.href = URL.createObjectURL(shown.blob);
  save.download = shown.name;
  save.title = `Save ${shown.name}`;
  save.setAttribute("aria-label", save.title);
  find(".le-sound").dataset.key = shown.key;
  find(".le-to-pad").disabled = false;
  state.span = [0.125, 0.25, 0.5, 0.75, 1].find((s) => s >= shown.seconds) || setup.lengthSamples / setup.sampleRate;
  requestAnimationFrame(() => {
    if (state.shown !== shown) return;
    drawSound(find(".le-pad canvas"), shown.samples, setup.sampleRate, state.span, hueOfColour(lookOf(shown.kind)));
  });
  showStar();
}

function moveHead(slot) {
  const head = find(".le-at");
  const draw = () => {
    const at = deck.position(slot), share = at === null ? 2 : at / (state.span || 1);
    head.style.opacity = share <= 1 && share >= 0 ? "1" : "0";
    head.style.left = `${Math.min(1, Math.max(0, share)) * 100}%`;
    if (at !== null) requestAnimationFrame(draw);
  };
  draw();
}

function showNear(near, values) {
  state.near = near;
  map.setHighlights(near.map(({ id }) => id));
  find(".le-near").replaceChildren(...near.map(({ id, distance }, i) => {
    const button = document.createElement("button"), name = document.createElement("span"), far = document.createElement("b");
    button.type = "button";
    button.dataset.id = id;
    button.title = `${labelOf(id)}, ${distance} dB away (key ${i + 1})`;
    name.textContent = labelOf(id);
    far.textContent = `${distance.toFixed(1)} dB`;
    button.append(name, far);
    return button;
  }));
  fetchAhead(near.map(({ id }) => ({ id })));
  find(".le-values").replaceChildren(...setup.measures.map((m) => {
    const row = document.createElement("div"), term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = scaleTitle(m);
    term.title = m.doc;
    const value = values[m.name];
    text.textContent = value === undefined ? "–" : `${Math.round(value)}${m.unit === "points" ? "" : ` ${m.unit}`}`;
    row.append(term, text);
    return row;
  }));
}

function showStar() {
  const star = find(".le-star");
  const on = state.kept.some((sound) => keyOf(sound.shares) === state.presented);
  star.setAttribute("aria-pressed", on);
  star.title = on ? "Let it go (F)" : "Keep this sound (F)";
  star.setAttribute("aria-label", star.title);
}

function toggleKept(sound = state.shown) {
  if (!sound) return tell("Choose a sound first");
  const key = keyOf(sound.shares), at = state.kept.findIndex((s) => keyOf(s.shares) === key);
  if (at >= 0) state.kept.splice(at, 1);
  else state.kept = [...state.kept, { shares: sound.shares, label: sound.label, kind: sound.kind }].slice(-MAX_KEPT);
  showKept();
  showStar();
  remember();
}

function showKept() {
  find(".dg-kept-zip").hidden = state.kept.length === 0;
  find(".dg-foot-title").textContent = state.kept.length ? `Kept ${state.kept.length}` : "Star a sound to keep it here";
  find(".dg-kept").replaceChildren(...state.kept.map((sound, index) => {
    const chip = document.createElement("span");
    chip.className = "dg-chip";
    chip.dataset.index = index;
    chip.innerHTML = `<button type="button" class="dg-chip-play">${icon(sound.kind)}<span></span></button><button type="button" class="dg-chip-drop" aria-label="Let it go">×</button>`;
    chip.querySelector("span").textContent = sound.label;
    chip.querySelector("svg").style.color = lookOf(sound.kind);
    return chip;
  }));
}

// ---- compare, path, pad ----

function showSlots() {
  for (const button of element.querySelectorAll(".le-slot")) {
    const slot = state.slots[button.dataset.slot];
    button.classList.toggle("is-set", Boolean(slot));
    button.classList.toggle("is-last", Boolean(slot) && state.last === button.dataset.slot);
    button.querySelector("span").textContent = slot ? slot.label : "empty";
  }
}

function showPath() {
  const sounds = state.path?.sounds || [];
  find(".le-cells").replaceChildren(...sounds.map((sound, i) => {
    const cell = document.createElement("button");
    cell.type = "button";
    cell.dataset.step = i;
    cell.title = `${i + 1}: ${sound.label}`;
    cell.setAttribute("aria-label", `Play sound ${i + 1} of the path, ${sound.label}`);
    cell.style.background = `color-mix(in srgb, ${lookOf(sound.kind)} 62%, var(--edge))`;
    return cell;
  }));
  for (const name of [".le-play-path", ".le-path-zip", ".le-path-wav"]) find(name).disabled = !sounds.length;
  find(".le-path-clear").disabled = !state.path;
  find(".le-a-to-b").disabled = !(state.slots.A && state.slots.B);
  find(".le-steps").value = state.steps;
  find(".le-steps-value").textContent = state.steps;
  find(".le-pace").value = state.pace;
  find(".le-pace-value").textContent = `${state.pace} ms`;
  find(".le-cells").dataset.count = sounds.length;
}

function showStep(i) {
  element.querySelectorAll(".le-cells button").forEach((cell, n) => cell.classList.toggle("is-playing", n === i));
  const place = i >= 0 && state.path?.places?.[i], head = find(".le-head");
  head.hidden = !place;
  if (!place) return;
  const [x, y] = map.toScreen(...place);
  head.style.transform = `translate(${x}px, ${y}px)`;
}

const PLACES = ["left top", "right top", "left bottom", "right bottom"];

function showPad() {
  const dot = find(".le-dot"), square = find(".le-square");
  dot.style.left = `${state.pad[0] * 100}%`;
  dot.style.top = `${state.pad[1] * 100}%`;
  const colours = state.corners.map((corner) => (corner ? lookOf(corner.kind) : "transparent"));
  square.style.background = colours.map((c, i) => `radial-gradient(circle at ${PLACES[i]}, ${c}, transparent 85%)`).join(", ");
  find(".le-corners").replaceChildren(...state.corners.map((corner, i) => {
    const button = document.createElement("button"), mark = document.createElement("i"), name = document.createElement("span");
    button.type = "button";
    button.dataset.corner = i;
    button.title = `${PLACES[i]}: put the chosen sound here`;
    mark.style.setProperty("--place", PLACES[i]);
    if (corner) mark.style.setProperty("--accent", lookOf(corner.kind));
    name.textContent = corner ? corner.label : "empty";
    button.append(mark, name);
    return button;
  }));
}

function showTab(name) {
  for (const tab of element.querySelectorAll("[role='tab']")) {
    const on = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", on);
    tab.tabIndex = on ? 0 : -1;
  }
  find(".le-path").hidden = name !== "path";
  find(".le-four").hidden = name !== "pad";
}

function setDrawing(on) {
  state.drawing = on;
  map.setMode(on ? "draw" : "pan");
  find(".le-draw").setAttribute("aria-pressed", on);
  if (on) { showTab("path"); tell("Draw a path through the map"); }
}

// ---- progress ----

function showStage({ stage, done, of }) {
  state.stage = stage;
  if (state.busy) return;
  const box = find(".le-progress");
  box.hidden = !stage;
  box.classList.toggle("is-open", !of);
  box.style.setProperty("--share", of ? done / of : 0);
  box.setAttribute("aria-valuemax", of || 1);
  box.setAttribute("aria-valuenow", done);
  box.querySelector("span").textContent = of ? `${stage}: ${done.toLocaleString("en")} of ${of.toLocaleString("en")}` : `${stage} …`;
}

// Says what goes on if it takes long enough to be asked; call what it gives when it is over.
function showBusy(text) {
  const began = performance.now(), box = find(".le-progress");
  state.busy += 1;
  const show = () => {
    const seconds = (performance.now() - began) / 1000;
    if (seconds < 0.25) return;
    box.hidden = false;
    box.classList.add("is-open");
    box.removeAttribute("aria-valuenow");
    box.querySelector("span").textContent = `${text} … ${seconds >= 1 ? `${Math.floor(seconds)} s` : ""}`;
  };
  const timer = setInterval(show, 200);
  return () => {
    clearInterval(timer);
    state.busy -= 1;
    if (!state.busy) { box.hidden = true; box.classList.remove("is-open"); }
  };
}

function showNotes() {
  const { notes } = state, button = find(".le-notes-open");
  button.hidden = !notes.length;
  button.textContent = `${notes.length} ${notes.length === 1 ? "note" : "notes"}`;
  if (find(".le-notes ul").childElementCount === notes.length) return;
  find(".le-notes ul").replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
}

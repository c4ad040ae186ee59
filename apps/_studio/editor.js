// The chosen pad: what it is asked to sound like, what is measured of it, and how it is played.

// How a pad is played: field, title, range, and how its value is written.
const signed = (value, digits = 0) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
const MIX = [
  { field: "tune", title: "Tune", min: -24, max: 24, step: 1, rest: 0, says: (v) => `${signed(v)} st` },
  { field: "decay", title: "Decay", min: 0.05, max: 1, step: 0.05, rest: 1, says: (v) => (v === 1 ? "full" : `${Math.round(v * 100)} %`) },
  { field: "pan", title: "Pan", min: -1, max: 1, step: 0.05, rest: 0, says: (v) => (v ? `${v < 0 ? "L" : "R"} ${Math.round(Math.abs(v) * 100)}` : "centre") },
  { field: "gain_db", title: "Gain", min: -24, max: 6, step: 0.5, rest: 0, says: (v) => `${signed(v, 1)} dB` },
];

// ---- scales: distances on a slider are heard as equal ----

const wholeKind = (kind) => (setup.kinds.includes(kind) ? kind : setup.kinds.find((name) => kind.startsWith(`${name}:`)) || setup.kinds[0]);
const rangeOf = (control, kind) => setup.ranges[wholeKind(kind)][control.name];

function shareOfRange(control, kind, value) {
  const [low, , high] = rangeOf(control, kind).map((v) => placeOf(control, v));
  return high > low ? Math.min(1, Math.max(0, (placeOf(control, value) - low) / (high - low))) : 0;
}

function valueOfStep(control, kind, step) {
  const [low, , high] = rangeOf(control, kind).map((v) => placeOf(control, v));
  const value = valueAt(control, low + ((high - low) * step) / STEPS);
  return Number(value.toFixed(digitsOf(control, kind, value)));
}

function digitsOf(control, kind, value) {
  if (control.unit === "ms" || control.unit === "Hz") return value < 10 ? 1 : 0;
  const [low, , high] = rangeOf(control, kind);
  return high - low < 20 ? 1 : 0;
}

const shown = (control, kind, value) => value.toFixed(digitsOf(control, kind, value)).replace("-", "−");

// ---- building ----

function option(value, text) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

function buildEditor() {
  find(".st-star").innerHTML = STAR;
  find(".st-wav").innerHTML = SAVE;
  find(".st-kind").replaceChildren(...setup.kinds.map((kind) => option(kind, titleOf(kind))));
  find(".st-as").replaceChildren(...setup.kinds.map((kind) => option(kind, titleOf(kind).toLowerCase())));
  find(".st-sliders").replaceChildren(...setup.controls.map(buildSlider));
  find(".st-mix").replaceChildren(...MIX.map(buildMix), buildVariation(), buildChoice("layers", "Velocity layers", 8), buildChoice("takes", "Round robin", 4), buildChoke());
  find(".st-variations").replaceChildren("Variations", buildVariationButton("own", "0"), ...Array.from({ length: setup.variations }, () => buildVariationButton("", "1")), buildVariationButton("more", "more"), buildAmount());
}

function buildVariationButton(text, take) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dg-small";
  button.dataset.take = take;
  button.textContent = text;
  button.title = { own: "The sound of this seed itself", more: "The next variations" }[text] || "A sound near that of this seed";
  return button;
}

function buildSlider(control) {
  const row = document.createElement("div");
  const title = controlTitle(control.name), id = `st-control-${control.name}`;
  row.className = "st-slider";
  row.dataset.control = control.name;
  row.title = `${control.doc}, in ${control.unit}`;
  row.innerHTML =
    `<button type="button" class="st-switch" role="switch" aria-checked="false"><i></i></button><label for="${id}"></label>` +
    `<div class="st-track"><b></b><input type="range" id="${id}" min="0" max="${STEPS}" step="1"><i></i></div>` +
    `<output class="st-asked" for="${id}"></output><output class="st-measured" for="${id}"></output>`;
  row.querySelector("label").textContent = control.unit === "points" ? title : `${title}, ${control.unit}`;
  row.querySelector(".st-switch").setAttribute("aria-label", `Ask for ${title.toLowerCase()}`);
  return row;
}

function buildMix({ field, title, min, max, step }) {
  const row = document.createElement("div");
  row.className = "st-mixer";
  row.dataset.field = field;
  row.innerHTML = `<label for="st-mix-${field}">${title}</label><input type="range" id="st-mix-${field}" min="${min}" max="${max}" step="${step}"><output for="st-mix-${field}"></output>`;
  row.title = "Double click: back to its rest";
  return row;
}

function buildVariation() {
  const row = document.createElement("div");
  row.className = "st-mixer";
  row.innerHTML = `<label for="st-truncation">Wildness</label><input type="range" id="st-truncation" class="st-truncation" min="0" max="${setup.maxVariation}" step="0.05"><output for="st-truncation"></output>`;
  row.title = "How far the sound may lie from the average of its kind; 100 % is as trained";
  return row;
}

function buildAmount() {
  const label = document.createElement("label");
  label.className = "st-label st-amount";
  label.innerHTML = `by <input type="range" min="0.05" max="0.6" step="0.05" value="0.25" aria-label="How far variations go"><output>25 %</output>`;
  return label;
}

function buildChoice(field, title, most) {
  const row = document.createElement("label");
  row.className = "st-choice";
  row.append(title, document.createElement("select"));
  row.lastChild.dataset.field = field;
  row.lastChild.replaceChildren(...Array.from({ length: most }, (_, n) => option(n + 1, n + 1)));
  row.title = field === "layers" ? "Softer strikes sound softer, made by the model" : "Each strike a little different, made by the model";
  return row;
}

function buildChoke() {
  const row = document.createElement("label");
  row.className = "st-choice";
  row.append("Choke group", document.createElement("select"));
  row.lastChild.dataset.field = "choke";
  row.lastChild.replaceChildren(option(0, "none"), ...[1, 2, 3, 4].map((n) => option(n, n)));
  row.title = "A strike silences the others of its group, as a closed hat does an open one";
  return row;
}

// ---- showing ----

function showEditor() {
  const plan = padAt(state.chosen), take = mainTake(plan), made = Boolean(plan.sound) && !plan.own;
  paint(find(".st-editor"), hue(plan.kind));
  if (document.activeElement !== find(".st-pad-title")) find(".st-pad-title").value = plan.name;
  find(".st-pad-title").disabled = isEmpty(plan);
  find(".st-kind").value = wholeKind(plan.kind);
  if (document.activeElement !== find(".st-seed")) find(".st-seed").value = plan.sound ? plan.sound.seed : "";
  find(".st-like").hidden = !plan.own;
  const kept = state.project.favourites.some((other) => soundKey(other) === soundKey(plan));
  find(".st-star").setAttribute("aria-pressed", kept);
  find(".st-star").disabled = find(".st-wav").disabled = isEmpty(plan);
  find(".st-ab").textContent = state.project.shown[state.chosen] ? "B" : "A";
  find(".st-ab").setAttribute("aria-pressed", state.project.shown[state.chosen]);
  for (const control of setup.controls) showSlider(control, plan, take, made);
  for (const { field, says } of MIX) {
    const row = find(`.st-mixer[data-field="${field}"]`);
    row.querySelector("input").value = plan[field];
    row.querySelector("input").setAttribute("aria-valuetext", says(plan[field]));
    row.querySelector("output").textContent = says(plan[field]);
  }
  const truncation = plan.sound ? plan.sound.truncation : 1;
  find(".st-truncation").value = truncation;
  find(".st-truncation").disabled = !made;
  find(".st-truncation").parentElement.querySelector("output").textContent = `${Math.round(truncation * 100)} %`;
  for (const select of all(".st-choice select")) select.value = plan[select.dataset.field];
  showVariations(plan, made);
  drawEditor(plan, take);
  showFacts(plan, take);
}

function showVariations(plan, made) {
  const first = (state.page || 0) * setup.variations, take = plan.sound?.take || 0;
  all(".st-variations button").forEach((button, n) => {
    button.disabled = !made;
    if (n >= 1 && n <= setup.variations) button.dataset.take = button.textContent = first + n;
    if (button.dataset.take !== "more") button.setAttribute("aria-pressed", made && Number(button.dataset.take) === take);
    if (button.dataset.take > 0) button.setAttribute("aria-label", `Variation ${button.dataset.take}`);
  });
}

function showSlider(control, plan, take, made) {
  const row = find(`.st-slider[data-control="${control.name}"]`), slider = row.querySelector("input");
  const coming = comingPad(state.chosen);
  const wanted = made && coming.sound ? coming.sound.controls[control.name] : undefined;
  const given = take?.record?.given?.[control.name], value = take?.measured?.[control.name];
  const at = wanted ?? given ?? value ?? rangeOf(control, plan.kind)[1];
  const asks = wanted !== undefined;
  row.classList.toggle("is-fixed", asks);
  row.querySelector(".st-switch").setAttribute("aria-checked", asks);
  row.querySelector(".st-switch").disabled = slider.disabled = !made;
  slider.value = Math.round(STEPS * shareOfRange(control, plan.kind, at));
  const says = `${shown(control, plan.kind, at)} ${control.unit}`;
  slider.setAttribute("aria-valuetext", asks ? says : `free, now ${says}`);
  const moved = asks && given !== undefined && shown(control, plan.kind, given) !== shown(control, plan.kind, wanted);
  row.classList.toggle("is-moved", moved);
  row.querySelector(".st-asked").textContent = !asks ? "free" : moved ? `${shown(control, plan.kind, wanted)} → ${shown(control, plan.kind, given)}` : shown(control, plan.kind, wanted);
  row.querySelector(".st-measured").textContent = value === undefined ? "" : `${take.exact?.has(control.name) ? "" : "≈ "}${shown(control, plan.kind, value)}`;
  const dot = row.querySelector(".st-track i");
  dot.hidden = value === undefined;
  if (value !== undefined) dot.style.setProperty("--at", shareOfRange(control, plan.kind, value));
  const region = take?.region?.[control.name], bar = row.querySelector(".st-track b");
  bar.hidden = !region;
  if (region) {
    bar.style.setProperty("--from", shareOfRange(control, plan.kind, region[0]));
    bar.style.setProperty("--to", shareOfRange(control, plan.kind, region[1]));
  }
}

function drawEditor(plan, take) {
  const canvas = find(".st-picture canvas");
  const mark = take ? `${soundKey(plan)} ${canvas.clientWidth} ${canvas.clientHeight}` : "";
  if (canvas.dataset.mark === mark) return;
  canvas.dataset.mark = mark;
  const span = take ? [0.125, 0.25, 0.5, 0.75, 1, 1.5].find((s) => s >= take.seconds) || take.buffer.duration : 1;
  drawSound(canvas, take ? take.samples : new Float32Array(8), setup.sampleRate, span, hue(plan.kind));
}

function showFacts(plan, take) {
  const facts = isEmpty(plan) ? ["Choose a kind, press T, or drop a recording here"] : [];
  if (take) {
    facts.push(`${take.seconds.toFixed(2)} s`);
    if (plan.own) facts.push(plan.origin ? `made from ${plan.origin}` : "your recording");
    if (Number.isFinite(plan.distance)) facts.push(`${plan.distance.toFixed(1)} dB from it`);
    if (plan.own && plan.takes > 1) facts.push("a recording has one take");
    if (plan.sound?.vary) facts.push(`variation ${plan.sound.take}, ${Math.round(plan.sound.vary * 100)} %`);
    const rack = rackOf(plan);
    if (isLayered(plan)) facts.push(known.has(rackKey(plan)) ? `${rack.layers.length} layers × ${rack.layers[0].takes.length}` : "making layers …");
  }
  find(".st-facts").textContent = facts.join(" · ");
  const note = take?.record?.note || "";
  if (find(".st-note").textContent !== note) find(".st-note").textContent = note;
}

// ---- measuring, after the sound was heard ----

let measureTimer = 0;

// Of the chosen pad, once it has come to rest.
function measureSoon() {
  clearTimeout(measureTimer);
  measureTimer = setTimeout(() => measurePad(state.chosen), 150);
}

// First all by the fast measures, then exactly what was asked for, and the region that is open.
async function measurePad(pad) {
  const plan = padAt(pad), take = mainTake(plan);
  if (!take || isEmpty(plan) || !setup.controls.length) return;
  const current = () => mainTake(padAt(state.chosen)) === take;
  try {
    if (!take.measured) {
      const [found] = await callServer("measure", [source(plan), false]);
      take.measured = found;
      if (current()) showEditor();
    }
    if (plan.own || !plan.sound || !current()) return;
    if (!take.region) {
      const [region] = await callServer("region", [plan.sound.kind, plan.sound.controls]);
      take.region = region;
      if (current()) showEditor();
    }
    if (!take.exact && Object.keys(plan.sound.controls).length && current()) {
      const [found] = await callServer("measure", [source(plan), true]);
      Object.assign(take.measured, found);
      take.exact = new Set(Object.keys(found));
      if (current()) showEditor();
    }
  } catch { /* the sound is there; without its measures the page says nothing of them */ }
}

// ---- asking ----

function askFor(name, value) {
  const { sound } = comingPad(state.chosen);
  if (!sound) return;
  const controls = { ...sound.controls };
  if (value === undefined) delete controls[name];
  else controls[name] = value;
  return putOn(state.chosen, { sound: { ...sound, controls } });
}

function switchControl(name) {
  const plan = comingPad(state.chosen), take = mainTake(padAt(state.chosen));
  if (name in plan.sound.controls) return askFor(name, undefined);
  const control = setup.controls.find((c) => c.name === name);
  const value = take?.record?.given?.[name] ?? rangeOf(control, plan.kind)[1];
  return askFor(name, Number(value.toFixed(digitsOf(control, plan.kind, value))));
}

const isHat = (kind) => kind === "hat_closed" || kind === "hat_open";

function chooseKind(kind) {
  const plan = comingPad(state.chosen), seed = plan.sound ? plan.sound.seed : rollSeed();
  const choke = isHat(kind) ? plan.choke || 1 : isHat(plan.kind) ? 0 : plan.choke;
  return putOn(state.chosen, { ...NO_SOUND, kind, sound: freshSound(kind, seed), name: nameFor(kind, seed), choke });
}

function typeSeed(text) {
  const seed = Number(text), plan = comingPad(state.chosen);
  if (!/^\d+$/.test(text) || seed > setup.lastSeed) {
    return showError(`A seed is a whole number from 0 to ${setup.lastSeed}.`);
  }
  const kind = wholeKind(plan.kind);
  return putOn(state.chosen, { ...NO_SOUND, sound: plan.sound ? withSeed(plan.sound, seed) : freshSound(kind, seed), name: nameFor(kind, seed) });
}

function vary(take) {
  if (take === "more") {
    state.page = ((state.page || 0) + 1) % 200;
    return showEditor();
  }
  const { sound } = comingPad(state.chosen), number = Number(take);
  const amount = number ? Number(find(".st-amount input").value) : 0;
  const name = nameFor(wholeKind(sound.kind), sound.seed) + (number ? ` v${number}` : "");
  return putOn(state.chosen, { sound: { ...sound, vary: amount, take: number, stroke: 0 }, name });
}

// Two versions of a pad: the one that is not shown waits in `others`.
function switchVersion() {
  const pad = state.chosen, { pads, others, shown: versions } = state.project;
  const other = others[pad] || pads[pad];
  state.pending.delete(pad);
  const swap = (list, value) => list.map((old, n) => (n === pad ? value : old));
  change({ ...state.project, pads: swap(pads, other), others: swap(others, pads[pad]), shown: swap(versions, !versions[pad]) });
  soundsOf([other]).then(() => { showAll(); strike(pad); layersSoon(pad); measureSoon(); }).catch((error) => showError(error.message));
}

function toggleFavourite() {
  const plan = padAt(state.chosen), { favourites } = state.project;
  if (isEmpty(plan)) return;
  const others = favourites.filter((other) => soundKey(other) !== soundKey(plan));
  change({ ...state.project, favourites: others.length < favourites.length ? others : [plan, ...favourites].slice(0, MOST_KEPT) });
}

// ---- favourites and what was heard lately ----

function showKept() {
  const { favourites, recent } = state.project;
  find(".st-kept-title").textContent = favourites.length ? `Favourites ${favourites.length}` : "Star a sound to keep it here";
  fillChips(find(".st-kept"), favourites, "favourites");
  fillChips(find(".st-recent"), recent, "recent");
}

function fillChips(box, plans, list) {
  const mark = JSON.stringify(plans.map(soundKey));
  if (box.dataset.mark === mark) return;
  box.dataset.mark = mark;
  box.replaceChildren(...plans.map((plan, index) => {
    const chip = document.createElement("span");
    chip.className = "dg-chip";
    paint(chip, hue(plan.kind));
    chip.innerHTML = `<button type="button" class="dg-chip-play">${icon(wholeKind(plan.kind))}<span></span></button>`;
    chip.querySelector("span").textContent = plan.name;
    chip.querySelector("button").title = "Put it on the chosen pad";
    Object.assign(chip.dataset, { list, index });
    return chip;
  }));
}

function takeChip({ list, index }) {
  const { name, kind, sound, own, own_name, root, origin, distance } = state.project[list][index];
  return putOn(state.chosen, { name, kind, sound, own, own_name, root, origin, distance });
}

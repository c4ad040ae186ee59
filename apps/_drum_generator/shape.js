// The shape of the sounds: descriptors that the model can be asked for, and a second kind to blend in. Of models without
// controls none of it is shown. `element`, `setup` and `state` come from page.js, which stands above.

const freeShape = () => ({ fixed: {}, second: "", share: 0.5 });
// Every kind has a shape of its own: what suits a kick does not suit a hat.
const shapeOf = (kind) => (state.shapes[kind] ??= freeShape());

// ---- scales: distances on a slider are heard as equal ----


// Lowest, usual and highest value among the kind's recordings; of a blend, in between by its share.
function rangeOf(control) {
  const { second, share } = shapeOf(state.kind);
  const own = setup.ranges[state.kind][control.name];
  if (!second) return own;
  const other = setup.ranges[second][control.name];
  return own.map((v, i) => valueAt(control, (1 - share) * placeOf(control, v) + share * placeOf(control, other[i])));
}

function digitsOf(control, value) {
  if (control.unit === "ms" || control.unit === "Hz") return value < 10 ? 1 : 0;
  const [low, , high] = rangeOf(control);
  return high - low < 20 ? 1 : 0;
}

const shown = (control, value) => value.toFixed(digitsOf(control, value)).replace("-", "−");
const percentOf = (share) => `${Math.round(share * 100)} %`;
const unitOf = (control) => (control.unit === "points" ? "" : ` ${control.unit}`);

function stepOf(control, value) {
  const [low, , high] = rangeOf(control).map((v) => placeOf(control, v));
  return high > low ? Math.round((STEPS * (placeOf(control, value) - low)) / (high - low)) : 0;
}

function valueOfStep(control, step) {
  const [low, , high] = rangeOf(control).map((v) => placeOf(control, v));
  const value = valueAt(control, low + ((high - low) * step) / STEPS);
  return Number(value.toFixed(digitsOf(control, value)));
}

// ---- what is asked for ----

function wantedNow() {
  const { fixed, second, share } = shapeOf(state.kind);
  return { kind: state.kind, second, share: second ? share : 0, seed: state.seed, truncation: state.variation, controls: { ...fixed }, tuning: 0 };
}

function takeShape({ kind, second, share, controls }) {
  state.shapes[kind] = { fixed: { ...controls }, second, share: second ? share : 0.5 };
}

// A shape that was stored, as far as it makes sense.
function goodShape(kind, stored) {
  const shape = freeShape();
  for (const { name } of setup.controls) {
    if (Number.isFinite(stored?.fixed?.[name])) shape.fixed[name] = stored.fixed[name];
  }
  const { second, share } = stored || {};
  if (setup.controls.length && second !== kind && setup.kinds.includes(second)) shape.second = second;
  if (share >= 0.05 && share <= 0.95) shape.share = share;
  return shape;
}

const chosenSound = () => state.row[Math.min(state.chosen, state.row.length - 1)];

// Where a free slider stands: at what the chosen sound was made with, if it is of this kind.
function restingValue(control) {
  const sound = chosenSound();
  const given = sound && sound.request.kind === state.kind ? sound.given[control.name] : undefined;
  return given ?? rangeOf(control)[1];
}

const currentValue = (control) => shapeOf(state.kind).fixed[control.name] ?? restingValue(control);

// The same seeds in the new shape; the chosen sound is played as soon as it is there.
function reshape() {
  remember();
  showShape();
  if (readSeed()) make(wantedNow(), { play: true });
}

function toggleFixed(name) {
  const control = setup.controls.find((c) => c.name === name);
  const { fixed } = shapeOf(state.kind);
  if (name in fixed) delete fixed[name];
  else fixed[name] = restingValue(control);
  reshape();
}

function fixAll() {
  const { fixed } = shapeOf(state.kind);
  for (const control of setup.controls) fixed[control.name] = currentValue(control);
  reshape();
}

function tune() {
  if (readSeed()) make({ ...wantedNow(), tuning: setup.tuning }, { play: true });
}

function resetShape() {
  state.shapes[state.kind] = freeShape();
  reshape();
}

// ---- measuring, after the sound is there ----

// First all at once by the fast measures, which are nearly right; then what was asked for, sound by sound, exactly.
async function measureRow(row) {
  if (!setup.controls.length || row.every((sound) => sound.exact)) return showMeasured();
  const current = () => state.row === row && !state.busy;
  try {
    const rough = row.filter((sound) => !sound.measured);
    if (rough.length) {
      const [found] = await callServer("measure", [rough.map((s) => forServer(s.request)), false]);
      rough.forEach((sound, i) => { sound.measured = found[i]; });
      if (current()) showMeasured();
    }
    const first = chosenSound();
    for (const sound of [first, ...row.filter((s) => s !== first)]) {
      if (!current()) return;
      if (!sound.exact && Object.keys(sound.request.controls).length) {
        const [[found]] = await callServer("measure", [[forServer(sound.request)], true]);
        Object.assign(sound.measured, found);
      }
      sound.exact = true;
      if (current()) showMeasured();
    }
  } catch { /* the sounds are there; without their measures the page says nothing of them */ }
}

// ---- showing ----

function buildShape() {
  if (!setup.controls.length) return;
  find(".dg-shape").hidden = find(".dg-about-shape").hidden = false;
  element.firstElementChild.classList.add("has-shape");
  find(".dg-shapers").replaceChildren(...setup.controls.map(buildShaper));
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  find(".dg-second").replaceChildren(option("", "none"), ...setup.kinds.map((kind) => option(kind, titleOf(kind))));
  find(".dg-meanings").replaceChildren(...setup.controls.flatMap(({ name, doc, unit }) => [
    Object.assign(document.createElement("dt"), { textContent: controlTitle(name) }),
    Object.assign(document.createElement("dd"), { textContent: `${doc}, in ${unit}` }),
  ]));
}

function buildShaper(control) {
  const row = document.createElement("div");
  const title = controlTitle(control.name), id = `dg-control-${control.name}`;
  row.className = "dg-shaper";
  row.dataset.control = control.name;
  row.title = `${control.doc}, in ${control.unit}`;
  row.innerHTML =
    `<button type="button" class="dg-switch" role="switch"><i></i></button><label for="${id}"></label>` +
    `<output class="dg-asked" for="${id}"></output><output class="dg-measured" for="${id}"></output>` +
    `<div class="dg-track"><input type="range" id="${id}" min="0" max="${STEPS}" step="1">${"<i></i>".repeat(ROW)}</div>`;
  row.querySelector("label").textContent = control.unit === "points" ? title : `${title}, ${control.unit}`;
  row.querySelector(".dg-switch").setAttribute("aria-label", `Fix ${title.toLowerCase()}`);
  return row;
}

function showShape() {
  if (!setup.controls.length) return;
  const { fixed, second, share } = shapeOf(state.kind);
  for (const control of setup.controls) showShaper(control, control.name in fixed);
  for (const option of find(".dg-second").options) option.hidden = option.disabled = option.value === state.kind;
  find(".dg-second").value = second;
  find(".dg-blend").classList.toggle("is-on", Boolean(second));
  find(".dg-share").disabled = !second;
  find(".dg-share").value = share;
  find(".dg-share").style.setProperty("--share", (share - 0.05) / 0.9);
  find(".dg-share-value").textContent = second ? percentOf(share) : "";
  find(".dg-share").setAttribute("aria-valuetext", second ? `${percentOf(share)} ${titleOf(second)}` : "no second kind");
  find(".dg-reset").disabled = !second && Object.keys(fixed).length === 0;
  find(".dg-tune").disabled = Object.keys(fixed).length === 0 || state.row.length === 0;
  find(".dg-fix-all").disabled = setup.controls.every(({ name }) => name in fixed);
  const sound = chosenSound();
  find(".dg-shape-of").textContent = sound ? `${titleOf(sound.request.kind)} ${sound.request.seed}` : titleOf(state.kind);
  element.querySelectorAll(".dg-card").forEach((card, slot) => {
    card.classList.toggle("is-chosen", state.row.length > 0 && slot === state.chosen);
  });
  showMeasured();
}

function showShaper(control, fixed) {
  const row = find(`.dg-shaper[data-control="${control.name}"]`), slider = row.querySelector("input");
  const value = currentValue(control), given = chosenSound()?.given[control.name];
  row.classList.toggle("is-fixed", fixed);
  row.querySelector(".dg-switch").setAttribute("aria-checked", fixed);
  slider.value = stepOf(control, value);
  const says = `${shown(control, value)} ${control.unit}`;
  slider.setAttribute("aria-valuetext", fixed ? says : `free, now ${says}`);
  const became = fixed && wasAsked(control) === value && shown(control, given) !== shown(control, value);
  row.querySelector(".dg-asked").textContent =
    !fixed ? "free" : became ? `${shown(control, value)} → ${shown(control, given)}` : shown(control, value);
  row.classList.toggle("is-moved", became);
}

const wasAsked = (control) => {
  const sound = chosenSound();
  return sound && sound.request.kind === state.kind ? sound.request.controls[control.name] : undefined;
};

// Each sound's measured values: as dots on the sliders, in numbers for the chosen sound and on the cards.
function showMeasured() {
  if (!setup.controls.length) return;
  const chosen = chosenSound(), sameKind = chosen?.request.kind === state.kind;
  for (const control of setup.controls) {
    const row = find(`.dg-shaper[data-control="${control.name}"]`);
    const value = sameKind ? chosen.measured?.[control.name] : undefined;
    row.querySelector(".dg-measured").textContent = value === undefined ? "" : measuredText(control, chosen);
    row.querySelectorAll(".dg-track i").forEach((dot, slot) => {
      const own = sameKind ? state.row[slot]?.measured?.[control.name] : undefined;
      dot.hidden = own === undefined;
      if (own === undefined) return;
      dot.style.setProperty("--at", Math.min(1, Math.max(0, stepOf(control, own) / STEPS)));
      dot.classList.toggle("is-chosen", slot === state.chosen);
    });
  }
  element.querySelectorAll(".dg-card").forEach((card, slot) => showCardMeasures(card, state.row[slot]));
  const note = clampNote();
  if (find(".dg-note").textContent !== note) find(".dg-note").textContent = find(".dg-note").title = note;
}

// Nearly right until the exact measure is there.
function measuredText(control, sound) {
  const exact = sound.exact && control.name in sound.request.controls;
  return (exact ? "" : "≈ ") + shown(control, sound.measured[control.name]);
}

function showCardMeasures(card, sound) {
  const line = card.querySelector(".dg-card-measures");
  const asked = sound ? setup.controls.filter(({ name }) => name in sound.request.controls) : [];
  const blended = sound?.request.second ? [`${percentOf(sound.request.share)} ${titleOf(sound.request.second).toLowerCase()}`] : [];
  const values = sound?.measured
    ? asked.map((c) => `${controlTitle(c.name).toLowerCase()} ${measuredText(c, sound)}${unitOf(c)}`)
    : asked.slice(0, 1).map(() => "measuring …");
  line.hidden = asked.length + blended.length === 0;
  line.textContent = [...values, ...blended].join(" · ");
  line.title = asked.length ? `Measured: ${line.textContent}` : line.textContent;
}

function clampNote() {
  const sound = chosenSound();
  if (!sound || sound.request.kind !== state.kind) return "";
  const moved = setup.controls
    .map((c) => [c, sound.request.controls[c.name], sound.given[c.name]])
    .filter(([c, asked, given]) => asked !== undefined && shown(c, asked) !== shown(c, given))
    .map(([c, asked, given]) => `${controlTitle(c.name).toLowerCase()} ${shown(c, asked)} → ${shown(c, given)}${unitOf(c)}`);
  if (!moved.length) return "";
  const whose = sound.request.second ? `Nothing between ${titleOf(sound.request.kind).toLowerCase()} and ${titleOf(sound.request.second).toLowerCase()}` : `No recorded ${titleOf(sound.request.kind).toLowerCase()}`;
  return `${whose} is like that: ${moved.join(", ")}.`;
}

// ---- wiring ----

element.addEventListener("input", (event) => {
  const row = event.target.closest(".dg-shaper");
  const shape = shapeOf(state.kind);
  if (row) {
    const control = setup.controls.find((c) => c.name === row.dataset.control);
    shape.fixed[control.name] = valueOfStep(control, Number(event.target.value));
    showShape();
  }
  if (event.target.matches(".dg-share")) { shape.share = Number(event.target.value); showShape(); }
});

element.addEventListener("change", (event) => {
  if (event.target.closest(".dg-shaper") || event.target.matches(".dg-share")) reshape();
  if (event.target.matches(".dg-second")) { shapeOf(state.kind).second = event.target.value; reshape(); }
});

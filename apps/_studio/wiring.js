// What hands do. This stands last: everything above is defined.

function showAll() {
  showPads();
  showEditor();
  showGrid();
  showKept();
  find(".st-undo").disabled = !state.past.length;
  find(".st-redo").disabled = !state.future.length;
  if (document.activeElement !== find(".st-name")) find(".st-name").value = state.project.name;
  if (document.activeElement !== find(".st-author")) find(".st-author").value = state.project.author;
  element.dataset.ready = state.project.pads.filter((plan) => mainTake(plan)).length;
}

const toggleLock = (pad) => changePad(pad, { locked: !padAt(pad).locked });
const safely = (work) => async (...given) => {
  try { await work(...given); } catch (error) { showError(error.message, () => safely(work)(...given)); }
};

const CLICKS = [
  // Only a click without a pointer (keyboard, screen reader): fingers and mice strike on the press, below.
  [".st-hit", (b, event) => { if (event.detail === 0) press(b.closest(".st-pad"), 100); }],
  [".st-lock", (b) => toggleLock(Number(b.closest(".st-pad").dataset.pad))],
  [".st-undo", undo],
  [".st-redo", redo],
  [".st-midi", openMidi],
  [".st-reroll", safely(reroll)],
  [".st-new", safely(newKit)],
  [".st-open", () => find(".st-file").click()],
  [".st-project", saveProject],
  [".st-export", exportKit],
  [".st-dice", () => another(state.chosen)],
  [".st-star", toggleFavourite],
  [".st-ab", switchVersion],
  [".st-own", () => find(".st-own-file").click()],
  [".st-wav", saveSound],
  [".st-switch", (b) => switchControl(b.closest(".st-slider").dataset.control)],
  [".st-variations button", (b) => vary(b.dataset.take)],
  [".st-like button", (b) => likeOwn(b, b.dataset.like)],
  [".st-play", () => (state.playing ? stop() : play())],
  [".st-clear", () => changePattern({ lines: patternNow().lines.map((line) => line.map(() => 0)) })],
  [".st-render", renderPattern],
  [".st-midi-file", saveMidi],
  [".st-line-name", (b) => { const pad = Number(b.parentElement.dataset.pad); choosePad(pad); if (!isEmpty(padAt(pad))) strike(pad); }],
  [".st-step", (b, event) => { if (event.detail === 0) setStep(Number(b.dataset.pad), Number(b.dataset.step), stepAt(Number(b.dataset.pad), Number(b.dataset.step)) ? 0 : USUAL); }],
  [".dg-chip-play", (b) => takeChip(b.parentElement.dataset)],
  [".dg-retry", () => { const again = retry; hideError(); if (again) safely(again)(); }],
  [".dg-dismiss", hideError],
  [".st-help-open", () => find(".st-help").showModal()],
  [".dg-theme", () => { state.dark = !document.body.classList.contains("dark"); showTheme(); remember(); }],
];

element.addEventListener("click", (event) => {
  if (!state.project) return;
  for (const [selector, act] of CLICKS) {
    const target = event.target.closest(selector);
    if (target && !target.disabled) act(target, event);
  }
  // A button that was clicked gives the keys back to the instrument, but for the grid, which is played by keys itself.
  if (event.detail > 0 && !event.target.closest("input, select, dialog, .st-grid")) document.activeElement?.blur?.();
});

// A press on a pad: harder nearer to its top.
function press(box, velocity) {
  const pad = Number(box.dataset.pad);
  // First the ear, then the eye.
  if (!isEmpty(padAt(pad))) strike(pad, velocity);
  // What was typed belongs to the pad before.
  if (document.activeElement?.matches("input, select")) document.activeElement.blur();
  choosePad(pad);
  measureSoon();
}

element.addEventListener("pointerdown", (event) => {
  if (!state.project || event.button !== 0) return;
  const hit = event.target.closest(".st-hit"), cell = event.target.closest(".st-step");
  if (hit) {
    const { top, height } = hit.getBoundingClientRect();
    const share = 1 - (event.clientY - top) / height;
    press(hit.closest(".st-pad"), Math.round(40 + 87 * Math.min(1, Math.max(0, share))));
  } else if (cell) {
    event.preventDefault();
    cell.focus();
    gridPress(event, cell);
  }
});
document.addEventListener("pointermove", gridMove);
document.addEventListener("pointerup", gridRelease);
document.addEventListener("pointercancel", () => { drawing = null; });

element.addEventListener("input", ({ target }) => {
  if (!state.project) return;
  const slider = target.closest(".st-slider"), mixer = target.closest(".st-mixer");
  if (target.matches(".dg-volume-range")) { state.volume = Number(target.value); deck.setVolume(state.volume); remember(); }
  else if (target.matches(".st-swing")) changePattern({ swing: Number(target.value) }, "swing");
  else if (target.closest(".st-amount")) target.nextSibling.textContent = `${Math.round(target.value * 100)} %`;
  else if (slider) {
    const plan = padAt(state.chosen), control = setup.controls.find((c) => c.name === slider.dataset.control);
    slider.querySelector(".st-asked").textContent = shown(control, plan.kind, valueOfStep(control, plan.kind, Number(target.value)));
  } else if (mixer?.dataset.field) changePad(state.chosen, { [mixer.dataset.field]: Number(target.value) }, `${mixer.dataset.field} ${state.chosen}`);
  else if (target.matches(".st-truncation")) target.nextSibling.textContent = `${Math.round(target.value * 100)} %`;
});

element.addEventListener("change", ({ target }) => {
  if (!state.project) return;
  const slider = target.closest(".st-slider"), pad = state.chosen;
  if (slider) askFor(slider.dataset.control, valueOfStep(setup.controls.find((c) => c.name === slider.dataset.control), padAt(pad).kind, Number(target.value)));
  else if (target.matches(".st-truncation")) putOn(pad, { sound: { ...comingPad(pad).sound, truncation: Number(target.value) } });
  else if (target.closest(".st-mixer")?.dataset.field) { layersSoon(pad); if (!isEmpty(padAt(pad)) && !state.playing) strike(pad); }
  else if (target.matches(".st-choice select")) { changePad(pad, { [target.dataset.field]: Number(target.value) }); layersSoon(pad); }
  else if (target.matches(".st-more")) { MORE[target.value]?.(); target.value = ""; }
  else if (target.matches(".st-pad-title")) changePad(pad, { name: plainText(target.value) || padAt(pad).name });
  else if (target.matches(".st-author")) change({ ...state.project, author: plainText(target.value) });
  else if (target.matches(".st-kits")) { if (target.value) safely(openKit)(target.value); }
  else if (target.matches(".st-kind")) chooseKind(target.value);
  else if (target.matches(".st-seed")) typeSeed(target.value.trim());
  else if (target.matches(".st-name")) change({ ...state.project, name: plainText(target.value).slice(0, 40).trim() || "My kit" });
  else if (target.matches(".st-tempo")) changePattern({ tempo: Math.min(300, Math.max(40, Math.round(Number(target.value)) || 120)) });
  else if (target.matches(".st-steps")) setSteps(Number(target.value));
  else if (target.matches(".st-preset")) { takePreset(target.value); target.value = ""; }
  else if (target.matches(".st-file") && target.files[0]) { openFile(target.files[0]); target.value = ""; }
  else if (target.matches(".st-own-file") && target.files[0]) { putOwn(pad, target.files[0]); target.value = ""; }
  // The next move of the same slider is another one for undo; and a field that was chosen with a hand gives the keys back.
  state.what = "";
  if (state.byPointer && target.matches("select, input")) target.blur();
});

const MORE = { copy: copyPad, paste: pastePad, empty: clearPad, lock: () => toggleLock(state.chosen), previous: () => moveBy(-1), next: () => moveBy(1) };
const moveBy = (by) => swapPads(state.chosen, (state.chosen + by + PADS) % PADS);
// Names as files can have them: no spaces but plain ones, nothing that is not seen.
const plainText = (text) => text.normalize("NFC").replace(/[\p{C}\p{Z}]+/gu, " ").trim();

element.addEventListener("focusin", ({ target }) => { if (target.matches(".st-step")) state.gridKeys = !state.byPointer; });
document.addEventListener("pointerdown", () => { state.byPointer = true; }, true);
document.addEventListener("keydown", () => { state.byPointer = false; }, true);

element.addEventListener("dblclick", ({ target }) => {
  const mixer = MIX.find(({ field }) => target.closest(".st-mixer")?.dataset.field === field);
  if (!mixer) return;
  changePad(state.chosen, { [mixer.field]: mixer.rest });
  layersSoon(state.chosen);
});

// ---- pads dragged on pads, files dropped on the page ----

element.addEventListener("dragstart", (event) => {
  const box = event.target.closest?.(".st-pad");
  if (!box) return;
  event.dataTransfer.setData("text/x-pad", box.dataset.pad);
  event.dataTransfer.effectAllowed = "move";
});

element.addEventListener("dragover", (event) => {
  const types = [...event.dataTransfer.types];
  if (!types.includes("Files") && !types.includes("text/x-pad")) return;
  event.preventDefault();
  find(".st-drop").hidden = !types.includes("Files");
  for (const box of all(".st-pad")) box.classList.toggle("is-target", box.contains(event.target));
});
element.addEventListener("dragleave", (event) => { if (!element.contains(event.relatedTarget)) endDrag(); });
element.addEventListener("drop", (event) => {
  event.preventDefault();
  endDrag();
  const from = event.dataTransfer.getData("text/x-pad"), box = event.target.closest?.(".st-pad");
  if (!from) dropped(event);
  else if (box && box.dataset.pad !== from) swapPads(Number(from), Number(box.dataset.pad));
});

function endDrag() {
  find(".st-drop").hidden = true;
  for (const box of all(".st-pad")) box.classList.remove("is-target");
}

// ---- keys ----

const KEYS = {
  delete: clearPad, backspace: clearPad,
  t: () => another(state.chosen), b: switchVersion, g: toggleFavourite, l: () => toggleLock(state.chosen), n: safely(reroll), "?": () => find(".st-help").showModal(),
};
const SAYS = [
  ["Z X C V … 1 2 3 4", "strike the pads; with Shift hard, with Alt soft"], ["Space", "play and stop"], ["T", "another sound on this pad"],
  ["N", "reroll all that are not locked"], ["L", "lock this pad"], ["B", "the other version of this pad"], ["G", "keep this sound"], ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
  ["Ctrl C, Ctrl V", "copy this pad, put it on the chosen one"], ["Delete", "empty this pad"],
];

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", onKey);
  const { target, key } = event;
  if (!state.project || find(".st-help").open) return;
  if (target.matches?.('input:not([type="range"]), select, textarea')) { if (key === "Enter") target.blur(); return; }
  if (event.ctrlKey || event.metaKey) {
    const act = { z: event.shiftKey ? redo : undo, y: redo, c: copyPad, v: pastePad }[key.toLowerCase()];
    if (!act) return;
    act();
  } else if (target.closest?.(".st-step") && gridKey(event, target.closest(".st-step"))) {
    return;
  } else if (CODES.includes(event.code)) {
    if (!event.repeat) press(boxOf(CODES.indexOf(event.code)), event.shiftKey ? 127 : event.altKey ? 50 : 100);
  } else if (key === " " && (!target.closest?.("button, a") || target.closest(".st-step"))) {
    if (!event.repeat) (state.playing ? stop : play)();
  } else if (!event.repeat && Object.hasOwn(KEYS, key.toLowerCase())) {
    KEYS[key.toLowerCase()]();
  } else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);
new ResizeObserver(() => { if (state.project) { showPads(); showEditor(); } }).observe(find(".st-middle"));

// ---- beginning ----

async function begin() {
  find(".dg-status").textContent = "Opening the kit …";
  let notes = [];
  try {
    notes = await openProject();
  } catch (error) {
    find(".dg-status").textContent = "";
    return showError(error.message, begin);
  }
  find(".st-saved").textContent = "";
  buildGrid();
  showAll();
  showKits();
  await loadPads();
  if (state.dirty) save();
  else find(".st-saved").textContent = "Saved";
  find(".dg-status").textContent = "Strike a pad, or press space";
  if (notes.length) showError(notes.join(" "));
  measureSoon();
}

recall();
buildPads();
showLetters();
buildEditor();
showPages();
find(".st-format").replaceChildren(...setup.formats.map(({ name, title }) => option(name, title)));
find(".st-preset").replaceChildren(option("", "choose …"), ...setup.patterns.map(({ name, title }) => option(name, title)));
find(".st-keys").replaceChildren(...SAYS.flatMap(([keys, text]) => [
  Object.assign(document.createElement("dt"), { textContent: keys }), Object.assign(document.createElement("dd"), { textContent: text }),
]));
showTheme();
deck.setVolume(state.volume);
find(".dg-volume-range").value = state.volume;
begin();

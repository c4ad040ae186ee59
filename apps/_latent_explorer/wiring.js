// The latent explorer's controls and keys, and its start.

function fillSelect(selector, options, value) {
  const select = find(selector);
  select.replaceChildren(...options.map(([name, text]) => Object.assign(document.createElement("option"), { value: name, textContent: text })));
  select.value = value;
}

function build() {
  const { wish } = state;
  const colours = [["kind", "Kind"], ["cluster", "Group"], ...setup.measures.map((m) => [m.name, scaleTitle(m)])];
  fillSelect(".le-colour", colours, state.colour);
  fillSelect(".le-arrange", [["sound", "How it sounds"], ["model", "The model's space"]], wish.arrange);
  const names = { pca: "PCA", "t-sne": "t-SNE", isomap: "Isomap", lle: "LLE", ltsa: "LTSA", laplacian: "Laplacian" };
  fillSelect(".le-projection", setup.projections.map((p) => [p, names[p] || p]), wish.projection);
  fillSelect(".le-clustering", setup.clusterings.map((c) => [c, { "k-means": "k-means", gmm: "Gaussians" }[c] || c]), wish.clustering);
  const groups = find(".le-groups");
  Object.assign(groups, { max: setup.maxGroups, value: wish.groups });
  find(".le-hover").checked = state.hover;
  find(".le-steps").max = setup.maxRow;
  find(".le-star").innerHTML = STAR;
  find(".le-save").innerHTML = SAVE;
  find(".le-to-pad").innerHTML = TO_PAD;
  find(".le-to-pad").hidden = !setup.pages?.length;
  find(".dg-volume-range").value = state.volume;
  find(".le-meanings").replaceChildren(...setup.measures.flatMap((m) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = scaleTitle(m); dd.textContent = m.doc;
    return [dt, dd];
  }));
  deck.setVolume(state.volume);
  map.setColour(state.colour);
}

const CLICKS = [
  [".le-draw", () => setDrawing(!state.drawing)],
  [".le-add", () => find(".le-file").click()],
  [".le-pad", () => state.shown && play(state.shown.shares)],
  [".le-star", () => toggleKept()],
  [".le-to-pad", () => state.shown && onPad(state.shown)],
  [".le-near button", (b) => map.select(b.dataset.id)],
  [".le-slot", (b, event) => (event.shiftKey ? fillSlot(b.dataset.slot) : playSlot(b.dataset.slot))],
  [".le-toggle", toggleSlots],
  ["[role='tab']", (b) => showTab(b.dataset.tab)],
  [".le-cells button", (b) => playStep(Number(b.dataset.step))],
  [".le-play-path", playPath],
  [".le-a-to-b", morphSlots],
  [".le-path-zip", (b) => saveFile("bundle", [pathShares()], b)],
  [".le-path-wav", (b) => saveFile("row", [pathShares(), state.pace / 1000], b)],
  [".le-path-clear", dropPath],
  [".le-corners button", (b) => setCorner(Number(b.dataset.corner))],
  [".dg-kept-zip", saveKept],
  [".dg-chip-play", (b) => showChosen(state.kept[b.parentElement.dataset.index])],
  [".dg-chip-drop", (b) => toggleKept(state.kept[b.parentElement.dataset.index])],
  [".le-notes-open", () => find(".le-notes").showModal()],
  [".dg-about-open", () => find(".dg-about").showModal()],
  [".dg-retry", () => { hideError(); if (retry) retry(); }],
  [".dg-dismiss", hideError],
  [".dg-theme", () => { state.dark = !document.body.classList.contains("dark"); showTheme(); remember(); setTimeout(repaint); }],
];

async function onPad({ label, kind, blob }) {
  try {
    const bytes = await blob.arrayBuffer();
    const number = await toPad({ name: label.slice(0, 40), kind: setup.kinds.includes(kind) ? kind : setup.kinds[0], bytes });
    tell(`${label} is on pad ${number} of the kit`);
  } catch (error) {
    showError(error.message);
  }
}

// What has colours of the map in it, after these have changed.
function repaint() {
  map.setTheme("auto");
  paintPage();
  showKept();
  showPath();
  showPad();
}

element.addEventListener("click", (event) => {
  for (const [selector, act] of CLICKS) {
    const target = event.target.closest(selector);
    if (target && element.contains(target) && !target.disabled) act(target, event);
  }
  // A button that was clicked gives the keys back to the map.
  if (event.detail > 0 && !event.target.closest("input, select, dialog, .le-square, .le-map")) document.activeElement?.blur?.();
});

element.addEventListener("input", (event) => {
  const { target } = event;
  if (target.matches(".dg-volume-range")) { state.volume = Number(target.value); deck.setVolume(state.volume); remember(); }
  if (target.matches(".le-pace")) { state.pace = Number(target.value); showPace(); remember(); }
  if (target.matches(".le-steps")) { state.steps = Number(target.value); find(".le-steps-value").textContent = state.steps; remember(); }
});

const showPace = () => { find(".le-pace-value").textContent = `${state.pace} ms`; };

element.addEventListener("change", (event) => {
  const { target } = event;
  const wishes = { "le-arrange": "arrange", "le-projection": "projection", "le-clustering": "clustering" };
  if (target.matches(".le-steps")) walkAgain();
  else if (target.matches(".le-hover")) state.hover = target.checked;
  else if (target.matches(".le-file")) { addFiles(target.files); target.value = ""; }
  else if (target.matches(".le-colour")) {
    state.colour = target.value;
    showOnly(null);
    map.setColour(state.colour);
  } else if (wishes[target.className]) { state.wish[wishes[target.className]] = target.value; arrange(); }
  else if (target.matches(".le-groups") && target.validity.valid && target.value) {
    state.wish.groups = Number(target.value);
    arrange();
  } else return;
  remember();
});

const square = find(".le-square");
function padPointer(event) {
  if (!(event.buttons & 1)) return;
  square.setPointerCapture(event.pointerId);
  const box = square.getBoundingClientRect();
  movePad((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}
square.addEventListener("pointerdown", (event) => { square.focus(); padPointer(event); });
square.addEventListener("pointermove", padPointer);

const KEYS = {
  m: () => { map.canvas.focus(); if (!map.selected) { const [first] = map.near(0, 0, 1); if (first) map.select(first.id); } },
  f: () => toggleKept(), n: makeBetween, p: addToPath, l: playPath, d: () => setDrawing(!state.drawing), u: () => find(".le-file").click(),
  x: toggleSlots, a: () => playSlot("A"), b: () => playSlot("B"), Escape: () => (state.drawing ? setDrawing(false) : stopPath()),
};
const SHIFTED = { a: () => fillSlot("A"), b: () => fillSlot("B") };

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", onKey);
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || element.querySelector("dialog[open]")) return;
  if (target.matches?.("select, input:not([type='range'], [type='checkbox']), textarea, [contenteditable]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const keys = event.shiftKey ? SHIFTED : KEYS;
  const digit = /^(?:Digit|Numpad)([1-6])$/.exec(event.code);
  if (target === square && padKey(event)) { /* the pad has taken it */ }
  else if (target.matches?.("[role='tab']") && ["ArrowLeft", "ArrowRight"].includes(key)) {
    showTab(target.dataset.tab === "path" ? "pad" : "path");
    find("[role='tab'][aria-selected='true']").focus();
  } else if (event.repeat) return;
  else if (digit && state.near?.[digit[1] - 1]) map.select(state.near[digit[1] - 1].id);
  else if (Object.hasOwn(keys, key)) keys[key]();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);

recall();
showTheme();
build();
paintPage();
showKept();
showSlots();
showPath();
showPad();
showModel();
showPages();
tell("Loading the model …");
follow();

// What the drum generator shows: it reads `state` from page.js, which stands above, and wires the controls at the end.

function buildKinds() {
  const box = find(".dg-kinds");
  box.replaceChildren(...setup.kinds.map((kind) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "dg-kind", innerHTML: `${icon(kind)}<span></span>` });
    button.setAttribute("role", "radio");
    button.dataset.kind = kind;
    paint(button, hue(kind));
    button.querySelector("span").textContent = titleOf(kind);
    return button;
  }));
}

function buildCards() {
  find(".dg-row").replaceChildren(...Array.from({ length: ROW }, (_, slot) => {
    const card = document.createElement("article");
    card.className = "dg-card";
    card.dataset.slot = slot;
    card.innerHTML =
      `<header><kbd>${slot + 1}</kbd><span class="dg-name"></span><span class="dg-length"></span>` +
      (setup.pages?.length ? `<button type="button" class="dg-icon dg-to-pad" aria-label="Put it on the pad that is chosen in the kit" title="Put it on the pad that is chosen in the kit">${TO_PAD}</button>` : "") +
      `<button type="button" class="dg-icon dg-star" aria-pressed="false">${STAR}</button>` +
      `<a class="dg-icon dg-save">${SAVE}</a></header>` +
      `<p class="dg-card-measures" hidden></p>` +
      `<button type="button" class="dg-pad"><canvas></canvas><i class="dg-head"></i><span class="dg-blank">${slot + 1}</span></button>`;
    return card;
  }));
}

function showAll() {
  showControls();
  showCards();
  showKept();
  showShape();
}

function showControls() {
  for (const button of element.querySelectorAll(".dg-kind")) {
    const chosen = button.dataset.kind === state.kind;
    button.setAttribute("aria-checked", chosen);
    button.tabIndex = chosen ? 0 : -1;
  }
  paint(element.firstElementChild, hue(state.kind));
  find(".dg-variation-range").value = state.variation;
  find(".dg-variation-value").textContent = `${Math.round(state.variation * 100)} %`;
  find(".dg-variation-range").style.setProperty("--share", state.variation / setup.maxVariation);
  if (!state.typed) find(".dg-seed-field").value = state.seed;
  find(".dg-lock").setAttribute("aria-pressed", state.keep);
  find(".dg-back").disabled = state.place <= 0;
  find(".dg-forward").disabled = state.place >= state.history.length - 1;
  find(".dg-all").disabled = state.row.length === 0;
}

// One time scale for the whole row: the longest sound decides, in steps that the eye knows.
function rowSpan() {
  const longest = Math.max(...state.row.map((s) => s.seconds));
  const full = setup.lengthSamples / setup.sampleRate;
  return [0.125, 0.25, 0.5, 0.75, 1].find((s) => s >= longest && s < full) || full;
}

let drawing = 0;

function showCards() {
  const cards = element.querySelectorAll(".dg-card");
  find(".dg-row").classList.toggle("is-empty", state.row.length === 0);
  find(".dg-row").dataset.made = state.made; // rows received so far
  if (state.row.length === 0) return;
  state.span = rowSpan();
  const turn = ++drawing;
  const draw = (slot) => {
    if (turn !== drawing || slot >= state.row.length) return;
    const { samples, request } = state.row[slot];
    drawSound(cards[slot].querySelector("canvas"), samples, setup.sampleRate, state.span, hue(request.kind));
    requestAnimationFrame(() => draw(slot + 1));
  };
  state.row.forEach((sound, slot) => showCard(cards[slot], sound, slot));
  showStars();
  requestAnimationFrame(() => draw(0));
}

function showCard(card, sound, slot) {
  const { request } = sound;
  const title = nameOf(request);
  paint(card, hue(request.kind));
  card.querySelector(".dg-name").textContent = `${titleOf(request.kind)} ${request.seed}`;
  card.querySelector(".dg-name").title = sound.name;
  card.querySelector(".dg-length").textContent = `${sound.seconds.toFixed(2)} s`;
  card.querySelector(".dg-pad").setAttribute("aria-label", `Play ${title} (key ${slot + 1})`);
  const save = card.querySelector(".dg-save");
  if (save.href) URL.revokeObjectURL(save.href);
  save.href = URL.createObjectURL(new Blob([sound.bytes], { type: "audio/wav" }));
  save.download = sound.name;
  save.title = `Save ${sound.name}`;
  save.setAttribute("aria-label", save.title);
  // Chromium lets a file be dragged to the desktop or into some samplers; elsewhere the link is dragged, harmlessly.
  card.draggable = true;
  card.ondragstart = (event) => {
    const address = new URL(fileAddress(sound.file), window.location.href).href;
    event.dataTransfer.setData("DownloadURL", `audio/wav:${sound.name}:${address}`);
    event.dataTransfer.effectAllowed = "copy";
  };
}

function showStars() {
  const kept = new Set(state.kept.map(keyOf));
  state.row.forEach((sound, slot) => {
    const star = element.querySelectorAll(".dg-star")[slot];
    const on = kept.has(keyOf(sound.request));
    star.setAttribute("aria-pressed", on);
    star.title = on ? "Let it go" : "Keep this sound";
    star.setAttribute("aria-label", star.title);
  });
}

function showKept() {
  find(".dg-kept-zip").hidden = state.kept.length === 0;
  find(".dg-foot-title").textContent = state.kept.length ? `Kept ${state.kept.length}` : "Star a sound to keep it here";
  find(".dg-kept").replaceChildren(...state.kept.map((request, index) => {
    const chip = document.createElement("span");
    chip.className = "dg-chip";
    paint(chip, hue(request.kind));
    chip.innerHTML = `<button type="button" class="dg-chip-play">${icon(request.kind)}<span></span></button><button type="button" class="dg-chip-drop" aria-label="Let it go">×</button>`;
    const variation = request.truncation === 1 ? "" : ` · ${Math.round(request.truncation * 100)} %`;
    const shaped = request.tuning ? " · tuned" : Object.keys(request.controls).length ? " · shaped" : "";
    chip.querySelector("span").textContent = `${nameOf(request)}${variation}${shaped}`;
    chip.dataset.index = index;
    return chip;
  }));
}

function showBusy(busy) {
  find(".dg-row").setAttribute("aria-busy", busy);
  find(".dg-generate").classList.toggle("is-busy", busy);
}

async function onPad(made) {
  if (!made) return;
  const { request } = made;
  try {
    const number = await toPad({ name: nameOf(request).slice(0, 64), kind: request.kind, sound: { ...forServer(request), vary: 0, take: 0 } });
    find(".dg-status").textContent = `${nameOf(request)} is on pad ${number} of the kit`;
    hideError();
  } catch (error) {
    showError(error.message, () => onPad(made));
  }
}

// ---- wiring ----

function choose(kind) {
  state.kind = kind;
  showControls();
  showShape();
  remember();
  if (readSeed()) make(wantedNow());
}

function dice() {
  state.seed = rollSeed();
  find(".dg-seed-field").value = state.seed;
  make(wantedNow());
}

function keepSeed() {
  state.keep = !state.keep;
  showControls();
  remember();
}

const CLICKS = [
  // Only a click without a pointer (keyboard, screen reader): fingers and mice strike on the press, below.
  [".dg-pad", (b, event) => event.detail === 0 && strike(Number(b.closest(".dg-card").dataset.slot))],
  [".dg-kind", (b) => choose(b.dataset.kind)],
  [".dg-generate", press],
  [".dg-dice", dice],
  [".dg-lock", keepSeed],
  [".dg-back", () => step(-1)],
  [".dg-forward", () => step(1)],
  [".dg-to-pad", (b) => onPad(state.row[b.closest(".dg-card").dataset.slot])],
  [".dg-star", (b) => state.row.length && toggleKept(state.row[b.closest(".dg-card").dataset.slot].request)],
  [".dg-all", (b) => saveZip(state.row.map((s) => s.request), b)],
  [".dg-kept-zip", (b) => saveZip(state.kept, b)],
  [".dg-chip-play", (b) => playKept(state.kept[b.parentElement.dataset.index], b.parentElement)],
  [".dg-chip-drop", (b) => toggleKept(state.kept[b.parentElement.dataset.index])],
  [".dg-retry", () => { hideError(); if (retry) retry(); }],
  [".dg-dismiss", hideError],
  [".dg-switch", (b) => toggleFixed(b.parentElement.dataset.control)],
  [".dg-tune", tune],
  [".dg-fix-all", fixAll],
  [".dg-reset", resetShape],
  [".dg-shape-open", (b) => b.setAttribute("aria-expanded", find(".dg-shape").classList.toggle("is-open"))],
  [".dg-about-open", () => find(".dg-about").showModal()],
  [".dg-theme", () => { state.dark = !document.body.classList.contains("dark"); showTheme(); remember(); }],
];

element.addEventListener("click", (event) => {
  for (const [selector, act] of CLICKS) {
    const target = event.target.closest(selector);
    if (target && !target.disabled) act(target, event);
  }
  // A button that was clicked gives the keys back to the instrument, so that Enter means Generate and 1-8 play.
  if (event.detail > 0 && !event.target.closest("input, select, dialog")) document.activeElement?.blur?.();
});

// On the press and not on its release: a pad must sound under the finger.
element.addEventListener("pointerdown", (event) => {
  const pad = event.target.closest(".dg-pad");
  if (pad && event.button === 0) strike(Number(pad.closest(".dg-card").dataset.slot));
});

element.addEventListener("input", (event) => {
  if (event.target.matches(".dg-variation-range")) { state.variation = Number(event.target.value); showControls(); }
  if (event.target.matches(".dg-volume-range")) { state.volume = Number(event.target.value); deck.setVolume(state.volume); remember(); }
  if (event.target.matches(".dg-seed-field")) state.typed = true;
});

// The same seeds at another variation, once the slider is let go.
element.addEventListener("change", (event) => {
  if (!event.target.matches(".dg-variation-range") || !readSeed()) return;
  remember();
  if (state.row.length) make(wantedNow());
});

const KEYS = { g: press, d: dice, k: keepSeed, ArrowLeft: () => step(-1), ArrowRight: () => step(1) };

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", onKey);
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || find(".dg-about").open) return;
  if (target.matches?.(".dg-seed-field")) { if (key === "Enter") { target.blur(); press(); } return; }
  if (target.matches?.("select")) return; // letters choose there
  if (target.matches?.("input, textarea, [contenteditable]") && !/^[1-8gdk]$/i.test(key)) return;
  const digit = /^Digit([1-8])$/.exec(event.code) || /^Numpad([1-8])$/.exec(event.code);
  if (digit && !event.repeat) {
    const slot = Number(digit[1]) - 1;
    if (event.shiftKey) state.row[slot] && toggleKept(state.row[slot].request);
    else strike(slot);
  } else if (key === "Enter" && !target.closest?.("button, a") && !event.repeat) {
    press();
  } else if (target.closest?.(".dg-kinds") && key.startsWith("Arrow")) {
    const at = setup.kinds.indexOf(state.kind) + (key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1);
    choose(setup.kinds[(at + setup.kinds.length) % setup.kinds.length]);
    find('.dg-kind[aria-checked="true"]').focus();
  } else if (!event.repeat && Object.hasOwn(KEYS, key.length === 1 ? key.toLowerCase() : key)) {
    KEYS[key.length === 1 ? key.toLowerCase() : key]();
  } else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);
new ResizeObserver(() => showCards()).observe(find(".dg-row"));

recall();
buildKinds();
buildCards();
buildShape();
showModel();
showPages();
showTheme();
deck.setVolume(state.volume);
find(".dg-variation-range").max = setup.maxVariation;
find(".dg-trained").style.left = `${100 / setup.maxVariation}%`;
find(".dg-volume-range").value = state.volume;
find(".dg-seed-field").value = state.seed;
find(".dg-status").textContent = "Choose a kind, then press Generate";
showAll();

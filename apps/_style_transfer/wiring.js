// The controls and keys of style transfer, and its start.

function setMethod(method) {
  state.settings.method = method;
  showSettings();
  remember();
}

function readSeed() {
  const field = find(".st-seed"), text = field.value.trim(), seed = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  field.toggleAttribute("aria-invalid", !isSeed(seed));
  if (!isSeed(seed)) {
    showError(`The seed must be a whole number from 0 to ${setup.lastSeed}.`);
    return false;
  }
  state.settings.seed = seed;
  remember();
  return true;
}

function dice() {
  if (find(".st-dice").disabled) return;
  state.settings.seed = Math.floor(Math.random() * 100000);
  find(".st-seed").value = state.settings.seed;
  showSettings();
  remember();
}

function setLoop() {
  state.loop = !state.loop;
  if (player.now?.name === "pair") player.setLoop(state.loop);
  showHeard();
  remember();
}

const roleOf = (node) => node.closest(".st-card").dataset.role;
const entryOf = (node) => state.history[node.closest(".st-chip").dataset.index];
const press = () => (state.job ? cancel() : transfer());

function playRole(role) {
  const on = cardOf(role).classList.contains("is-playing");
  if (on) return stopPlaying();
  if (role === "style") return playStyle();
  hear(role);
  if (player.now?.name !== "pair") playPair();
}

// From where it was clicked; by the keyboard, from where it stands.
function playFrom(pad, event) {
  const role = roleOf(pad), box = pad.getBoundingClientRect();
  const at = event.detail === 0 ? null : ((event.clientX - box.left) / box.width) * spanNow();
  if (role === "style") return at !== null && at >= state.style.buffer.duration ? undefined : playStyle(at || 0);
  hear(role);
  playPair(at === null ? state.at : at);
}

const CLICKS = [
  [".st-play", (b) => playRole(roleOf(b))],
  [".st-pad", playFrom],
  [".st-upload", (b) => b.parentElement.querySelector(".st-file").click()],
  [".st-record", (b) => record(roleOf(b))],
  [".st-methods button", (b) => setMethod(b.dataset.method)],
  [".st-dice", dice],
  [".st-go", press],
  [".st-loop", setLoop],
  [".st-ab button", (b) => hear(b.dataset.heard)],
  [".st-save", (b) => download(state.result.record.id, state.heard === "content" ? 0 : state.blend, b)],
  [".st-chip-play", (b) => playEntry(entryOf(b))],
  [".st-chip-restore", (b) => restore(entryOf(b))],
  [".st-chip-save", (b) => download(entryOf(b).id, entryOf(b).blend, b)],
  [".st-chip-drop", (b) => dropEntry(entryOf(b))],
  [".dg-about-open", () => { find(".dg-about").showModal(); find(".dg-about").scrollTop = 0; }],
  [".dg-retry", () => { hideError(); if (retry) retry(); }],
  [".dg-dismiss", hideError],
  [".dg-theme", () => { state.dark = !document.body.classList.contains("dark"); showTheme(); remember(); }],
];

element.addEventListener("click", (event) => {
  for (const [selector, act] of CLICKS) {
    const target = event.target.closest(selector);
    if (target && element.contains(target) && !target.disabled) act(target, event);
  }
  // A button that was clicked gives the keys back, so that Space plays.
  if (event.detail > 0 && !event.target.closest("input, select, dialog")) document.activeElement?.blur?.();
});

element.addEventListener("input", ({ target }) => {
  if (target.matches(".dg-volume-range")) { state.volume = Number(target.value); player.setVolume(state.volume); remember(); }
  if (target.matches(".st-blend")) setBlend(Number(target.value));
  const row = target.closest(".st-slider");
  if (row) { state.settings[row.dataset.name] = Number(target.value); showSettings(); remember(); }
});

element.addEventListener("change", ({ target }) => {
  if (target.matches(".st-file")) { addFiles(roleOf(target), [...target.files]); target.value = ""; }
  if (target.matches(".st-example")) {
    const example = state.examples.find((e) => e.id === target.value);
    if (example) choose(roleOf(target), example);
    else showCards();
  }
  const preset = target.matches(".st-preset") && setup.presets.find(({ name }) => name === target.value);
  if (preset) { Object.assign(state.settings, preset.settings); showSettings(); remember(); }
  if (target.matches(".st-seed")) readSeed();
  // What has been chosen gives the keys back too.
  if (target.matches("select")) target.blur();
});

// Files are dropped on a card; anywhere else a browser would leave the page for them.
for (const kind of ["dragover", "drop"]) {
  element.addEventListener(kind, (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    const card = event.target.closest(".st-input");
    for (const other of element.querySelectorAll(".st-input")) other.classList.toggle("is-over", kind === "dragover" && other === card);
    if (kind !== "drop") return;
    if (card) addFiles(card.dataset.role, [...event.dataTransfer.files]);
    else showError("Drop the file on Content or on Style.");
  });
}
element.addEventListener("dragleave", (event) => event.target.closest?.(".st-input")?.classList.remove("is-over"));

const KEYS = {
  " ": toggle, a: () => hear("content"), b: () => hear("result"), x: () => hear(state.heard === "content" ? "result" : "content"),
  s: () => playRole("style"), l: setLoop, g: transfer, d: dice, Escape: cancel, Home: () => seek(0),
  ArrowLeft: () => seek(state.at - spanNow() / 20), ArrowRight: () => seek(state.at + spanNow() / 20),
};

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", onKey);
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || element.querySelector("dialog[open]")) return;
  if (target.matches?.(".st-seed")) { if (event.key === "Enter") { target.blur(); transfer(); } return; }
  if (target.matches?.("select, textarea, [contenteditable]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (target.matches?.("input[type='range']") && (key.startsWith("Arrow") || key === "Home")) return;
  if (target.matches?.("[role='radio']") && key.startsWith("Arrow")) {
    const names = Object.keys(METHODS), at = names.indexOf(state.settings.method) + (key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1);
    setMethod(names[(at + names.length) % names.length]);
    find(".st-methods [aria-checked='true']").focus();
  } else if (key === " " && target.closest?.("button, a")) return; // it presses the button
  else if (event.repeat && !key.startsWith("Arrow")) return;
  else if (Object.hasOwn(KEYS, key)) {
    if (key.startsWith("Arrow") && player.now?.name === "pair") state.at = player.position();
    KEYS[key]();
  } else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);
new ResizeObserver(() => showCards()).observe(find(".st-stage"));

// The sounds that were here before a reload, else the first beat and the first texture.
async function begin(inputs) {
  try {
    const [{ sounds }] = await callServer("examples", []);
    state.examples = sounds;
    showExamples();
    const ids = [...state.history.map((e) => e.id), ...Object.values(inputs)].filter((id) => typeof id === "string");
    const [{ results, sounds: there }] = await callServer("known", [ids]);
    state.lost = new Set(state.history.map((e) => e.id).filter((id) => !results.includes(id)));
    for (const [role, group] of [["content", "loop"], ["style", "texture"]]) {
      const sound = there.find((s) => s.id === inputs[role]) || sounds.find((s) => s.group === group);
      if (!state[role] && !state.loading[role]) await put(role, sound);
    }
    const newest = state.history[0];
    const fits = newest && !state.lost.has(newest.id) && ["content", "style"].every((role) => newest[role].id === state[role]?.record.id);
    if (fits && !state.job) await takeResult(newest.id);
    tell("Choose two sounds, then press Transfer");
  } catch (error) {
    showError(error.message, () => begin(inputs));
  }
  showAll();
  element.firstElementChild.dataset.ready = "yes";
}

function goOn() {
  state.job = recallJob();
  if (!state.job) return;
  state.told = { state: "waiting", share: 0, before: 0, left_s: null, stage: "" };
  follow();
}

const inputs = recall();
buildCards();
buildBar();
paint(element.firstElementChild, HUES_OF.result);
showModel();
showPages();
if (typeof showPages === "function") showPages();
showTheme();
player.setVolume(state.volume);
find(".dg-volume-range").value = state.volume;
find(".st-seed").value = state.settings.seed;
tell("Making the examples …");
showAll();
begin(inputs).then(goOn);

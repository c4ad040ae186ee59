// What the Kit page knows. `element` and `props` come from gr.HTML; sound.js, picture.js and icons.js stand above.
//
// The project is plain data, the same that the server keeps: pads, pattern, favourites. Every change goes through
// `change`, which keeps the project before it for undo and has the new one saved; nothing changes a project in place.

const setup = JSON.parse(props.setup);
const PADS = 16;
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const deck = new Deck(setup.sampleRate); // decodes
const memory = `creativeml.studio.${setup.model.sha256.slice(0, 12)}`;
const MOST_UNDO = 200, MOST_RECENT = 24, MOST_KEPT = 64;

const state = {
  id: "", project: null, chosen: 0, volume: 0.9, dark: null, past: [], future: [], saving: false, dirty: false,
  playing: false, step: -1,
};

const padAt = (pad) => state.project.pads[pad];
const noteOf = (pad) => setup.firstNote + pad;
const hue = (kind) => hueOf(kind, Math.max(0, setup.kinds.indexOf(kind)));
const rollSeed = () => Math.floor(Math.random() * 1000000);
const isEmpty = (plan) => !plan.sound && !plan.own;

// ---- settings of this browser; the project itself lies with the server ----

function remember() {
  const { id, chosen, volume, dark } = state;
  try { localStorage.setItem(memory, JSON.stringify({ id, chosen, volume, dark })); } catch { /* a private window */ }
}

function recall() {
  let saved = {};
  try { saved = JSON.parse(localStorage.getItem(memory) || "{}") || {}; } catch { /* unreadable: start afresh */ }
  if (typeof saved.id === "string" && /^[0-9a-f]{32}$/.test(saved.id)) state.id = saved.id;
  if (Number.isInteger(saved.chosen) && saved.chosen >= 0 && saved.chosen < PADS) state.chosen = saved.chosen;
  if (saved.volume >= 0 && saved.volume <= 1) state.volume = saved.volume;
  if (typeof saved.dark === "boolean") state.dark = saved.dark;
}

// ---- changes ----

// A changed copy of the project becomes the project. Changes with the same `what` in a row, as of a slider that is being
// moved, are undone at once. `planned` says that the sequencer has been told already.
function change(next, what = "", planned = false) {
  if (!planned) replan();
  if (!what || state.what !== what) {
    state.past.push(state.project);
    if (state.past.length > MOST_UNDO) state.past.shift();
  }
  state.what = what;
  state.future = [];
  state.project = next;
  if (state.playing) look();
  save();
  showAll();
}

function changePad(pad, fields, what = "") {
  change(withPad(state.project, pad, { ...padAt(pad), ...fields }), what);
}

function withPad(project, pad, plan) {
  return { ...project, pads: project.pads.map((old, n) => (n === pad ? plan : old)) };
}

function changePattern(fields, what = "") {
  change({ ...state.project, pattern: { ...state.project.pattern, ...fields } }, what);
}

function travel(from, to) {
  if (!from.length) return;
  replan();
  to.push(state.project);
  state.project = from.pop();
  if (state.playing) look();
  state.what = "";
  save();
  showAll();
  loadPads();
}

const undo = () => travel(state.past, state.future);
const redo = () => travel(state.future, state.past);

// Sounds that were heard lately are no change that could be undone.
function noteRecent(plan) {
  const same = (other) => soundKey(other) === soundKey(plan);
  const recent = [plan, ...state.project.recent.filter((other) => !same(other))].slice(0, MOST_RECENT);
  state.project = { ...state.project, recent };
  save();
  showKept();
}

// ---- saving ----

let saveTimer = 0;

// A moment after the last change; the page says so only when it has happened.
function save() {
  state.dirty = true;
  find(".st-saved").textContent = "…";
  clearTimeout(saveTimer);
  saveTimer = setTimeout(saveNow, 400);
}

async function saveNow() {
  clearTimeout(saveTimer);
  if (state.saving || !state.dirty) return;
  state.saving = true;
  const project = state.project;
  try {
    await callServer("save", [state.id, project]);
    state.dirty = state.project !== project;
    if (!state.dirty) find(".st-saved").textContent = "Saved";
  } catch (error) {
    find(".st-saved").textContent = "Not saved";
    showError(`Not saved: ${error.message}`, saveNow);
  }
  state.saving = false;
  if (state.dirty && state.project !== project) save();
}

// The page may be closed before the moment is over.
document.addEventListener("visibilitychange", () => { if (document.hidden && state.dirty) saveNow(); });

async function openProject() {
  if (state.id) {
    const [found] = await callServer("open", [state.id]);
    if (found) return found;
  }
  state.id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  remember();
  const [made] = await callServer("fresh", [0]);
  return made;
}

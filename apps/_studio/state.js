// What the Kit page knows. `element` and `props` come from gr.HTML; sound.js, picture.js and icons.js stand above.
//
// The project is plain data, the same that the server keeps: pads, pattern, favourites. Every change goes through
// `change`, which keeps the project before it for undo and has the new one saved; nothing changes a project in place.
// `pending` holds what was asked for a pad and is on its way: what is asked next builds upon it.

const setup = JSON.parse(props.setup);
const PADS = 16;
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const deck = new Deck(setup.sampleRate); // decodes
const memory = `creativeml.studio.${setup.model.sha256.slice(0, 12)}`;
const MOST_UNDO = 200, MOST_RECENT = 24, MOST_KEPT = 64;

const state = {
  id: "", revision: 0, project: null, chosen: 0, volume: 0.9, dark: null, past: [], future: [], saving: false,
  dirty: false, playing: false, step: -1, pending: new Map(), byPointer: false,
};

// A pad's sound and where it comes from; whoever puts another sound on a pad says all of it.
const NO_SOUND = { sound: null, own: "", own_name: "", root: "", origin: "", distance: null };

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
// moved, are undone at once.
function change(next, what = "") {
  if (!what || state.what !== what) {
    state.past.push(state.project);
    if (state.past.length > MOST_UNDO) state.past.shift();
  }
  state.what = what;
  state.future = [];
  adopt(next);
}

// The sequencer goes on with it, the page shows it, the server keeps it.
function adopt(next) {
  reanchor(state.project.pattern, next.pattern, () => { state.project = next; });
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
  to.push(state.project);
  state.what = "";
  state.pending.clear();
  // What was heard meanwhile has been heard.
  adopt({ ...from.pop(), recent: state.project.recent });
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

const CHANGED_ELSEWHERE = "This kit was changed in another window";
const SOON_MS = 400, LATEST_MS = 60000;
let saveTimer = 0, saveWait = 5000;
const unsavedKey = () => `creativeml.studio.unsaved.${state.id}`;

// A moment after the last change; until then a copy lies in the browser, should the page be closed or the server be gone.
function save() {
  state.dirty = true;
  find(".st-saved").textContent = "…";
  try { localStorage.setItem(unsavedKey(), JSON.stringify({ revision: state.revision, project: state.project })); } catch { /* full, or a private window */ }
  clearTimeout(saveTimer);
  saveTimer = setTimeout(saveNow, SOON_MS);
}

async function saveNow() {
  clearTimeout(saveTimer);
  if (state.saving || !state.dirty) return;
  state.saving = true;
  const { project, id } = state;
  try {
    const [revision] = await callServer("save", [id, project, state.revision]);
    if (id !== state.id) return;
    state.revision = revision;
    state.dirty = state.project !== project;
    saveWait = 5000;
    if (!state.dirty) {
      find(".st-saved").textContent = "Saved";
      localStorage.removeItem(unsavedKey());
      noteKit();
    } else save();
  } catch (error) {
    find(".st-saved").textContent = "Not saved";
    if (error.message.startsWith(CHANGED_ELSEWHERE)) {
      showError(`${error.message}. “Try again” shows that one; Ctrl+Z then brings back what you have here.`, takeOther);
    } else {
      showError(`Not saved: ${error.message}`, saveNow);
      saveTimer = setTimeout(saveNow, saveWait);
      saveWait = Math.min(LATEST_MS, 2 * saveWait);
    }
  } finally {
    state.saving = false;
  }
}

// What another window has made of this kit.
async function takeOther() {
  const [found] = await callServer("open", [state.id]);
  if (!found?.project || found.revision === state.revision) return;
  state.revision = found.revision;
  state.past.push(state.project);
  state.future = [];
  adopt(found.project);
  loadPads();
}

// Whoever comes back to this window sees what was done elsewhere.
async function lookAgain() {
  if (document.hidden || !state.project || state.dirty || state.saving) return;
  try { await takeOther(); } catch { /* the next save will tell */ }
}

document.addEventListener("visibilitychange", () => (document.hidden ? state.dirty && saveNow() : lookAgain()));
window.addEventListener("focus", lookAgain);

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// The kit of the last visit, or a fresh one; gives notes for the person.
async function openProject() {
  let notes = [];
  if (state.id) {
    const [found] = await callServer("open", [state.id]);
    notes = found?.notes || [];
    if (found?.project) {
      state.revision = found.revision;
      state.project = unsavedOf(found) || found.project;
      return notes;
    }
  }
  state.id = newId();
  state.revision = 0;
  remember();
  const [made] = await callServer("fresh", [0]);
  state.project = made;
  state.dirty = true;
  return notes;
}

// What the browser kept because the page went before it was saved; if the kit was changed elsewhere since, it is one undo
// away.
function unsavedOf({ revision, project }) {
  try {
    const kept = JSON.parse(localStorage.getItem(unsavedKey()) || "null");
    if (kept?.project?.pads?.length !== PADS) return null;
    if (kept.revision === revision) { state.dirty = true; return kept.project; }
    if (JSON.stringify(kept.project.pads) !== JSON.stringify(project.pads)) state.past.push(kept.project);
  } catch { /* unreadable */ }
  localStorage.removeItem(unsavedKey());
  return null;
}

// ---- the kits of this browser ----

const MOST_KITS = 50;
const kitsKey = "creativeml.studio.kits";

function kits() {
  try {
    const found = JSON.parse(localStorage.getItem(kitsKey) || "[]");
    return Array.isArray(found) ? found.filter(({ id }) => /^[0-9a-f]{32}$/.test(id)) : [];
  } catch { return []; }
}

function noteKit() {
  const entry = { id: state.id, name: state.project.name, when: Date.now() };
  try { localStorage.setItem(kitsKey, JSON.stringify([entry, ...kits().filter(({ id }) => id !== state.id)].slice(0, MOST_KITS))); } catch { /* full */ }
  showKits();
}

function showKits() {
  const when = (ms) => new Date(ms).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
  const others = kits().filter(({ id }) => id !== state.id);
  find(".st-kits").replaceChildren(option("", "My kits"), ...others.map(({ id, name, when: ms }) => option(id, `${name} · ${when(ms)}`)));
  find(".st-kits").disabled = !others.length;
}

// Another kit takes the page: this one stays as it was saved last.
async function goToKit(id) {
  await saveNow();
  state.id = id;
  state.revision = 0;
  state.dirty = false;
  remember();
}

async function openKit(id) {
  const [found] = await callServer("open", [id]);
  if (!found?.project) throw new ServerError(found?.notes?.[0] || "This kit is no longer kept.");
  await goToKit(id);
  state.revision = found.revision;
  state.past = [];
  state.future = [];
  adopt(found.project);
  state.dirty = false;
  clearTimeout(saveTimer);
  find(".st-saved").textContent = "Saved";
  noteKit();
  await loadPads();
  find(".dg-status").textContent = `Opened ${found.project.name}`;
}

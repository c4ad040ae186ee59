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

// The sequencer goes on with it, the page shows it, and the server keeps it, unless it comes from there.
function adopt(next, keep = true) {
  reanchor(state.project.pattern, next.pattern, () => { state.project = next; });
  if (keep) save();
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
const SOON_MS = 400, FIRST_WAIT_MS = 5000, LONGEST_WAIT_MS = 60000;
let saveTimer = 0, saveWait = FIRST_WAIT_MS, saving = null, sent = "";
const unsavedKey = (id = state.id) => `creativeml.studio.unsaved.${id}`;

// A project as text that tells whether two are the same; what was heard lately does not count.
const plainProject = (project) => JSON.stringify({ ...project, recent: [] }, (_, value) =>
  value && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort()) : value);
const stampOf = (text) => [...text].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 7);

// A moment after the last change; until then a copy lies in the browser, should the page be closed or the server be gone.
// The copy knows upon which project it was made: by its revision, or by the stamp of what was sent last.
function save() {
  state.dirty = true;
  find(".st-saved").textContent = "…";
  const copy = { revision: state.revision, stamp: stampOf(sent), project: state.project };
  try { localStorage.setItem(unsavedKey(), JSON.stringify(copy)); } catch { /* full, or a private window */ }
  clearTimeout(saveTimer);
  saveTimer = setTimeout(saveNow, SOON_MS);
}

function nowSaved() {
  state.dirty = false;
  clearTimeout(saveTimer);
  find(".st-saved").textContent = "Saved";
  try { localStorage.removeItem(unsavedKey()); } catch { /* a private window */ }
  noteKit();
}

// Resolves when what there is now was saved, or could not be.
function saveNow() {
  clearTimeout(saveTimer);
  if (saving) return saving.then(() => (state.dirty ? saveNow() : undefined));
  if (!state.dirty) return Promise.resolve();
  saving = sendProject().finally(() => { saving = null; });
  return saving;
}

async function sendProject() {
  const { project, id } = state;
  const before = sent;
  sent = plainProject(project);
  try {
    const [revision] = await callServer("save", [id, project, state.revision]);
    if (id !== state.id) return;
    state.revision = revision;
    saveWait = FIRST_WAIT_MS;
    if (retry === saveNow) hideError();
    if (state.project === project) nowSaved();
    else save();
  } catch (error) {
    if (id !== state.id) return;
    if (error.message.startsWith(CHANGED_ELSEWHERE)) return changedElsewhere(error, id, [before, sent]);
    find(".st-saved").textContent = "Not saved";
    showError(`Not saved: ${error.message}`, saveNow);
    clearTimeout(saveTimer);
    saveTimer = setTimeout(saveNow, saveWait);
    saveWait = Math.min(LONGEST_WAIT_MS, 2 * saveWait);
  }
}

// Perhaps by this very window: then only the answer to its last save was lost.
async function changedElsewhere(error, id, ours) {
  const [found] = await callServer("open", [id]).catch(() => [null]);
  if (id !== state.id) return;
  if (found?.project && ours.includes(plainProject(found.project))) {
    state.revision = found.revision;
    save();
    return;
  }
  find(".st-saved").textContent = "Not saved";
  showError(`${error.message}. “Try again” shows that one; Ctrl+Z then brings back what you have here.`, () => takeOther());
}

// What another window has made of this kit; gently: only if nothing was changed here.
async function takeOther(gently = false) {
  const { id } = state;
  const [found] = await callServer("open", [id]);
  if (!found?.project || id !== state.id || found.revision === state.revision || (gently && state.dirty)) return;
  state.past.push(state.project);
  state.future = [];
  receive(found, found.project);
  await loadPads();
}

// A project that the server keeps takes the page.
function receive(found, project) {
  const { revision, notes } = found;
  state.revision = revision;
  state.pending.clear();
  sent = plainProject(found.project);
  adopt(project, false);
  nowSaved();
  if (notes?.length) showError(notes.join(" "));
}

// Whoever comes back to this window sees what was done elsewhere.
async function lookAgain() {
  if (document.hidden || !state.project || state.dirty || saving) return;
  try { await takeOther(true); } catch { /* the next save will tell */ }
}

document.addEventListener("visibilitychange", () => (document.hidden ? state.dirty && saveNow() : lookAgain()));
window.addEventListener("focus", lookAgain);

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// The kit of the last visit, or a fresh one; gives notes for the person.
async function openProject() {
  let notes = [];
  if (state.id) {
    const [found] = await callServer("open", [state.id]);
    const copy = unsavedCopy();
    notes = found?.notes || [];
    if (found?.project) {
      state.revision = found.revision;
      sent = plainProject(found.project);
      const { project, note } = newerOf(found, copy);
      state.project = project;
      return note ? [...notes, note] : notes;
    }
    // It never reached the server, or is gone from there.
    if (copy) {
      state.revision = 0;
      state.project = copy.project;
      state.dirty = true;
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

// What the browser kept of the kit because the page went before it was saved; null if nothing.
function unsavedCopy() {
  try {
    const copy = JSON.parse(localStorage.getItem(unsavedKey()) || "null");
    return copy?.project?.pads?.length === PADS ? copy : null;
  } catch { return null; }
}

// The copy, if it was made upon what the server has; if that was changed elsewhere since, the copy is one undo away.
function newerOf({ revision, project }, copy) {
  if (!copy || plainProject(copy.project) === plainProject(project)) return { project };
  if (copy.revision === revision || copy.stamp === stampOf(plainProject(project))) {
    state.dirty = true;
    return { project: copy.project };
  }
  state.past.push(copy.project);
  return { project, note: "This kit was changed elsewhere after your last visit; what you had not saved is one undo (Ctrl+Z) away." };
}

// ---- the kits of this browser ----

const MOST_KITS = 50;
const kitsKey = `creativeml.studio.kits.${setup.model.sha256.slice(0, 12)}`;

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

// Another kit takes the page: this one stays as it is, which must have been saved.
async function goToKit(id) {
  await saveNow();
  if (state.dirty) await saveNow();
  if (state.dirty) throw new ServerError("This kit could not be saved yet, so it stays here. Save the project as a file if this goes on.");
  state.id = id;
  state.revision = 0;
  remember();
}

async function openKit(id) {
  const [found] = await callServer("open", [id]);
  if (!found?.project) throw new ServerError(found?.notes?.[0] || "This kit is no longer kept.");
  await goToKit(id);
  state.past = [];
  state.future = [];
  const { project, note } = newerOf(found, unsavedCopy());
  const unsaved = state.dirty;
  receive({ ...found, notes: note ? [...found.notes, note] : found.notes }, project);
  if (unsaved) save();
  await loadPads();
  find(".dg-status").textContent = `Opened ${project.name}`;
}

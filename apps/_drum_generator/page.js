// The drum generator's behaviour. `element` and `props` come from gr.HTML; sound.js, picture.js and icons.js stand above.

const setup = JSON.parse(props.setup);
const ROW = 8;
const find = (selector) => element.querySelector(selector);
const deck = new Deck(setup.sampleRate);
const cache = new Map(); // name -> sound {request, name, file, bytes, buffer, samples, seconds}; the newest 160
const memory = `creativeml.drums.${setup.model.sha256.slice(0, 12)}`;

const state = {
  kind: setup.kinds[0], seed: 0, variation: 1, keep: false, volume: 0.9, dark: null, kept: [],
  row: [], history: [], place: -1, busy: false, typed: true, span: 0, made: 0,
};

const isWhole = (value, most) => Number.isInteger(value) && value >= 0 && value <= most;
const lastSeed = setup.lastSeed - (ROW - 1);
const goodRequest = (r) =>
  r && setup.kinds.includes(r.kind) && isWhole(r.seed, setup.lastSeed) && r.truncation >= 0 && r.truncation <= setup.maxVariation;
const keyOf = (r) => `${r.kind} ${r.seed} ${r.truncation}`;
const hue = (kind) => hueOf(kind, setup.kinds.indexOf(kind));

// ---- settings that survive a reload ----

function remember() {
  const { kind, seed, variation, keep, volume, dark, kept } = state;
  try {
    localStorage.setItem(memory, JSON.stringify({ kind, seed, variation, keep, volume, dark, kept }));
  } catch { /* a private window without storage: then nothing survives, and nothing else breaks */ }
}

function recall() {
  let saved = {};
  try {
    saved = JSON.parse(localStorage.getItem(memory) || "{}") || {};
  } catch { /* unreadable: start afresh */ }
  if (setup.kinds.includes(saved.kind)) state.kind = saved.kind;
  if (isWhole(saved.seed, lastSeed)) state.seed = saved.seed;
  if (saved.variation >= 0 && saved.variation <= setup.maxVariation) state.variation = saved.variation;
  if (saved.volume >= 0 && saved.volume <= 1) state.volume = saved.volume;
  if (typeof saved.dark === "boolean") state.dark = saved.dark;
  state.keep = saved.keep === true;
  if (Array.isArray(saved.kept)) state.kept = saved.kept.filter(goodRequest).slice(0, 64);
}

// ---- making sounds ----

const rollSeed = () => Math.floor(Math.random() * 100000);

// The first press and a seed typed by hand are taken as they stand; afterwards Generate moves on unless the seed is kept.
function press() {
  if (!readSeed()) return;
  if (!state.keep && !state.typed) state.seed = rollSeed();
  make({ kind: state.kind, seed: state.seed, truncation: state.variation });
}

async function make(wanted, { remembered = true } = {}) {
  if (state.busy) { state.next = [wanted, { remembered }]; return; }
  state.busy = true; state.typed = false; state.seed = wanted.seed;
  showBusy(true);
  const began = performance.now();
  try {
    const [{ files, manifest }] = await callServer("generate", [wanted.kind, ROW, wanted.seed, wanted.truncation]);
    state.row = await Promise.all(manifest.sounds.map((record, i) => take(record, files[i])));
    state.made += 1;
    if (remembered) noteRow(wanted);
    hideError();
    tell(wanted, performance.now() - began);
  } catch (error) {
    showError(error.message, () => make(wanted, { remembered }));
  }
  state.busy = false;
  showBusy(false);
  showAll();
  remember();
  if (state.next) { const [next, how] = state.next; state.next = null; make(next, how); }
}

async function take(record, file) {
  const request = { kind: record.kind, seed: record.seed, truncation: record.truncation };
  const bytes = await fetchFile(file);
  const buffer = await deck.decode(bytes);
  const samples = buffer.getChannelData(0);
  const sound = { request, name: record.file, file, bytes, buffer, samples, seconds: audibleSeconds(samples, setup.sampleRate) };
  cache.delete(keyOf(request));
  cache.set(keyOf(request), sound);
  if (cache.size > 160) cache.delete(cache.keys().next().value);
  return sound;
}

function noteRow(wanted) {
  state.history = [...state.history.slice(0, state.place + 1), wanted].slice(-100);
  state.place = state.history.length - 1;
}

function step(by) {
  const wanted = state.history[state.place + by];
  if (!wanted) return;
  state.place += by;
  Object.assign(state, { kind: wanted.kind, variation: wanted.truncation, seed: wanted.seed });
  const known = Array.from({ length: ROW }, (_, i) => cache.get(keyOf({ ...wanted, seed: wanted.seed + i })));
  if (!known.every(Boolean)) return make(wanted, { remembered: false });
  state.row = known;
  state.typed = false;
  tell(wanted);
  showAll();
  remember();
}

function tell(wanted, milliseconds) {
  const time = milliseconds === undefined ? "" : ` · made in ${Math.round(milliseconds)} ms`;
  find(".dg-status").textContent =
    `${titleOf(wanted.kind)} · seeds ${wanted.seed}–${wanted.seed + ROW - 1} · variation ${Math.round(wanted.truncation * 100)} %${time}`;
}

function readSeed() {
  const text = find(".dg-seed-field").value.trim();
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!isWhole(seed, lastSeed)) {
    showError(`The seed must be a whole number from 0 to ${lastSeed}.`);
    find(".dg-seed-field").setAttribute("aria-invalid", "true");
    return false;
  }
  find(".dg-seed-field").removeAttribute("aria-invalid");
  if (seed !== state.seed) { state.seed = seed; state.typed = true; }
  return true;
}

// ---- playing ----

function strike(slot) {
  if (state.row.length === 0) return press(); // an empty pad is an invitation
  ring(slot, state.row[slot], element.querySelectorAll(".dg-card")[slot]);
}

function ring(slot, sound, target) {
  deck.play(slot, sound.buffer, () => target.classList.remove("is-playing"));
  target.classList.remove("is-playing");
  void target.offsetWidth; // restarts the flash when a pad is struck again while it rings
  target.classList.add("is-playing");
  moveHead(slot, target);
}

function moveHead(slot, target) {
  const head = target.querySelector(".dg-head");
  if (!head) return;
  const draw = () => {
    const at = deck.position(slot);
    const share = at === null ? 2 : at / state.span;
    head.style.opacity = share <= 1 ? "1" : "0";
    head.style.left = `${Math.min(1, Math.max(0, share)) * 100}%`;
    if (at !== null) requestAnimationFrame(draw);
  };
  draw();
}

async function playKept(request, target) {
  try {
    let sound = cache.get(keyOf(request));
    if (!sound) {
      const [{ files, manifest }] = await callServer("generate", [request.kind, 1, request.seed, request.truncation]);
      sound = await take(manifest.sounds[0], files[0]);
    }
    ring(`kept ${keyOf(request)}`, sound, target);
  } catch (error) {
    showError(error.message);
  }
}

function toggleKept(request) {
  const at = state.kept.findIndex((r) => keyOf(r) === keyOf(request));
  if (at >= 0) state.kept.splice(at, 1);
  else state.kept = [...state.kept, request].slice(-64);
  showKept();
  showStars();
  remember();
}

async function saveZip(requests, button) {
  button.disabled = true;
  try {
    const [file] = await callServer("bundle", [requests]);
    saveBytes(await fetchFile(file), file.orig_name, "application/zip");
  } catch (error) {
    showError(error.message, () => saveZip(requests, button));
  }
  button.disabled = false;
}

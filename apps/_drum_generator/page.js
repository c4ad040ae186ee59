// The drum generator's behaviour. `element` and `props` come from gr.HTML; sound.js, picture.js and icons.js stand above.

const setup = JSON.parse(props.setup);
const ROW = 8;
const find = (selector) => element.querySelector(selector);
const deck = new Deck(setup.sampleRate);
// name -> sound {request, name, file, bytes, buffer, samples, seconds, given, measured}; the newest 160
const cache = new Map();
const memory = `creativeml.drums.${setup.model.sha256.slice(0, 12)}`;

const state = {
  kind: setup.kinds[0], seed: 0, variation: 1, keep: false, volume: 0.9, dark: null, kept: [],
  row: [], history: [], place: -1, busy: false, typed: true, span: 0, made: 0, shapes: {}, chosen: 0,
};

const isWhole = (value, most) => Number.isInteger(value) && value >= 0 && value <= most;
const lastSeed = setup.lastSeed - (ROW - 1);
// A request names a sound: {kind, second, share, seed, truncation, controls, tuning}; a second kind has its share in it,
// tuning is the number of steps towards the controls.
const goodRequest = (r) =>
  r && setup.kinds.includes(r.kind) && isWhole(r.seed, setup.lastSeed) && r.truncation >= 0 && r.truncation <= setup.maxVariation;
const kindText = ({ kind, second, share }) => (second ? `${kind}:${(1 - share).toFixed(2)},${second}:${share.toFixed(2)}` : kind);
const keyOf = (r) => `${kindText(r)} ${r.seed} ${r.truncation} ${JSON.stringify(Object.entries(r.controls).sort())} ${r.tuning}`;
const nameOf = (r) => `${titleOf(r.kind)}${r.second ? ` + ${titleOf(r.second).toLowerCase()}` : ""} ${r.seed}`;
const forServer = (r) => ({ kind: kindText(r), seed: r.seed, truncation: r.truncation, controls: r.controls, tuning: r.tuning });
const makeCall = (r, count) => callServer("generate", [kindText(r), count, r.seed, r.truncation, r.controls, r.tuning]);
const hue = (kind) => hueOf(kind, setup.kinds.indexOf(kind));

// ---- settings that survive a reload ----

function remember() {
  const { kind, seed, variation, keep, volume, dark, kept, shapes } = state;
  try {
    localStorage.setItem(memory, JSON.stringify({ kind, seed, variation, keep, volume, dark, kept, shapes }));
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
  for (const kind of setup.kinds) if (saved.shapes?.[kind]) state.shapes[kind] = goodShape(kind, saved.shapes[kind]);
  if (Array.isArray(saved.kept)) state.kept = saved.kept.filter(goodRequest).map(wholeRequest).slice(0, 64);
}

// A stored request, of whatever age, with all its parts.
function wholeRequest({ kind, seed, truncation, second, share, controls, tuning }) {
  const { fixed, ...blend } = goodShape(kind, { fixed: controls, second, share });
  const steps = isWhole(tuning, 100) && Object.keys(fixed).length ? tuning : 0;
  return { kind, seed, truncation, second: blend.second, share: blend.second ? blend.share : 0, controls: fixed, tuning: steps };
}

// ---- making sounds ----

const rollSeed = () => Math.floor(Math.random() * 100000);

// The first press and a seed typed by hand are taken as they stand; afterwards Generate moves on unless the seed is kept.
function press() {
  if (!readSeed()) return;
  if (!state.keep && !state.typed) state.seed = rollSeed();
  make(wantedNow());
}

async function make(wanted, { remembered = true, play = false } = {}) {
  if (state.busy) { state.next = [wanted, { remembered, play }]; return; }
  state.busy = true; state.typed = false; state.seed = wanted.seed;
  showBusy(true);
  const began = performance.now();
  try {
    if (play) await playChosen(wanted);
    // A slider that was moved on meanwhile wants another row; of this one the sound that matters has been heard.
    if (!play || !state.next) {
      const row = rowInCache(wanted) || (await makeRow(wanted));
      if (row) {
        state.row = row;
        state.made += 1;
        if (remembered) noteRow(wanted);
        tell(wanted, performance.now() - began);
      }
    }
    hideError();
  } catch (error) {
    showError(error.message, () => make(wanted, { remembered, play }));
  }
  state.busy = false;
  showBusy(false);
  showAll();
  remember();
  if (state.next) { const [next, how] = state.next; state.next = null; make(next, how); }
  else measureRow(state.row);
}

async function makeRow(wanted) {
  if (wanted.tuning) return tuneRow(wanted);
  const [{ files, manifest }] = await makeCall(wanted, ROW);
  return Promise.all(manifest.sounds.map((record, i) => take(record, files[i], wanted)));
}

// Sound by sound, as it takes long; null if something else was wanted meanwhile.
async function tuneRow(wanted) {
  const row = [];
  while (row.length < ROW) {
    if (state.next) return null;
    find(".dg-status").textContent = `Tuning ${row.length + 1} of ${ROW} …`;
    row.push(await soundOf({ ...wanted, seed: wanted.seed + row.length }));
  }
  return row;
}

function rowInCache(wanted) {
  const known = Array.from({ length: ROW }, (_, i) => cache.get(keyOf({ ...wanted, seed: wanted.seed + i })));
  return known.every(Boolean) && known;
}

// The one that is being listened to, before the others are made: an eighth of the wait.
async function playChosen(wanted) {
  const sound = await soundOf({ ...wanted, seed: wanted.seed + state.chosen });
  ring(state.chosen, sound, element.querySelectorAll(".dg-card")[state.chosen]);
}

async function soundOf(request) {
  const known = cache.get(keyOf(request));
  if (known) return known;
  const [{ files, manifest }] = await makeCall(request, 1);
  return take(manifest.sounds[0], files[0], request);
}

async function take(record, file, wanted) {
  const request = { ...wanted, seed: record.seed };
  const bytes = await fetchFile(file);
  const buffer = await deck.decode(bytes);
  const samples = buffer.getChannelData(0);
  const given = record.given || {};
  const sound = { request, given, name: record.file, file, bytes, buffer, samples, seconds: audibleSeconds(samples, setup.sampleRate) };
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
  takeShape(wanted);
  const known = rowInCache(wanted);
  if (!known) return make(wanted, { remembered: false });
  state.row = known;
  state.typed = false;
  tell(wanted);
  showAll();
  remember();
  measureRow(state.row);
}

function tell(wanted, milliseconds) {
  const time = milliseconds === undefined ? "" : ` · made in ${Math.round(milliseconds)} ms`;
  const second = wanted.second ? ` with ${percentOf(wanted.share)} ${titleOf(wanted.second).toLowerCase()}` : "";
  find(".dg-status").textContent =
    `${titleOf(wanted.kind)}${second} · seeds ${wanted.seed}–${wanted.seed + ROW - 1} · variation ${Math.round(wanted.truncation * 100)} %${wanted.tuning ? " · tuned" : ""}${time}`;
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
  state.chosen = slot;
  showShape();
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
    ring(`kept ${keyOf(request)}`, await soundOf(request), target);
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
    const [file] = await callServer("bundle", [requests.map(forServer)]);
    saveBytes(await fetchFile(file), file.orig_name, "application/zip");
  } catch (error) {
    showError(error.message, () => saveZip(requests, button));
  }
  button.disabled = false;
}

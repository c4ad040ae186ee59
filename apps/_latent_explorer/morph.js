// Paths through the map, the pad between four sounds, and the comparison of two.

// ---- two to compare ----

function fillSlot(name) {
  const { shown, presented } = state;
  if (!shown || shown.key !== presented) return tell("Choose a sound first");
  state.slots[name] = { shares: shown.shares, label: shown.label, kind: shown.kind };
  state.last = name;
  showSlots();
  showPath();
}

function playSlot(name) {
  const slot = state.slots[name];
  if (!slot) return fillSlot(name);
  state.last = name;
  showSlots();
  showChosen(slot);
}

function toggleSlots() {
  const other = state.last === "A" ? "B" : "A";
  if (state.slots[other]) playSlot(other);
  else tell(`${other} is empty: choose a sound and press Shift+${other}`);
}

// Any named sound becomes the one that is spoken of: by its point, if the map has it.
function showChosen({ shares, label, kind }) {
  const ids = Object.keys(shares);
  const point = (ids.length === 1 && map.point(ids[0])) || state.made.get(keyOf(shares));
  if (!point) return presentAlone({ shares, label, kind });
  if (point === state.chosen) return present(shares, point);
  map.select(point.id);
}

// A sound without a point becomes the one that is spoken of.
function presentAlone({ shares, label, kind }) {
  map.select(null);
  present(shares, { label, kind, shares });
}

// ---- a path ----

// Drawn with the mouse, in map coordinates.
function takePath(drawn) {
  const step = Math.ceil(drawn.length / 500);
  const path = drawn.filter((_, i) => i % step === 0 || i === drawn.length - 1).map((place) => place.map(toReach));
  setDrawing(false);
  walk(path);
}

const toReach = (v) => Math.max(-setup.reach, Math.min(setup.reach, v));

// Point by point, by keyboard.
function addToPath() {
  const { chosen } = state;
  if (!chosen) return tell("Choose a point first");
  const picked = [...(state.path?.picked || []), [chosen.x, chosen.y]];
  map.setPath(picked);
  if (picked.length === 1) {
    state.path = { picked, line: picked, sounds: [] };
    showPath();
    return tell("The path begins here; choose another point and press P again");
  }
  walk(picked.map((place) => place.map(toReach)), picked);
}

async function walk(line, picked = null) {
  map.setPath(line);
  const busy = showBusy(`Making ${state.steps} sounds`);
  try {
    const { chart } = state;
    const [found] = await callServer("walk", [chart, line, state.steps]);
    const sounds = await takeAll(found);
    if (chart !== state.chart) return tell("The map has changed meanwhile; draw the path again");
    state.path = { line, picked, places: found.places, sounds };
    tell(`A path of ${state.steps} sounds`);
    showPath();
    playPath();
  } catch (error) {
    showError(error.message, () => walk(line, picked));
  } finally {
    busy();
  }
}

async function morphSlots() {
  const { A, B } = state.slots;
  const busy = showBusy("Finding steps that are equally heard");
  try {
    const [found] = await callServer("morph", [A.shares, B.shares, state.steps]);
    const ends = [A, B].map(({ shares }) => placeOf(shares));
    const line = ends.every(Boolean) ? ends : [];
    const places = line.length ? found.shares.map((t) => [0, 1].map((axis) => ends[0][axis] + t * (ends[1][axis] - ends[0][axis]))) : null;
    state.path = { line, picked: null, places, sounds: await takeAll(found), slots: true };
    map.setPath(line);
    tell(`From ${A.label} to ${B.label} in ${state.steps} sounds`);
    showPath();
    playPath();
  } catch (error) {
    showError(error.message, morphSlots);
  } finally {
    busy();
  }
}

// Where a named sound lies: at its point, or amid its parts.
function placeOf(shares) {
  const made = state.made.get(keyOf(shares));
  if (made) return [made.x, made.y];
  const parts = Object.entries(shares).map(([id, share]) => [map.point(id), share]).filter(([point]) => point);
  const whole = parts.reduce((sum, [, share]) => sum + share, 0);
  return whole ? ["x", "y"].map((axis) => parts.reduce((sum, [point, share]) => sum + share * point[axis], 0) / whole) : null;
}

function walkAgain() {
  const { path } = state;
  if (!path || !path.sounds.length) return;
  if (path.slots) morphSlots();
  else walk(path.line, path.picked);
}

let playing = 0;

function playPath() {
  const { path } = state;
  if (!path?.sounds.length) return;
  const turn = ++playing, context = deck.open(), step = state.pace / 1000, began = context.currentTime + 0.03;
  path.sounds.forEach((sound, i) => ring(sound, `path ${i}`, 0.03 + i * step));
  const follow = () => {
    const i = Math.floor((context.currentTime - began) / step);
    if (turn !== playing || state.path !== path || i >= path.sounds.length) {
      if (turn === playing) showStep(-1);
      return;
    }
    showStep(i);
    requestAnimationFrame(follow);
  };
  follow();
}

function stopPath() {
  playing++;
  for (let i = 0; i < setup.maxRow; i++) deck.stop(`path ${i}`);
  showStep(-1);
}

function playStep(i) {
  const sound = state.path?.sounds[i];
  if (!sound) return;
  stopPath();
  showStep(i);
  presentAlone(sound);
}

function dropPath() {
  stopPath();
  state.path = null;
  map.setPath([]);
  showPath();
}

async function saveFile(endpoint, inputs, button) {
  let saved = false;
  button.disabled = true;
  try {
    const [file] = await callServer(endpoint, inputs);
    saveBytes(await fetchFile(file), file.orig_name, file.orig_name.endsWith(".zip") ? "application/zip" : "audio/wav");
    saved = true;
  } catch (error) {
    showError(error.message, () => saveFile(endpoint, inputs, button));
  }
  button.disabled = false;
  return saved;
}

// The recordings of kept sounds may be gone after a restart: what is left out is told.
async function saveKept(button) {
  const isThere = ({ shares }) => Object.keys(shares).every((id) => !id.startsWith("own:") || map.point(id));
  const there = state.kept.filter(isThere), gone = state.kept.filter((sound) => !isThere(sound)).map(({ label }) => label);
  const told = `not on the map and so left out: ${gone.join(", ")}; drop the recordings on the map again`;
  if (!there.length) return showError(`Nothing to save; ${told}`);
  const saved = await saveFile("bundle", [there.map(({ shares }) => shares)], button);
  if (saved && gone.length) showError(`Saved ${there.length} of ${state.kept.length}; ${told}`);
}

const pathShares = () => state.path.sounds.map((sound) => sound.shares);

// ---- the pad between four sounds ----

const PAD_STEPS = 20;

// Until somebody chooses them, the corners are one sound each of the first four kinds.
function fillCorners(points) {
  const kinds = setup.kinds.slice(0, 4);
  state.corners = state.corners.map((corner, i) => {
    if (corner) return corner;
    const point = points.find((p) => p.kind === kinds[i % kinds.length] && p.origin === "model");
    return point && { shares: pure(point.id), label: point.label, kind: point.kind };
  });
  showPad();
}

function setCorner(i) {
  const { shown, presented } = state;
  if (!shown || shown.key !== presented) return tell("Choose a sound on the map first");
  state.corners[i] = { shares: shown.shares, label: shown.label, kind: shown.kind };
  showPad();
  playPad();
}

// The corners' weights at a place on the pad, (0, 0) at the upper left.
const padWeights = ([x, y]) => [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];

function padShares(weights) {
  const shares = {};
  state.corners.forEach((corner, i) => {
    if (corner) for (const [id, share] of Object.entries(corner.shares)) shares[id] = (shares[id] || 0) + weights[i] * share;
  });
  const kept = Object.entries(shares).filter(([, share]) => share >= 0.001).map(([id, share]) => [id, +share.toFixed(4)]);
  return Object.fromEntries(kept);
}

function movePad(x, y) {
  const snap = (v) => Math.round(Math.max(0, Math.min(1, v)) * PAD_STEPS) / PAD_STEPS;
  const [a, b] = state.pad;
  state.pad = [snap(x), snap(y)];
  showPad();
  if (a !== state.pad[0] || b !== state.pad[1]) playPad();
}

let padBusy = false;

// While a sound is under path, only the last of the places passed meanwhile is asked for.
async function playPad() {
  if (!state.corners.some(Boolean)) return;
  if (padBusy) { padBusy = "again"; return; }
  padBusy = true;
  const weights = padWeights(state.pad), shares = padShares(weights);
  const { spoken } = state;
  try {
    const sound = await soundOf(shares);
    if (spoken !== state.spoken) return; // meanwhile something else was chosen
    presentAlone(sound);
    const parts = state.corners.map((corner, i) => [corner, weights[i]]).filter(([corner, weight]) => corner && weight >= 0.005);
    tell(parts.map(([corner, weight]) => `${Math.round(weight * 100)} % ${corner.label}`).join(", "));
  } catch (error) {
    showError(error.message, playPad);
  } finally {
    const again = padBusy === "again";
    padBusy = false;
    if (again) playPad();
  }
}

function padKey(event) {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  if (way) movePad(...state.pad.map((v, i) => v + way[i] / PAD_STEPS));
  else if (event.key === "Enter" || event.key === " ") playPad();
  else return false;
  return true;
}

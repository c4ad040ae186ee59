// The latent explorer's behaviour. `element` and `props` come from gr.HTML; CanvasMap, sound.js, picture.js, icons.js and
// parts.js stand above; morph.js, view.js and wiring.js below.

const setup = JSON.parse(props.setup);
const find = (selector) => element.querySelector(selector);
const deck = new Deck(setup.sampleRate);
const memory = `creativeml.explorer.${setup.model.sha256.slice(0, 12)}`;
const CACHED = 400, AT_ONCE = 6, AHEAD = 14, IDLE_AHEAD = 240, MAX_KEPT = 128, MOST_FILES = 16;

// A sound is named by its shares: {"kick:3": 1}, {"kick:3": 0.7, "snare:0": 0.3}.
const keyOf = (shares) => Object.entries(shares).sort().map(([id, share]) => `${id}*${+share.toFixed(4)}`).join("+");
const pure = (id) => ({ [id]: 1 });
const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const state = {
  wish: { arrange: "sound", projection: "t-sne", clustering: "k-means", groups: 8 },
  colour: "kind", hover: true, volume: 0.9, dark: null, kept: [], kind: null,
  chart: null, chosen: null, before: null, spoken: 0, edition: 0, busy: 0, notes: [], near: null,
  slots: { A: null, B: null }, last: null, steps: 8, pace: 180, path: null, corners: [null, null, null, null], pad: [0.5, 0.5],
  made: new Map(), // key -> sound that was made on this map
};
// key -> sound {shares, key, label, kind, name, bytes, buffer, samples, seconds}; the newest
const cache = new Map();
// key -> promise of a sound that is under path
const coming = new Map();

// ---- settings that survive a reload ----

function remember() {
  const { wish, colour, hover, volume, dark, kept, steps, pace } = state;
  try {
    localStorage.setItem(memory, JSON.stringify({ wish, colour, hover, volume, dark, kept, steps, pace }));
  } catch { /* a private window without storage: then nothing survives, and nothing else breaks */ }
}

function recall() {
  let saved = {};
  try {
    saved = JSON.parse(localStorage.getItem(memory) || "{}") || {};
  } catch { /* unreadable: start afresh */ }
  const wish = isRecord(saved.wish) ? saved.wish : {};
  for (const [name, known] of [["arrange", setup.arrangements], ["projection", setup.projections], ["clustering", setup.clusterings]])
    if (known.includes(wish[name])) state.wish[name] = wish[name];
  if (isWithin(wish.groups, 1, setup.maxGroups)) state.wish.groups = Math.round(wish.groups);
  if (["kind", "cluster", ...setup.measures.map((m) => m.name)].includes(saved.colour)) state.colour = saved.colour;
  if (typeof saved.hover === "boolean") state.hover = saved.hover;
  if (typeof saved.dark === "boolean") state.dark = saved.dark;
  if (isWithin(saved.volume, 0, 1)) state.volume = saved.volume;
  if (isWithin(saved.steps, 2, setup.maxRow)) state.steps = Math.round(saved.steps);
  if (isWithin(saved.pace, 40, 800)) state.pace = saved.pace;
  if (Array.isArray(saved.kept)) state.kept = saved.kept.filter(goodKept).slice(0, MAX_KEPT);
}

const isWithin = (value, low, high) => typeof value === "number" && value >= low && value <= high;
const goodKept = (sound) =>
  isRecord(sound) && isRecord(sound.shares) && typeof sound.label === "string" && typeof sound.kind === "string" &&
  Object.keys(sound.shares).length > 0 && Object.values(sound.shares).every((share) => isWithin(share, 0, 1));

// ---- sounds ----

// The sound of a name: at once if it is here, else from the server.
function soundOf(shares) {
  const key = keyOf(shares);
  const known = cache.get(key);
  if (known) {
    keepCached(key, known);
    return Promise.resolve(known);
  }
  return coming.get(key) || request([shares])[0];
}

// Promises of several sounds, in one call; if that fails, one by one: a sound that is gone spoils no other.
function request(list) {
  const fetchSounds = (some) => callServer("sounds", [some]).then(([found]) => takeAll(found));
  const answer = fetchSounds(list);
  return list.map((shares, i) => {
    const key = keyOf(shares);
    const alone = (error) => {
      if (list.length === 1) throw error;
      return fetchSounds([shares]).then(([sound]) => sound);
    };
    const one = answer.then((sounds) => sounds[i], alone).then((sound) => {
      keepCached(key, sound); // also by the name that it was asked for, which may not be its shortest
      return sound;
    }).finally(() => coming.delete(key));
    one.catch(() => {}); // whoever waits for it is told
    coming.set(key, one);
    return one;
  });
}

// As the newest; the oldest go.
function keepCached(key, sound) {
  cache.delete(key);
  cache.set(key, sound);
  while (cache.size > CACHED) cache.delete(cache.keys().next().value);
}

const takeAll = ({ files, records }) => Promise.all(records.map((record, i) => take(record, files[i])));

async function take(record, file) {
  const bytes = await fetchFile(file);
  const buffer = await deck.decode(bytes);
  const samples = buffer.getChannelData(0);
  const key = keyOf(record.shares);
  const sound = {
    shares: record.shares, key, label: nameOf(record), kind: record.kind, name: record.file,
    blob: new Blob([bytes], { type: "audio/wav" }), buffer, samples, seconds: audibleSeconds(samples, setup.sampleRate),
  };
  keepCached(key, sound);
  return sound;
}

// What people read: "Closed hat 3", "Snare mix 1bdb", or what a recording is called.
function nameOf({ shares, kind, file, label }) {
  const ids = Object.keys(shares), born = ids.length === 1 && /^(.+):(\d+)$/.exec(ids[0]);
  if (born && setup.kinds.includes(born[1])) return `${titleOf(born[1])} ${born[2]}`;
  if (ids.length === 1) return label;
  return `${kind ? titleOf(kind) : "Sound"} mix ${(/_([0-9a-f]{4})[0-9a-f]{4}\.wav$/.exec(file) || ["", ""])[1]}`;
}

// What may be wanted next is fetched before it is: the newest wish first, a few at a time.
let ahead = [], fetching = false;

function fetchAhead(points) {
  const wanted = points.map((p) => p.shares || pure(p.id)).filter((shares) => !cache.has(keyOf(shares)) && !coming.has(keyOf(shares)));
  if (!wanted.length) return;
  ahead = [...wanted, ...ahead].slice(0, CACHED - 100);
  if (!fetching) keepFetching();
}

async function keepFetching() {
  fetching = true;
  element.firstElementChild.dataset.fetching = "yes";
  while (ahead.length && element.isConnected) {
    const next = ahead.splice(0, AT_ONCE).filter((shares) => !cache.has(keyOf(shares)) && !coming.has(keyOf(shares)));
    if (!next.length) continue;
    const outcomes = await Promise.allSettled(request(next));
    // If nothing came, the server is away.
    if (outcomes.every(({ status }) => status === "rejected")) ahead = [];
  }
  fetching = false;
  element.firstElementChild.dataset.fetching = "";
}

const fetchNear = (point) => fetchAhead(map.near(point.x, point.y, AHEAD));

// ---- playing ----

async function play(shares, slot = "map") {
  const key = keyOf(shares);
  state.wanted = key;
  let sound = cache.get(key);
  if (!sound) {
    try {
      sound = await soundOf(shares);
    } catch (error) {
      showError(error.message);
      return null;
    }
    if (state.wanted !== key) return sound; // something else was wanted meanwhile
  }
  ring(sound, slot);
  return sound;
}

function ring(sound, slot, delay = 0, onEnd) {
  deck.play(slot, sound.buffer, onEnd, delay);
  if (state.shown && state.shown.key === sound.key && !delay) moveHead(slot);
}

function hover(point) {
  if (!point) return;
  fetchNear(point);
  // Before the first click browsers let nothing sound.
  if (!state.hover || (navigator.userActivation && !navigator.userActivation.hasBeenActive)) return;
  play(point.shares || pure(point.id));
}

// ---- choosing ----

// The point becomes the one that is spoken of, and sounds.
function choose(point) {
  if (point === state.chosen) return;
  if (state.chosen) state.before = state.chosen;
  state.chosen = point;
  if (!point) return;
  // A click chooses and picks at once, and shall sound once.
  state.justChosen = point;
  queueMicrotask(() => { state.justChosen = null; });
  fetchNear(point);
  present(point.shares || pure(point.id), point);
}

async function present(shares, point) {
  const key = keyOf(shares);
  state.presented = key;
  state.spoken += 1;
  showName(point);
  const sound = await play(shares);
  if (!sound || state.presented !== key) return;
  state.shown = sound;
  showSound(point);
  moveHead("map");
  askNear(key, shares);
}

async function askNear(key, shares) {
  try {
    const [{ near, values }] = await callServer("near", [state.chart, shares]);
    if (state.presented !== key) return;
    const made = state.made.get(key);
    if (made && !Object.keys(made.values).length) { made.values = values; map.recolour(); }
    showNear(near, values);
  } catch (error) {
    if (state.presented === key && !/no longer there/.test(error.message)) showError(error.message);
  }
}

// A new sound at a place without a point.
async function makeAt(x, y) {
  if (!state.chart) return;
  const within = (v) => Math.max(-setup.reach, Math.min(setup.reach, v));
  const place = [within(x), within(y)];
  tell("Making the sound of that place …");
  const began = performance.now();
  try {
    const [found] = await callServer("walk", [state.chart, [place], 1]);
    const [sound] = await takeAll(found);
    const point = addMade(sound, place);
    tell(`${sound.label} · made in ${Math.round(performance.now() - began)} ms · ${partsText(sound.shares)}`);
    map.select(point.id, { reveal: true });
  } catch (error) {
    showError(error.message, () => makeAt(x, y));
  }
}

function addMade(sound, [x, y]) {
  const known = state.made.get(sound.key);
  if (known) return known;
  // A place upon a point is that point.
  const only = Object.keys(sound.shares);
  if (only.length === 1 && map.point(only[0])) return map.point(only[0]);
  const point = { id: `made:${sound.key}`, x, y, kind: sound.kind, cluster: null, label: sound.label, values: {}, shares: sound.shares, origin: "made" };
  state.made.set(sound.key, point);
  map.addPoint(point);
  return point;
}

function partsText(shares) {
  const parts = Object.entries(shares).sort((a, b) => b[1] - a[1]).slice(0, 3);
  return parts.map(([id, share]) => `${Math.round(share * 100)} % ${labelOf(id)}`).join(", ");
}

const labelOf = (id) => map.point(id)?.label || nameOf({ shares: pure(id), label: "a recording" });

// Half-path between this point and the one before.
function makeBetween() {
  const { chosen, before } = state;
  if (!chosen || !before) return tell("Choose two points first, one after the other");
  makeAt((chosen.x + before.x) / 2, (chosen.y + before.y) / 2);
}

// ---- own sounds ----

async function addFiles(files) {
  const some = [...files].slice(0, MOST_FILES);
  for (const file of some) {
    tell(`Adding ${file.name} …`);
    try {
      const [{ point, near, notes }] = await callServer("add", [state.chart, await sendFile(file)]);
      if (!map.point(point.id)) map.addPoint(shownAs(point));
      state.added = { id: point.id, near };
      map.select(point.id);
      const [first] = near;
      tell(`${point.label} · nearest: ${labelOf(first.id)}, ${first.distance.toFixed(1)} dB away${notes.length ? ` · ${notes.join("; ")}` : ""}`);
    } catch (error) {
      showError(error.message);
    }
  }
  if (files.length > MOST_FILES) showError(`The first ${MOST_FILES} of ${files.length} files were taken; start with --sounds FOLDER to see all.`);
}

// Recordings are hollow; the model's points have titles for names.
const shownAs = (point) =>
  point.origin === "own" ? { ...point, hollow: true } : { ...point, label: nameOf({ shares: pure(point.id), label: point.label }) };

// ---- the map itself ----

async function arrange() {
  const { wish } = state;
  const turn = (state.turn = (state.turn || 0) + 1);
  const names = { "t-sne": "t-SNE", pca: "PCA", isomap: "Isomap", lle: "LLE", ltsa: "LTSA", laplacian: "Laplacian eigenmaps" };
  const busy = showBusy(`Arranging by ${names[wish.projection] || wish.projection}`);
  try {
    const [{ chart, points }] = await callServer("map", [wish.arrange, wish.projection, wish.clustering, wish.groups]);
    if (turn !== state.turn) return;
    takeMap(chart, points);
    hideError();
  } catch (error) {
    if (turn === state.turn) showError(error.message, arrange);
  } finally {
    busy();
  }
}

function takeMap(chart, points) {
  const chosen = state.chosen?.id;
  state.chart = chart;
  state.near = null;
  const places = new Map(points.map((p) => [p.id, p]));
  if (state.colour === "cluster") showOnly(null); // its groups are others now
  map.setPoints(points.map(shownAs));
  for (const point of state.made.values()) {
    // A sound that was made here lies amid its parts wherever they are now.
    const parts = Object.entries(point.shares).filter(([id]) => places.has(id));
    const whole = parts.reduce((sum, [, share]) => sum + share, 0);
    if (!whole) continue;
    for (const axis of ["x", "y"]) point[axis] = parts.reduce((sum, [id, share]) => sum + share * places.get(id)[axis], 0) / whole;
    map.addPoint(point);
  }
  state.chosen = (chosen && map.point(chosen)) || null;
  state.before = null;
  dropPath();
  if (state.chosen) map.select(chosen, { reveal: false });
  const own = points.filter((p) => p.origin === "own").length;
  tell(`${points.length - own} sounds of the model${own ? `, ${own} of yours` : ""}`);
  element.firstElementChild.dataset.maps = Number(element.firstElementChild.dataset.maps || 0) + 1;
  paintPage();
  fillCorners(map.points);
  const middle = [...points].sort((a, b) => Math.hypot(a.x, a.y) - Math.hypot(b.x, b.y));
  fetchAhead(middle.slice(0, IDLE_AHEAD));
}

// How far the gathering is; a new map whenever there is more to show.
async function follow() {
  let shownError = "";
  while (element.isConnected) {
    let told;
    try {
      [told] = await callServer("state", []);
    } catch (error) {
      showError(error.message, follow);
      return;
    }
    state.notes = told.notes;
    showNotes();
    showStage(told);
    if (told.error && told.error !== shownError) showError((shownError = told.error));
    if (told.edition > state.edition) {
      state.edition = told.edition;
      state.arranging = arrange();
    }
    if (!told.stage) {
      await state.arranging;
      if (told.error) showError(told.error); // a map that came has hidden it
      find(".le-progress").dataset.gathering = "";
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 350));
  }
}

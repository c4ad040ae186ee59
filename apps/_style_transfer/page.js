// The page of style transfer: what it knows, and the sounds that are put in. `element` and `props` come from gr.HTML;
// sound.js, picture.js, parts.js, player.js and record.js stand above; work.js, view.js and wiring.js below.

const setup = JSON.parse(props.setup);
const find = (selector) => element.querySelector(selector);
const cardOf = (role) => find(`.st-card[data-role="${role}"]`);
const player = new Player();
const memory = "creativeml.transfer";
const HUES_OF = { content: 205, style: 330, result: 268 };
const DECODED = 8, MOST_DECODED_S = 1500;
const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isWithin = (value, low, high) => typeof value === "number" && value >= low && value <= high;
const isSeed = (value) => Number.isInteger(value) && value >= 0 && value <= setup.lastSeed;

const METHODS = {
  texture: { title: "Texture", says: "Weaves your content anew out of the style’s own material: any sounds, the deepest change." },
  latent: { title: "Latent", says: "Has the drum model play every hit again, moved towards the style’s hits: for drum loops." },
  spectral: { title: "Spectral", says: "Filters your content to the style’s colour; gentle, and attacks stay sharp." },
};
// What acts: the ends of each slider, and why it rests with a method.
const SLIDERS = {
  strength: { title: "Strength", ends: ["content", "all the way"], rests: {} },
  rhythm: {
    title: "Rhythm", ends: ["let go", "the content’s"],
    rests: { latent: "the hits stay where they are", spectral: "a filter moves no hit" },
  },
  timbre: { title: "Timbre", ends: ["the content’s", "the style’s"], rests: {} },
  dynamics: { title: "Dynamics", ends: ["the content’s", "the style’s"], rests: { latent: "each hit keeps its level" } },
};
const PLAIN = { method: "texture", strength: 1, rhythm: 1, timbre: 1, dynamics: 0 };
const state = {
  settings: { ...PLAIN, seed: 0 }, blend: setup.blends, heard: "result", loop: true, volume: 0.9, dark: null,
  // Each {record, buffer, overview}; a record is as the server gives it.
  content: null, style: null, result: null,
  job: null, told: null, paces: setup.paces, examples: [], history: [], lost: new Set(), at: 0, recording: null, loading: {},
};

// ---- what survives a reload ----

function remember() {
  const { settings, blend, loop, volume, dark, history } = state;
  const inputs = { content: state.content?.record.id, style: state.style?.record.id };
  try {
    localStorage.setItem(memory, JSON.stringify({ settings, blend, loop, volume, dark, history, inputs }));
  } catch { /* a private window without storage: then nothing survives, and nothing else breaks */ }
}

function recall() {
  let saved = {};
  try {
    saved = JSON.parse(localStorage.getItem(memory) || "{}") || {};
  } catch { /* unreadable: start afresh */ }
  if (goodSettings(saved.settings)) state.settings = pick(saved.settings);
  if (Number.isInteger(saved.blend) && isWithin(saved.blend, 0, setup.blends)) state.blend = saved.blend;
  if (isWithin(saved.volume, 0, 1)) state.volume = saved.volume;
  if (typeof saved.dark === "boolean") state.dark = saved.dark;
  state.loop = saved.loop !== false;
  if (Array.isArray(saved.history)) state.history = saved.history.filter(goodEntry).slice(0, setup.maxHistory);
  return isRecord(saved.inputs) ? saved.inputs : {};
}

const pick = ({ method, strength, rhythm, timbre, dynamics, seed }) => ({ method, strength, rhythm, timbre, dynamics, seed });
const goodSettings = (s) => isRecord(s) && Object.hasOwn(METHODS, s.method) && isSeed(s.seed) && Object.keys(SLIDERS).every((key) => isWithin(s[key], 0, 1));
const goodSound = (s) => isRecord(s) && typeof s.id === "string" && typeof s.name === "string" && isWithin(s.seconds, 0, 1e6);
const goodEntry = (e) =>
  isRecord(e) && typeof e.id === "string" && goodSound(e.content) && goodSound(e.style) && goodSettings(e.settings) && isWithin(e.blend, 0, setup.blends);

// ---- sounds ----

// id -> promise of {buffer}; the newest, so many and so long together
const decoded = new Map();

function bufferOf(id, file, sampleRate) {
  const known = decoded.get(id);
  decoded.delete(id);
  const coming = known || fetchFile(file).then((bytes) => decodeAt(bytes, sampleRate));
  decoded.set(id, coming);
  if (!known) coming.then((buffer) => { coming.seconds = buffer.duration * buffer.numberOfChannels; }, () => decoded.delete(id));
  const length = () => [...decoded.values()].reduce((sum, one) => sum + (one.seconds || 0), 0);
  while (decoded.size > 2 && (decoded.size > DECODED || length() > MOST_DECODED_S)) decoded.delete(decoded.keys().next().value);
  return coming;
}

// The sound becomes content or style.
async function put(role, record) {
  const turn = (state.loading[role] = {});
  const buffer = await bufferOf(record.id, record.file, record.sample_rate);
  if (state.loading[role] !== turn) return; // another was chosen meanwhile
  const before = state[role]?.record.id;
  state[role] = { record, buffer, overview: null };
  if (before !== record.id && state.result && state.result.record[role].id !== record.id) dropResult();
  if (role === "content" && before !== record.id) state.at = 0;
  stopPlaying();
  showAll();
  remember();
}

// What was made of other sounds goes from its card, not from the list.
function dropResult() {
  state.result = null;
  state.heard = "result";
}

async function choose(role, record) {
  try {
    await put(role, record);
    hideError();
  } catch (error) {
    showError(error.message, () => choose(role, record));
  }
}

async function addFile(role, file) {
  if (file.size > setup.maxBytes) {
    const size = `${Math.ceil(file.size / 2 ** 20)} MiB, at most ${setup.maxBytes / 2 ** 20} MiB`;
    return showError(`${file.name}: too large (${size}); cut out the part that you want.`);
  }
  showBusyInput(role, `Reading ${file.name} …`);
  try {
    const [record] = await callServer("add", [await sendFile(file)]);
    await put(role, record);
    hideError();
    if (record.notes.length) tell(`${record.name}: ${record.notes.join("; ")}`);
  } catch (error) {
    showError(error.message);
  }
  showBusyInput(role, "");
}

function addFiles(role, files) {
  if (!files.length) return;
  if (files.length > 1) tell(`${files[0].name} was taken, the first of ${files.length}`);
  addFile(role, files[0]);
}

// ---- the microphone ----

let recorded = 0;

async function record(role) {
  const running = state.recording;
  if (running) {
    state.recording = null;
    showRecording(running.role, null);
    const wav = await running.recorder.stop();
    if (!wav) return showError("Nothing came from the microphone: choose another one in the browser's settings.");
    recorded += 1;
    return addFile(running.role, new File([wav], `Recording ${recorded}.wav`, { type: "audio/wav" }));
  }
  stopPlaying();
  const recorder = new Recorder(), own = (state.recording = { role, recorder });
  try {
    await recorder.start((peak, seconds) => {
      if (state.recording !== own) return;
      showRecording(role, { peak, seconds });
      if (seconds >= MOST_RECORDED_S) record(role);
    });
    showRecording(role, { peak: 0, seconds: 0 });
  } catch (error) {
    state.recording = null;
    showError(error.message);
  }
}

const tell = (text) => { find(".dg-status").textContent = find(".dg-status").title = text; };

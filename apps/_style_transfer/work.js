// Transfers: begun, followed, cancelled; what was made, heard beside its content, and the list of results.

const PACE_MS = 250, PATIENCE = 20;
const JOB = `${memory}.job`;

// ---- the job ----

async function transfer() {
  if (state.job) return;
  if (!readSeed()) return;
  const { content, style } = state;
  if (!content || !style) return showError(`Choose a ${content ? "style" : "content"} first: upload, record, or take an example.`);
  const own = (state.job = { id: "", result: "" });
  state.told = { state: "waiting", share: 0, before: 0, left_s: null, stage: "" };
  hideError();
  showWork();
  try {
    const [{ job, result }] = await callServer("start", [content.record.id, style.record.id, state.settings]);
    Object.assign(own, { id: job, result });
    if (!job) return await finish(result);
    if (own.cancelled) callServer("cancel", [job]).catch(() => {});
    rememberJob(own);
    await follow();
  } catch (error) {
    if (state.job === own) endWork();
    showError(error.message, transfer);
  }
}

// Asks how far it is until it is over; a server that is silent for some seconds ends it.
async function follow() {
  let missed = 0;
  while (state.job && element.isConnected) {
    const own = state.job;
    try {
      const [{ job, paces }] = await callServer("state", [own.id]);
      missed = 0;
      state.paces = paces;
      if (!job) throw Object.assign(new ServerError("The server was started again; press Transfer once more."), { last: true });
      state.told = job;
      if (job.state === "done") return await finish(job.answer);
      if (job.state === "failed") { endWork(); return showError(job.error, transfer); }
      if (job.state === "stopped") { endWork(); return tell(own.cancelled ? "Cancelled" : "Given up, as the page did not ask for it any more"); }
      showWork();
    } catch (error) {
      missed += 1;
      if (error.last || missed > PATIENCE) { endWork(); return showError(error.message, transfer); }
    }
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
}

async function cancel() {
  const own = state.job;
  if (!own || own.cancelled) return;
  own.cancelled = true;
  showWork();
  if (!own.id) return; // not begun yet: cancelled as soon as it is
  try {
    await callServer("cancel", [own.id]);
  } catch (error) {
    own.cancelled = false;
    showError(error.message, cancel);
  }
}

async function finish(result) {
  try {
    await takeResult(result);
    state.heard = "result";
    noteResult();
    tell(resultText(state.result.record));
  } finally {
    endWork();
  }
}

function endWork() {
  state.job = state.told = null;
  rememberJob(null);
  showAll();
}

// A page that is loaded again goes on with its job.
function rememberJob(job) {
  try {
    if (job) sessionStorage.setItem(JOB, JSON.stringify(job));
    else sessionStorage.removeItem(JOB);
  } catch { /* without storage a reload forgets the job, and the server gives it up */ }
}

function recallJob() {
  try {
    const job = JSON.parse(sessionStorage.getItem(JOB) || "null");
    return isRecord(job) && typeof job.id === "string" && job.id ? { id: job.id, result: String(job.result) } : null;
  } catch {
    return null;
  }
}

// ---- the result ----

async function takeResult(id) {
  const [record] = await callServer("result", [id]);
  const buffer = await bufferOf(id, record.file, record.content.sample_rate);
  for (const role of ["content", "style"]) {
    if (state[role]?.record.id !== record[role].id && record[role].file) await put(role, record[role]);
  }
  stopPlaying();
  state.result = { record, buffer, overview: null };
  state.lost.delete(id);
}

// Seconds that the sounds at hand would take with a method.
function expectedSeconds(method) {
  const [once, pace] = state.paces[method];
  return state.content ? once + pace * state.content.record.seconds : null;
}

const shareText = (share) => `${Math.round(100 * share)} %`;

function resultText({ content, style, settings, work_s: seconds }) {
  return `${content.name} in the style of ${style.name} · ${METHODS[settings.method].title.toLowerCase()} ${shareText(settings.strength)} · made in ${seconds.toFixed(1)} s`;
}

// A result whose peaks stand out more cannot be as loud within full scale.
function figuresText({ style_before: before, style, onsets, louder_db: louder }) {
  const nearer = before > 0 ? 1 - style / before : 0;
  const way = `${nearer >= 0 ? `${shareText(nearer)} nearer to` : `${shareText(-nearer)} farther from`} the style`;
  const level = Math.abs(louder) < 0.5 ? "" : ` · ${Math.abs(louder).toFixed(1)} dB ${louder < 0 ? "softer" : "louder"}`;
  return `${way} · ${shareText(onsets)} of hits kept${level}`;
}

// ---- hearing ----

const gainsNow = () => (state.heard === "content" || !state.result ? [1, 0] : state.result.record.gains[state.blend]);

// Content and result run together, so that to compare them only moves gains.
function playPair(at = state.at) {
  const { content, result, loop } = state;
  if (!content) return;
  const gains = gainsNow();
  const tracks = [{ buffer: content.buffer, gain: gains[0] }];
  if (result) tracks.push({ buffer: result.buffer, gain: gains[1] });
  state.at = at >= content.buffer.duration - 0.01 ? 0 : at;
  player.setVolume(state.volume);
  player.play("pair", tracks, state.at, { loop, onEnd: () => { state.at = 0; showPlaying(); } });
  showPlaying();
}

function playStyle(at = 0) {
  if (!state.style) return;
  stopPlaying();
  player.setVolume(state.volume);
  player.play("style", [{ buffer: state.style.buffer, gain: 1 }], at, { onEnd: showPlaying });
  showPlaying();
}

function stopPlaying() {
  const pair = player.now?.name === "pair", at = player.stop();
  if (pair && at !== null) state.at = at;
  showPlaying();
}

const toggle = () => (player.now ? stopPlaying() : playPair());

function hear(which) {
  if (which === "result" && !state.result) return;
  state.heard = which;
  if (player.now?.name === "pair") player.setGains(gainsNow());
  showHeard();
}

function setBlend(blend) {
  state.blend = blend;
  state.heard = "result";
  if (player.now?.name === "pair") player.setGains(gainsNow());
  const entry = state.result && state.history.find((e) => e.id === state.result.record.id);
  if (entry) entry.blend = blend;
  showHeard();
  showHistory();
  remember();
}

function seek(at) {
  const seconds = state.content?.buffer.duration || 0;
  state.at = Math.max(0, Math.min(at, seconds));
  if (player.now?.name === "pair") playPair(state.at);
  else showPlaying();
}

// ---- files ----

async function download(id, blend, button) {
  button.disabled = true;
  try {
    const [file] = await callServer("download", [id, blend]);
    saveBytes(await fetchFile(file), file.orig_name, "audio/wav");
    tell(`${file.orig_name} · saved with 24 bits`);
  } catch (error) {
    noteLoss(id, error);
  }
  button.disabled = false;
}

// ---- the list ----

const plainSound = ({ id, name, seconds, sample_rate, channels, group }) => ({ id, name, seconds, sample_rate, channels, group });

function noteResult() {
  const { record } = state.result;
  const entry = {
    id: record.id, content: plainSound(record.content), style: plainSound(record.style), settings: pick(record.settings), blend: state.blend,
  };
  const gone = [...state.history.filter((e) => e.id !== record.id)];
  state.history = [entry, ...gone].slice(0, setup.maxHistory);
  remember();
}

function noteLoss(id, error) {
  if (/has gone|no longer there/.test(error.message)) {
    state.lost.add(id);
    showHistory();
  }
  showError(error.message);
}

async function playEntry(entry) {
  if (player.now?.name === entry.id) return stopPlaying();
  try {
    const [record] = await callServer("result", [entry.id]);
    const { content } = record, blended = entry.blend < setup.blends && content.file;
    const gains = blended ? record.gains[entry.blend] : [1];
    const sources = blended ? [[content.id, content.file], [entry.id, record.file]] : [[entry.id, record.file]];
    const buffers = await Promise.all(sources.map(([id, file]) => bufferOf(id, file, content.sample_rate)));
    stopPlaying();
    player.setVolume(state.volume);
    player.play(entry.id, buffers.map((buffer, i) => ({ buffer, gain: gains[i] })), 0, { onEnd: showPlaying });
    showPlaying();
  } catch (error) {
    noteLoss(entry.id, error);
  }
}

// Settings and sounds as they were, and the result itself if it is still there.
async function restore(entry) {
  if (state.job) return;
  state.settings = pick(entry.settings);
  state.blend = entry.blend;
  state.result = null;
  try {
    await takeResult(entry.id);
    state.heard = "result";
    tell(resultText(state.result.record));
    hideError();
  } catch (error) {
    if (error instanceof ServerError && /has gone/.test(error.message)) await restoreInputs(entry);
    else showError(error.message, () => restore(entry));
  }
  showAll();
  remember();
}

async function restoreInputs(entry) {
  state.lost.add(entry.id);
  const [{ sounds }] = await callServer("known", [[entry.content.id, entry.style.id]]);
  const missing = [];
  for (const role of ["content", "style"]) {
    const there = sounds.find((sound) => sound.id === entry[role].id);
    if (there) await put(role, there);
    else {
      state[role] = null;
      missing.push(`${entry[role].name} as ${role}`);
    }
  }
  const again = missing.length ? `Add ${missing.join(" and ")} again, then press Transfer` : "Press Transfer to make it again";
  showError(`The sound of this result has gone from the server. ${again}: the settings are as they were.`);
}

function dropEntry(entry) {
  if (player.now?.name === entry.id) stopPlaying();
  state.history = state.history.filter((e) => e.id !== entry.id);
  if (state.result?.record.id === entry.id) dropResult();
  callServer("drop", [entry.id]).catch(() => {});
  showAll();
  remember();
}

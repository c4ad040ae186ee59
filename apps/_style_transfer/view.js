// What the page of style transfer shows: it reads `state` from page.js, which stands above.

const PLAY = svg('<path class="dg-filled" d="M8 5.500v13l10.500-6.500z"/>');
const STOP = svg('<rect class="dg-filled" x="6.500" y="6.500" width="11" height="11" rx="1.500"/>');
const LOOP = svg('<path d="M5 11V9.500A3.500 3.500 0 0 1 8.500 6H18M15 3l3 3-3 3M19 13v1.500a3.500 3.500 0 0 1-3.500 3.500H6M9 21l-3-3 3-3"/>');
const DROP = svg('<path d="m7 7 10 10M17 7 7 17"/>');
const RESTORE = svg('<path d="M5 12a7 7 0 1 1 2.200 5.100M5 19v-4.500h4.500"/>');
const UPLOAD = svg('<path d="M12 16V5M7.500 9.500 12 5l4.500 4.500M5 20h14"/>');
const STAGES = { "": "Preparing", preparing: "Listening to both", listening: "Listening to the hits", playing: "Playing the hits anew", weaving: "Weaving", filtering: "Filtering", measuring: "Matching levels" };

const secondsText = (seconds) => (seconds < 59.5 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : clockText(seconds));
const rateText = (hz) => `${+(hz / 1000).toFixed(3)} kHz`;

// ---- the cards ----

function buildCards() {
  for (const role of ["content", "style", "result"]) {
    const card = cardOf(role), title = { content: "Content", style: "Style", result: "Result" }[role];
    paint(card, HUES_OF[role]);
    card.innerHTML =
      `<header><button type="button" class="dg-icon st-play" aria-label="Play the ${role}">${PLAY}</button>` +
      `<h2>${title}</h2><span class="st-name"></span><span class="st-facts"></span>` +
      (role === "result" ? RESULT_HEAD : "") +
      `</header><div class="st-view"><button type="button" class="st-pad" disabled><canvas></canvas><i class="st-at"></i></button>` +
      `<div class="st-blank"></div><p class="st-cut" hidden></p></div>` +
      `<footer>${role === "result" ? RESULT_FOOT : inputFoot(role)}</footer>`;
    card.querySelector(".st-pad").setAttribute("aria-label", `Play the ${role} from where you click`);
  }
  cardOf("content").querySelector(".st-blank").innerHTML = "<p>The sound that is played: a beat, a phrase</p><p>Drop a file here, record, or take an example</p>";
  cardOf("style").querySelector(".st-blank").innerHTML = "<p>What it shall sound like: rain, metal, another beat</p><p>Drop a file here, record, or take an example</p>";
  cardOf("result").querySelector(".st-blank").innerHTML =
    `<p class="st-invite"></p><p class="st-invite-more">Its hits stay where they are; you can blend it back afterwards</p><div class="st-work" hidden><p class="st-stage-text" role="status"></p>` +
    `<div class="st-progress" role="progressbar" aria-label="Transfer" aria-valuemin="0" aria-valuemax="100"><i></i></div><p class="st-left"></p></div>`;
}

const inputFoot = (role) =>
  `<button type="button" class="dg-small st-upload">${UPLOAD}Upload</button><input type="file" class="st-file" accept="audio/*,.wav,.flac,.aif,.aiff,.ogg,.mp3,.au,.caf" aria-label="File for the ${role}" hidden>` +
  `<button type="button" class="dg-small st-record" aria-pressed="false"><i></i><span>Record</span></button>` +
  `<select class="st-example" aria-label="Example as ${role}"><option value="">Examples</option></select><span class="st-note" role="status"></span>`;

const RESULT_HEAD =
  `<button type="button" class="dg-icon st-loop" aria-label="Go round" title="Go round at the end (L)">${LOOP}</button>` +
  `<button type="button" class="st-save" title="Save what you hear as a 24-bit wav">${SAVE}<span>Save wav</span></button>`;

const RESULT_FOOT =
  `<div class="st-ab" role="group" aria-label="Compare at the same place">` +
  `<button type="button" data-heard="content" aria-pressed="false" title="Hear the content (A)"><kbd>A</kbd>Content</button>` +
  `<button type="button" data-heard="result" aria-pressed="true" title="Hear the result (B)"><kbd>B</kbd>Result</button></div>` +
  `<label class="st-blend-label" title="From the content to the result"><span>Blend</span><input type="range" class="st-blend" min="0" step="1" aria-label="Blend of content and result"><output></output></label>`;

function showExamples() {
  for (const select of element.querySelectorAll(".st-example")) {
    const groups = [["loop", "Beats"], ["texture", "Textures"]].map(([group, label]) => {
      const box = Object.assign(document.createElement("optgroup"), { label });
      box.append(...state.examples.filter((e) => e.group === group).map((e) => Object.assign(document.createElement("option"), { value: e.id, textContent: e.name })));
      return box;
    });
    select.replaceChildren(select.firstElementChild, ...groups);
  }
  showCards();
}

function showAll() {
  showCards();
  showSettings();
  showHeard();
  showHistory();
  showWork();
}

// One time scale for all three: the content's; without one, the style's.
const spanNow = () => (state.content || state.style)?.buffer.duration || 1;

function showCards() {
  for (const role of ["content", "style", "result"]) {
    const card = cardOf(role), sound = state[role];
    card.classList.toggle("is-empty", !sound);
    card.querySelector(".st-pad").disabled = card.querySelector(".st-play").disabled = !sound;
    showFacts(card, role, sound);
    if (sound) draw(role, sound);
  }
  showPlaying();
}

function showFacts(card, role, sound) {
  const name = card.querySelector(".st-name"), facts = card.querySelector(".st-facts");
  name.textContent = name.title = sound && role !== "result" ? sound.record.name : "";
  const { seconds, sample_rate: rate, channels } = (role !== "result" && sound?.record) || {};
  const kind = Object.assign(document.createElement("span"), { className: "st-kind", textContent: ` · ${rateText(rate)} · ${channels === 2 ? "stereo" : "mono"}` });
  facts.replaceChildren(...(seconds ? [secondsText(seconds), kind] : []));
  const cut = card.querySelector(".st-cut"), span = spanNow();
  if (role === "result") {
    cut.hidden = !sound;
    cut.textContent = sound ? figuresText(sound.record.figures) : "";
    return;
  }
  const select = card.querySelector(".st-example");
  select.value = state.examples.some((e) => e.id === sound?.record.id) ? sound.record.id : "";
  cut.hidden = !sound || sound.buffer.duration <= span * 1.01;
  cut.textContent = `the first ${secondsText(span)} of ${sound ? secondsText(sound.buffer.duration) : ""}`;
}

async function draw(role, sound) {
  const span = spanNow(), canvas = cardOf(role).querySelector("canvas");
  if (sound.overview?.seconds !== span) {
    if (sound.drawing === span) return;
    sound.drawing = span;
    const { buffer } = sound, wanted = () => state[role] === sound && sound.drawing === span;
    const overview = await overviewOf(channelsOf(buffer), buffer.sampleRate, span, wanted);
    if (!overview) return;
    sound.overview = overview;
    sound.drawing = null;
  }
  drawOverview(canvas, sound.overview, HUES_OF[role]);
  cardOf(role).dataset.drawn = sound.record.id;
}

// ---- what plays ----

function showPlaying() {
  const now = player.now, pair = now?.name === "pair";
  const playing = { content: pair && state.heard === "content", style: now?.name === "style", result: pair && state.heard === "result" && Boolean(state.result) };
  if (pair && !state.result) playing.content = true;
  for (const [role, on] of Object.entries(playing)) {
    const card = cardOf(role), button = card.querySelector(".st-play");
    card.classList.toggle("is-playing", on);
    if (button.dataset.on !== String(on)) {
      button.dataset.on = on;
      button.innerHTML = on ? STOP : PLAY;
      button.setAttribute("aria-label", on ? `Stop the ${role}` : `Play the ${role}`);
    }
  }
  for (const chip of element.querySelectorAll(".st-chip")) chip.classList.toggle("is-playing", chip.dataset.id === now?.name);
  moveHeads();
}

let moving = false;

function moveHeads() {
  if (moving) return;
  moving = true;
  const step = () => {
    const span = spanNow(), now = player.now;
    const places = { content: state.at, result: state.at, style: null };
    if (now?.name === "pair") places.content = places.result = player.position();
    if (now?.name === "style") places.style = player.position();
    for (const [role, at] of Object.entries(places)) {
      const head = cardOf(role).querySelector(".st-at"), shown = at !== null && at > 0 && at <= span && state[role];
      head.style.opacity = shown ? "1" : "0";
      if (shown) head.style.left = `${(100 * at) / span}%`;
    }
    moving = Boolean(now) && element.isConnected;
    if (moving) requestAnimationFrame(step);
  };
  step();
}

function showHeard() {
  const there = Boolean(state.result);
  for (const button of element.querySelectorAll(".st-ab button")) {
    button.disabled = !there;
    button.setAttribute("aria-pressed", there && button.dataset.heard === state.heard);
  }
  const range = find(".st-blend");
  range.disabled = find(".st-save").disabled = !there;
  range.value = state.blend;
  range.style.setProperty("--share", state.blend / setup.blends);
  find(".st-blend-label output").textContent = shareText(state.blend / setup.blends);
  find(".st-loop").setAttribute("aria-pressed", state.loop);
  showPlaying();
}

// ---- how ----

function buildBar() {
  find(".st-methods").replaceChildren(...Object.entries(METHODS).map(([name, { title, says }]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title: says, innerHTML: `<b>${title}</b><span></span>` });
    button.setAttribute("role", "radio");
    button.dataset.method = name;
    return button;
  }));
  find(".st-sliders").innerHTML = Object.entries(SLIDERS).map(([name, { title, ends }]) =>
    `<div class="st-slider" data-name="${name}"><label for="st-${name}">${title} <output></output></label>` +
    `<input id="st-${name}" type="range" min="0" max="1" step="0.05"><div class="st-ends"><span>${ends[0]}</span><span>${ends[1]}</span></div><p class="st-rests" hidden></p></div>`).join("");
  const custom = Object.assign(document.createElement("option"), { value: "", textContent: "own settings" });
  find(".st-preset").replaceChildren(custom, ...setup.presets.map(({ name, sentence }) => Object.assign(document.createElement("option"), { value: name, textContent: titleOf(name), title: sentence })));
  find(".st-blend").max = setup.blends;
  find(".st-meanings").replaceChildren(...Object.values(METHODS).flatMap(({ title, says }) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = title; dd.textContent = says;
    return [dt, dd];
  }));
  find(".st-licence").textContent = `Beats are written patterns, textures a rain of sixty pieces a second; both are played from recordings of the starter pack, each of them ${setup.licence}: free for any use, no credit asked.`;
}

function showSettings() {
  const { settings } = state, rests = (key) => SLIDERS[key].rests[settings.method];
  for (const button of element.querySelectorAll(".st-methods button")) {
    const chosen = button.dataset.method === settings.method, seconds = expectedSeconds(button.dataset.method);
    button.setAttribute("aria-checked", chosen);
    button.tabIndex = chosen ? 0 : -1;
    button.querySelector("span").textContent = seconds === null ? "" : seconds < 1 ? "at once" : `about ${seconds < 60 ? `${Math.round(seconds)} s` : clockText(seconds)}`;
  }
  find(".st-sentence").textContent = METHODS[settings.method].says;
  for (const row of element.querySelectorAll(".st-slider")) {
    const key = row.dataset.name, reason = rests(key), range = row.querySelector("input");
    range.value = settings[key];
    range.disabled = Boolean(reason);
    range.style.setProperty("--share", settings[key]);
    row.classList.toggle("is-resting", Boolean(reason));
    row.querySelector("output").textContent = reason ? "" : shareText(settings[key]);
    row.querySelector(".st-ends").hidden = Boolean(reason);
    const line = row.querySelector(".st-rests");
    line.hidden = !reason;
    line.textContent = reason ? `does not act: ${reason}` : "";
  }
  const same = (preset) => Object.entries(preset.settings).every(([key, value]) => settings[key] === value || isResting(key, settings.method));
  const preset = setup.presets.find(same);
  find(".st-preset").value = preset?.name || "";
  find(".st-preset").title = preset?.sentence || "Settings that sound good";
  const seed = find(".st-seed"), draws = settings.method !== "spectral";
  if (document.activeElement !== seed) seed.value = settings.seed;
  seed.disabled = find(".st-dice").disabled = !draws;
  seed.title = draws ? "Another seed, another of the many sounds that would do" : "Spectral draws nothing at random";
}

const isResting = (key, method) => Boolean(SLIDERS[key]?.rests[method]);

// ---- the job ----

function showWork() {
  const { job, told } = state, card = cardOf("result"), go = find(".st-go");
  card.classList.toggle("is-working", Boolean(job));
  card.querySelector(".st-work").hidden = !job;
  const invite = card.querySelector(".st-invite");
  invite.hidden = Boolean(job);
  invite.textContent = state.content && state.style ? "Press Transfer" : "First a content and a style";
  card.querySelector(".st-invite-more").hidden = Boolean(job);
  go.classList.toggle("is-busy", Boolean(job));
  go.disabled = Boolean(job?.cancelled) || !(job || (state.content && state.style));
  go.querySelector("span").textContent = job ? (job.cancelled ? "Stopping …" : "Cancel") : "Transfer";
  go.querySelector("kbd").textContent = job ? "Esc" : "G";
  element.firstElementChild.dataset.state = job ? told?.state || "waiting" : "idle";
  if (!job || !told) return;
  const { share, before, left_s: left } = told, waiting = told.state === "waiting" && before > 0;
  const text = job.cancelled ? "Stopping" : waiting ? `Busy: ${before} before you` : STAGES[told.stage] || told.stage;
  const line = card.querySelector(".st-stage-text");
  if (line.textContent !== text) line.textContent = text;
  const bar = card.querySelector(".st-progress");
  bar.style.setProperty("--share", share);
  bar.classList.toggle("is-open", share === 0);
  bar.setAttribute("aria-valuenow", Math.round(100 * share));
  card.querySelector(".st-left").textContent =
    waiting ? "It begins by itself; you may cancel" : share === 0 ? "" : `${shareText(share)}${left === null ? "" : ` · about ${Math.max(1, Math.round(left))} s left`}`;
}

// ---- input states ----

function showBusyInput(role, text) {
  const card = cardOf(role);
  card.classList.toggle("is-reading", Boolean(text));
  card.querySelector(".st-note").textContent = text;
}

function showRecording(role, heard) {
  const card = cardOf(role), button = card.querySelector(".st-record");
  card.classList.toggle("is-recording", Boolean(heard));
  button.setAttribute("aria-pressed", Boolean(heard));
  button.querySelector("span").textContent = heard ? "Stop" : "Record";
  card.querySelector(".st-note").textContent = heard ? `${heard.seconds.toFixed(1)} s` : "";
  button.style.setProperty("--level", heard ? Math.min(1, heard.peak) : 0);
}

// ---- the list ----

function showHistory() {
  const { history } = state;
  find(".dg-foot-title").textContent = history.length ? `Results ${history.length}` : "Results are kept here";
  find(".st-history").replaceChildren(...history.map((entry, index) => {
    const { settings, blend } = entry, chip = document.createElement("div"), names = `${entry.content.name} → ${entry.style.name}`;
    chip.className = "st-chip";
    chip.setAttribute("role", "listitem");
    Object.assign(chip.dataset, { id: entry.id, index });
    chip.classList.toggle("is-shown", state.result?.record.id === entry.id);
    chip.classList.toggle("is-playing", player.now?.name === entry.id);
    const lost = state.lost.has(entry.id);
    chip.classList.toggle("is-lost", lost);
    chip.innerHTML =
      `<button type="button" class="st-chip-play"><b></b><span></span></button>` +
      `<button type="button" class="dg-icon st-chip-restore" title="Bring back its settings and sounds">${RESTORE}</button>` +
      `<button type="button" class="dg-icon st-chip-save" title="Save as a 24-bit wav">${SAVE}</button>` +
      `<button type="button" class="dg-icon st-chip-drop" title="Drop it">${DROP}</button>`;
    chip.querySelector("b").textContent = names;
    chip.querySelector("span").textContent = lost ? "its sound has gone: bring it back with ↺" : settingsText(settings, blend);
    chip.querySelector(".st-chip-play").title = `Play ${names} · ${allText(settings, blend)}`;
    for (const [selector, words] of [["restore", "Restore"], ["save", "Save"], ["drop", "Drop"]]) chip.querySelector(`.st-chip-${selector}`).setAttribute("aria-label", `${words} ${names}`);
    chip.querySelector(".st-chip-play").disabled = chip.querySelector(".st-chip-save").disabled = lost;
    return chip;
  }));
}

// What differs from the plain way.
function settingsText(settings, blend) {
  const parts = [`${METHODS[settings.method].title} ${shareText(settings.strength)}`];
  for (const key of ["rhythm", "timbre", "dynamics"]) {
    if (settings[key] !== PLAIN[key] && !isResting(key, settings.method)) parts.push(`${key} ${shareText(settings[key])}`);
  }
  if (blend < setup.blends) parts.push(`blend ${shareText(blend / setup.blends)}`);
  return parts.join(" · ");
}

const allText = (settings, blend) =>
  `${METHODS[settings.method].title}, ${Object.keys(SLIDERS).map((key) => `${key} ${shareText(settings[key])}`).join(", ")}, seed ${settings.seed}, blend ${shareText(blend / setup.blends)}`;

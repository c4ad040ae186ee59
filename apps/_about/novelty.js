// How new the sounds of the kit are: a row for each, with the training recording that it is nearest to.

const players = new Map(); // slot of the deck → { file, buffer, button }

// ---- playing ----

async function bufferOf(slot) {
  const player = players.get(slot);
  if (!player.buffer) player.buffer = deck.decode(await fetchFile(player.file));
  return player.buffer;
}

async function strike(slot) {
  try {
    deck.open(); // while the gesture lasts
    const buffer = await bufferOf(slot);
    const { button } = players.get(slot);
    button.classList.add("is-playing");
    deck.play(slot, buffer, () => { if (deck.position(slot) === null) button.classList.remove("is-playing"); });
  } catch (error) {
    showError(error.message, () => strike(slot));
  }
}

// A button with the picture of the sound that it plays.
function playerOf(slot, file, name, hue) {
  const button = make("button", { type: "button", class: "ab-play", "data-slot": slot, "aria-label": `Play ${name}`, title: `Play ${name}` }, make("canvas", { "aria-hidden": "true" }));
  button.insertAdjacentHTML("beforeend", svg('<path class="dg-filled" d="M8 5.500v13l11-6.500z"/>'));
  players.set(slot, { file, button, hue, buffer: null });
  return button;
}

// Both pictures of a row have one scale of time, so that they can be compared.
async function drawRow(slots) {
  const there = slots.filter((slot) => players.has(slot));
  const buffers = await Promise.all(there.map(bufferOf));
  const samples = buffers.map((buffer) => buffer.getChannelData(0));
  const seconds = Math.min(1.5, Math.max(0.12, ...samples.map((one) => audibleSeconds(one, setup.sampleRate))));
  there.forEach((slot, n) => drawSmall(players.get(slot).button.querySelector("canvas"), samples[n], seconds, players.get(slot).hue));
}

function drawSmall(canvas, samples, seconds, hue) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(40, Math.round(canvas.clientWidth * ratio)), height = Math.max(20, Math.round(canvas.clientHeight * ratio));
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext("2d"), wave = Math.round(height * 0.4);
  pen.fillStyle = "#0a0b14";
  pen.fillRect(0, 0, width, height);
  const small = document.createElement("canvas");
  small.width = Math.min(width, 160); small.height = height - wave;
  small.getContext("2d").putImageData(spectrogram(samples, setup.sampleRate, seconds, small.width, small.height), 0, 0);
  pen.drawImage(small, 0, wave, width, height - wave);
  drawWave(pen, samples, Math.round(seconds * setup.sampleRate), width, wave, hue);
}

// ---- rows ----

const hue = (kind) => hueOf(kind, Math.max(0, setup.kinds.indexOf(kind)));
// Without source, ending, and the number and user that Freesound puts in front: what stands beside it says them.
const calledOf = ({ name, source }) => (name.startsWith(`${source}/`) ? name.slice(source.length + 1) : name)
  .replace(/\.(wav|flac|aiff?|mp3|ogg)$/i, "").replace(/^\d+__.+?__(?=.)/, "");
const shownDistance = (value) => (value < 0.995 ? value.toFixed(2) : value.toFixed(1));
const wordy = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function rowOf(pad, key) {
  const own = pad.state === "own", slot = `${key}-sound`;
  const name = make("th", { scope: "row" });
  name.style.setProperty("--hue", hue(pad.kind));
  name.insertAdjacentHTML("beforeend", icon(pad.kind));
  name.append(make("span", {}, make("b", { text: pad.name }), make("small", { text: titleOf(pad.kind) })));
  const row = make("tr", { class: `ab-row is-${pad.state}${pad.near ? " is-near" : ""}`, "data-key": key }, name);
  if (own || pad.state === "lost" || pad.distance === undefined) {
    row.append(make("td", {}, ...(pad.file ? [playerOf(slot, pad.file, pad.name, hue(pad.kind))] : [])));
    row.append(make("td", { colspan: 3, class: "ab-said", text: own ? "Your own recording: yours, and nothing to compare." : pad.why || "" }));
    return row;
  }
  row.append(make("td", {}, playerOf(slot, pad.file, pad.name, hue(pad.kind))));
  row.append(make("td", {}, scaleOf(pad)));
  const heard = pad.recording.file ? pad.recording : pad.heard;
  const cell = make("td");
  if (heard) cell.append(playerOf(`${key}-recording`, heard.file, `the recording ${calledOf(heard)}`, hue(heard.kind)));
  else cell.append(make("span", { class: "ab-nowhere", text: "not on this machine" }));
  if (heard && heard !== pad.recording) {
    const said = `instead (${shownDistance(heard.distance)}): ${calledOf(heard)}`;
    cell.append(make("small", { class: "ab-instead", text: said, title: `The nearest recording is not on this machine. This is the next one that is: ${calledOf(heard)}, ${heard.credit}, distance ${shownDistance(heard.distance)}` }));
  }
  row.append(cell, make("td", { class: "ab-recording" }, ...told(pad.recording)));
  return row;
}

function told(recording) {
  const { kind, source, licence, credit } = recording;
  return [make("b", { text: calledOf(recording) }), make("small", {}, `${titleOf(kind)} · ${source} · `, make("span", { class: "ab-whole", text: licence })), make("small", { text: credit })];
}

// From 0 to what all but a few recordings keep from other drums.
function scaleOf(pad) {
  const { threshold, low, high, most } = state.data;
  const share = (value) => `${(100 * Math.min(1, value / most)).toFixed(2)}%`;
  const near = make("i", { class: "ab-zone-near" }), usual = make("i", { class: "ab-zone-usual" }), dot = make("i", { class: "ab-dot" });
  near.style.width = share(threshold);
  usual.style.left = share(low);
  usual.style.width = `calc(${share(high)} - ${share(low)})`;
  dot.style.left = share(pad.distance);
  const bar = make("span", { class: "ab-scale", role: "img", "aria-label": `Distance ${shownDistance(pad.distance)}; suspiciously near begins below ${threshold.toFixed(2)}` }, near, usual, dot);
  const from = pad.state === "like" ? " (made from your recording)" : "";
  return make("span", { class: "ab-distance" }, bar, make("b", { text: shownDistance(pad.distance) }), make("small", { text: wordy(pad.words) + from, title: `${Math.round(100 * pad.rank)} % of the training recordings are nearer to one of another drum` }));
}

function addRow(pad, key) {
  find(".ab-pads tbody").append(rowOf(pad, key));
  find(".ab-pads").hidden = find(".ab-legend").hidden = false;
  find(".dg-status").textContent = "Click a picture to hear it";
  return drawRow([`${key}-sound`, `${key}-recording`]).catch((error) => showError(error.message));
}

// ---- the kit ----

function verdictOf(name, pads) {
  const compared = pads.filter((pad) => pad.distance !== undefined), near = compared.filter((pad) => pad.near);
  if (!compared.length) return "This kit has no sounds that the model made.";
  const nearest = compared.reduce((a, b) => (b.distance < a.distance ? b : a));
  const line = `suspicion begins below ${state.data.threshold.toFixed(2)}`;
  const begin = near.length
    ? `${near.length} of the ${many(compared.length, "made sound")} in “${name}” ${near.length === 1 ? "is" : "are"} suspiciously near to a training recording: listen to ${near.length === 1 ? "it" : "them"} below.`
    : `${compared.length === 1 ? "The one made sound" : `None of the ${compared.length} made sounds`} in “${name}” is${compared.length === 1 ? " not" : ""} suspiciously near to a training recording.`;
  return `${begin} The nearest, ${nearest.name}, keeps a distance of ${shownDistance(nearest.distance)}; ${line}.`;
}

function showKit(found) {
  find(".ab-pads tbody").replaceChildren();
  const empty = !found || !found.pads.length;
  find(".ab-empty").hidden = !empty;
  if (empty) {
    const kit = setup.pages.find(({ title }) => title === "Kit");
    find(".ab-verdict").textContent = "";
    find(".ab-empty").replaceChildren(found ? "All pads of this kit are empty. " : "There is no kit in this browser yet. ", ...(kit ? [make("a", { href: kit.address, text: "Make one on the Kit page" }), ", or compare any sound here."] : ["Compare any sound here."]));
    return;
  }
  const verdict = find(".ab-verdict");
  verdict.textContent = verdictOf(found.name, found.pads);
  verdict.classList.toggle("is-near", found.pads.some((pad) => pad.near));
  let drawn = Promise.resolve();
  for (const pad of found.pads) drawn = Promise.all([drawn, addRow(pad, `pad${pad.pad}`)]);
  return drawn;
}

function showFetch() {
  const { data } = state, note = find(".ab-fetch");
  note.hidden = data.playable >= data.recordings;
  const parts = [`${(data.recordings - data.playable).toLocaleString("en")} of the recordings did not come with creativeml; where the nearest is one of them, the next that did is played instead. To hear all: `];
  if (setup.prepare) parts.push(make("code", { text: `creativeml prepare ${setup.prepare} --out DATA` }), ", then ");
  parts.push(make("code", { text: "creativeml studio --data DATA" }));
  note.replaceChildren(...parts, setup.prepare ? "." : ", where DATA is the dataset that the model was trained with.");
}

let asked = 0;

async function compare() {
  const seed = Number(find(".ab-seed").value.trim() || "x"), kind = find(".ab-kind").value;
  if (!Number.isInteger(seed) || seed < 0 || seed > setup.lastSeed) return showError(`The seed is a whole number from 0 to ${setup.lastSeed}.`);
  hideError();
  find(".ab-compare").disabled = true;
  try {
    const [pad] = await callServer("nearest", [{ kind, seed }]);
    const key = `asked${asked++}`;
    await addRow({ ...pad, kind, name: `${titleOf(kind)} ${seed}` }, key);
    find(`.ab-row[data-key="${key}"]`).scrollIntoView({ block: "nearest" });
    find(".ab-seed").value = Math.min(setup.lastSeed, seed + 1);
  } catch (error) {
    showError(error.message, compare);
  }
  find(".ab-compare").disabled = false;
}

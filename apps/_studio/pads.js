// The sixteen pads: below left is the first, as on the machines that began it.

const LETTERS = ["z", "x", "c", "v", "a", "s", "d", "f", "q", "w", "e", "r", "1", "2", "3", "4"];
const CODES = ["KeyZ", "KeyX", "KeyC", "KeyV", "KeyA", "KeyS", "KeyD", "KeyF", "KeyQ", "KeyW", "KeyE", "KeyR", "Digit1", "Digit2", "Digit3", "Digit4"];
const LOCK = svg('<rect x="5" y="11" width="14" height="9.500" rx="2.500"/><path class="dg-shackle" d="M8 11V7.500a4 4 0 0 1 8 0V11"/>');

function buildPads() {
  const order = [12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3];
  find(".st-pads").replaceChildren(...order.map((pad) => {
    const box = document.createElement("div");
    box.className = "st-pad";
    box.dataset.pad = pad;
    box.draggable = true;
    box.innerHTML =
      `<button type="button" class="st-hit"><span class="st-pad-icon"></span><span class="st-pad-name"></span><canvas aria-hidden="true"></canvas></button>` +
      `<kbd aria-hidden="true">${LETTERS[pad].toUpperCase()}</kbd><button type="button" class="dg-icon st-lock" aria-pressed="false">${LOCK}</button>`;
    return box;
  }));
}

const boxOf = (pad) => find(`.st-pad[data-pad="${pad}"]`);

function showPads() {
  state.project.pads.forEach((plan, pad) => {
    const box = boxOf(pad), empty = isEmpty(plan);
    paint(box, hue(plan.kind));
    box.classList.toggle("is-chosen", pad === state.chosen);
    box.classList.toggle("is-empty", empty);
    box.classList.toggle("is-loading", !empty && !mainTake(plan));
    const drawn = `${plan.kind} ${plan.name}`;
    if (box.dataset.drawn !== drawn) {
      box.dataset.drawn = drawn;
      box.querySelector(".st-pad-icon").innerHTML = empty ? "" : icon(plan.kind);
      box.querySelector(".st-pad-name").textContent = plan.name || "empty";
    }
    box.querySelector(".st-hit").setAttribute("aria-label", `${plan.name || "Empty pad"}, note ${noteOf(pad)}, key ${LETTERS[pad]}`);
    if (pad === state.chosen) box.querySelector(".st-hit").setAttribute("aria-current", "true");
    else box.querySelector(".st-hit").removeAttribute("aria-current");
    const lock = box.querySelector(".st-lock");
    lock.setAttribute("aria-pressed", plan.locked);
    lock.title = plan.locked ? "Locked: rerolls leave it as it is" : "Lock this pad";
    lock.setAttribute("aria-label", `${lock.title}: ${plan.name || "pad"}`);
    lock.disabled = empty;
    drawPad(box, plan);
  });
}

// Its outline, once for every sound.
function drawPad(box, plan) {
  const take = mainTake(plan), canvas = box.querySelector("canvas");
  const mark = take ? `${soundKey(plan)} ${canvas.clientWidth}` : "";
  if (canvas.dataset.mark === mark) return;
  canvas.dataset.mark = mark;
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.max(8, canvas.clientWidth * ratio);
  canvas.height = Math.max(8, canvas.clientHeight * ratio);
  if (take) drawWave(canvas.getContext("2d"), take.samples, Math.max(1, Math.round(take.seconds * setup.sampleRate)), canvas.width, canvas.height, hue(plan.kind));
}

function choosePad(pad) {
  if (state.chosen === pad) return;
  state.chosen = pad;
  state.what = "";
  remember();
  showPads();
  showEditor();
  showGridChoice();
}

function strike(pad, velocity = 100) {
  rack.strike(padAt(pad), velocity);
  flash(pad);
}

function flash(pad) {
  const box = boxOf(pad);
  box.dataset.struck = Number(box.dataset.struck || 0) + 1;
  box.animate([{ background: "var(--accent)" }, {}], { duration: 200, easing: "ease-out" });
}

// ---- new sounds ----

// Loads what the pads hold; layers follow by and by.
async function loadPads() {
  try {
    await soundsOf(state.project.pads);
    showAll();
    state.project.pads.forEach((_, pad) => layersSoon(pad));
  } catch (error) {
    showAll();
    showError(error.message, loadPads);
  }
}

// What a pad is about to be: what is asked next builds upon it.
const comingPad = (pad) => ({ ...padAt(pad), ...state.pending.get(pad) });

// Another sound for a pad; it is heard as soon as it is there. False if something else was asked for that pad meanwhile.
async function putOn(pad, fields, { play = true, what = "" } = {}) {
  const mine = { ...state.pending.get(pad), ...fields };
  state.pending.set(pad, mine);
  const began = performance.now(), plan = { ...padAt(pad), ...mine };
  try {
    await soundsOf([plan]);
  } catch (error) {
    if (state.pending.get(pad) === mine) state.pending.delete(pad);
    showError(error.message, () => putOn(pad, fields, { play, what }));
    showEditor();
    return false;
  }
  if (state.pending.get(pad) !== mine) return false;
  state.pending.delete(pad);
  // First the ear.
  if (play) rack.strike({ ...padAt(pad), ...mine });
  changePad(pad, mine, what);
  noteRecent(padAt(pad));
  if (play) flash(pad);
  hideError();
  find(".dg-status").textContent = `${plan.name} in ${Math.round(performance.now() - began)} ms`;
  layersSoon(pad);
  measureSoon();
  return true;
}

const nameFor = (kind, seed) => `${titleOf(kind)} ${seed}`;
const freshSound = (kind, seed) => ({ kind, seed, truncation: 1, controls: {}, tuning: 0, vary: 0, take: 0, stroke: 0 });
const withSeed = (sound, seed) => ({ ...sound, seed, vary: 0, take: 0, stroke: 0 });

function another(pad) {
  const plan = comingPad(pad), seed = rollSeed();
  const sound = plan.sound ? withSeed(plan.sound, seed) : freshSound(wholeKind(plan.kind), seed);
  return putOn(pad, { ...NO_SOUND, sound, name: nameFor(wholeKind(sound.kind), seed) });
}

// Every pad that is not locked: one change, undone at once.
async function reroll() {
  const seeds = Array.from({ length: PADS }, rollSeed);
  const rolled = (project) => ({
    ...project,
    pads: project.pads.map((plan, pad) => {
      if (plan.locked || plan.own || !plan.sound) return plan;
      return { ...plan, sound: withSeed(plan.sound, seeds[pad]), name: nameFor(wholeKind(plan.sound.kind), seeds[pad]) };
    }),
  });
  await exchange(rolled, "Rerolled");
}

// Begun as a kit of its own: the one before stays among mine.
async function newKit() {
  const [fresh] = await callServer("fresh", [rollSeed()]);
  const { favourites, recent, author, pattern } = state.project;
  await soundsOf(fresh.pads);
  await goToKit(newId());
  await exchange(() => ({ ...fresh, favourites, recent, author, pattern }), "A new kit");
}

// Applied to what the project is when the sounds are there: what is done meanwhile is not lost.
async function exchange(made, says) {
  find(".dg-status").textContent = "Making sounds …";
  await soundsOf(made(state.project).pads);
  state.pending.clear();
  change(made(state.project));
  hideError();
  find(".dg-status").textContent = `${says}. Ctrl+Z brings the old one back.`;
  await loadPads();
  measureSoon();
}

// ---- moving sounds between pads ----

const EMPTY = {
  ...NO_SOUND, name: "", tune: 0, decay: 1, pan: 0, gain_db: 0, choke: 0, locked: false, layers: 1, takes: 1,
};

function clearPad() {
  state.pending.delete(state.chosen);
  changePad(state.chosen, EMPTY);
}

function copyPad() {
  state.copied = padAt(state.chosen);
  find(".dg-status").textContent = `Copied ${state.copied.name || "an empty pad"}`;
}

function pastePad() {
  if (!state.copied) return;
  state.pending.delete(state.chosen);
  changePad(state.chosen, { ...state.copied, locked: false });
  loadPads();
}

// The two change places, and their lines of the pattern with them.
function swapPads(a, b) {
  for (const pad of [a, b]) state.pending.delete(pad);
  const swapped = (list) => list.map((old, n) => (n === a ? list[b] : n === b ? list[a] : old));
  const { pads, others, shown: versions, pattern } = state.project;
  change({ ...state.project, pads: swapped(pads), others: swapped(others), shown: swapped(versions), pattern: { ...pattern, lines: swapped(pattern.lines) } });
  choosePad(b);
}

// The letters that are printed on this keyboard's keys: the pads lie by place, not by letter.
async function showLetters() {
  let layout = null;
  try { layout = await navigator.keyboard?.getLayoutMap?.(); } catch { /* not allowed here */ }
  if (!layout) return;
  CODES.forEach((code, pad) => {
    LETTERS[pad] = layout.get(code) || LETTERS[pad];
    boxOf(pad).querySelector("kbd").textContent = LETTERS[pad].toUpperCase();
  });
  if (state.project) showPads();
}

// ---- a MIDI keyboard ----

async function openMidi() {
  if (!navigator.requestMIDIAccess) return showError("This browser has no MIDI; Chrome, Edge and Firefox have.");
  let access;
  try {
    access = await navigator.requestMIDIAccess();
  } catch {
    return showError("The browser did not allow MIDI. Allow it beside the address, then press MIDI again.");
  }
  const listen = () => {
    const inputs = [...access.inputs.values()];
    for (const input of inputs) input.onmidimessage = onMidi;
    find(".st-midi").setAttribute("aria-pressed", inputs.length > 0);
    find(".dg-status").textContent = inputs.length ? `MIDI: ${inputs.map((input) => input.name).join(", ")}` : "MIDI: no device is connected yet";
  };
  access.onstatechange = listen;
  listen();
}

function onMidi({ data }) {
  const [status, note, velocity] = data;
  const pad = note - setup.firstNote;
  if ((status & 0xf0) !== 0x90 || !velocity || pad < 0 || pad >= PADS) return;
  strike(pad, velocity);
}

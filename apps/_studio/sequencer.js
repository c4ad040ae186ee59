// The pattern: a grid to write it, and a clock to play it. Times are the audio clock's own: a timer only looks ahead.

// So far ahead that a busy machine, and a page that is hidden and woken once a second, loses no beat. What is changed
// is heard at once all the same: then what was planned is taken back (`replan`).
const AHEAD_S = 1.3, LOOK_MS = 50, SOON_S = 0.03;
const USUAL = 100, ACCENT = 127, GHOST = 45;

const patternNow = () => state.project.pattern;
const stepAt = (pad, step) => patternNow().lines[pad][step] || 0;

// Seconds from the beginning of a bar to a step: of each pair of sixteenths the second comes late by the swing.
function timeOfStep(step, { tempo, swing }) {
  const sixteenth = 15 / tempo, pair = 2 * sixteenth;
  return Math.floor(step / 2) * pair + (step % 2 ? (pair * swing) / 100 : 0);
}

// ---- the clock ----

// `next` counts steps on from bar to bar; none before `least` is planned again, as times before it were others.
const clock = { timer: 0, start: 0, next: 0, least: 0, shown: [] };

function play() {
  const context = rack.context;
  clock.start = context.currentTime + 0.06;
  clock.next = clock.least = 0;
  clock.shown = [];
  turns.clear();
  state.playing = true;
  showTransport();
  look();
  clock.timer = setInterval(look, LOOK_MS);
  requestAnimationFrame(follow);
}

function stop() {
  clearInterval(clock.timer);
  state.playing = false;
  rack.stopAll();
  showStep(-1);
  showTransport();
}

// Hands to the audio clock all steps that begin soon. A tempo that changes takes effect at the next step.
function look() {
  const context = rack.context, pattern = patternNow();
  const until = context.currentTime + AHEAD_S;
  for (;;) {
    const step = clock.next % pattern.steps;
    // `start` is where the first step of this round lies.
    const when = clock.start + timeOfStep(step, pattern);
    if (when > until) return;
    // A page that slept too long goes on with what comes, and does not hurry after.
    if (when >= context.currentTime - 0.02) {
      for (let pad = 0; pad < PADS; pad++) {
        const velocity = stepAt(pad, step);
        if (velocity) rack.strike(padAt(pad), velocity, Math.max(when, context.currentTime), true);
      }
      clock.shown.push({ step, when });
    }
    clock.next += 1;
    if (clock.next % pattern.steps === 0) clock.start += timeOfStep(pattern.steps, pattern);
  }
}

// Takes back what is planned and has not begun, for `look` to plan it anew.
function replan() {
  if (!state.playing) return;
  const soon = rack.context.currentTime + SOON_S, pattern = patternNow();
  rack.forget(soon);
  clock.shown = clock.shown.filter(({ when }) => when <= soon);
  while (clock.next > clock.least) {
    const before = clock.next - 1, wraps = clock.next % pattern.steps === 0;
    const start = clock.start - (wraps ? timeOfStep(pattern.steps, pattern) : 0);
    if (start + timeOfStep(before % pattern.steps, pattern) <= soon) break;
    clock.next = before;
    clock.start = start;
  }
}

// The picture follows what is heard.
function follow() {
  if (!state.playing) return;
  const now = rack.context.currentTime;
  let due = null;
  while (clock.shown.length && clock.shown[0].when <= now) due = clock.shown.shift();
  if (due) {
    showStep(due.step);
    for (let pad = 0; pad < PADS; pad++) if (stepAt(pad, due.step)) flash(pad);
  }
  requestAnimationFrame(follow);
}

// Makes a change while a pattern is played: what is planned is planned anew, and when the tempo, the swing or the length
// changes, the step that comes next stays where it is.
function reanchor(before, after, apply) {
  if (!state.playing) return apply();
  replan();
  const step = clock.next % before.steps, due = clock.start + timeOfStep(step, before);
  apply();
  if (["tempo", "swing", "steps"].some((name) => before[name] !== after[name])) {
    clock.next = clock.least = step % after.steps;
    clock.start = due - timeOfStep(clock.next, after);
  }
  look();
}

function setSteps(steps) {
  const lines = patternNow().lines.map((line) => Array.from({ length: steps }, (_, n) => line[n % line.length] || 0));
  changePattern({ steps, lines });
}

// ---- the grid ----

function buildGrid() {
  const { steps } = patternNow(), grid = find(".st-grid");
  grid.style.setProperty("--steps", steps);
  grid.replaceChildren(...Array.from({ length: PADS }, (_, pad) => {
    const row = document.createElement("div");
    row.className = "st-line";
    row.setAttribute("role", "row");
    row.dataset.pad = pad;
    row.innerHTML = '<button type="button" class="st-line-name" role="rowheader" tabindex="-1"></button>';
    for (let step = 0; step < steps; step++) {
      const cell = document.createElement("button");
      cell.type = "button";
      cell.className = "st-step";
      cell.setAttribute("role", "gridcell");
      cell.tabIndex = -1;
      Object.assign(cell.dataset, { pad, step });
      row.append(cell);
    }
    return row;
  }));
  state.cell ??= [0, 0];
  state.cell = [state.cell[0], Math.min(state.cell[1], steps - 1)];
  cellAt(...state.cell).tabIndex = 0;
  showGrid();
}

const cellAt = (pad, step) => find(`.st-step[data-pad="${pad}"][data-step="${step}"]`);

function showGrid() {
  const { steps, lines, tempo, swing } = patternNow();
  if (find(".st-grid").firstElementChild?.children.length !== steps + 1) return buildGrid();
  all(".st-line").forEach((row, pad) => {
    const plan = padAt(pad);
    row.style.setProperty("--hue", hue(plan.kind));
    if (row.firstChild.textContent !== plan.name) row.firstChild.textContent = plan.name || "empty";
    for (let step = 0; step < steps; step++) {
      const cell = row.children[step + 1], velocity = lines[pad][step] || 0;
      if (cell.dataset.velocity === String(velocity)) continue;
      cell.dataset.velocity = velocity;
      cell.style.setProperty("--level", velocity / 127);
      cell.classList.toggle("is-on", velocity > 0);
      cell.setAttribute("aria-label", `Step ${step + 1}: ${velocity ? `velocity ${velocity}` : "rest"}`);
    }
  });
  if (document.activeElement !== find(".st-tempo")) find(".st-tempo").value = tempo;
  find(".st-swing").value = swing;
  find(".st-swing-value").textContent = `${swing} %`;
  find(".st-steps").value = String(steps);
  showGridChoice();
}

function showGridChoice() {
  all(".st-line").forEach((row, pad) => row.classList.toggle("is-chosen", pad === state.chosen));
}

function showStep(step) {
  if (state.step >= 0) all(`.st-step[data-step="${state.step}"]`).forEach((cell) => cell.classList.remove("is-now"));
  state.step = step;
  if (step >= 0) all(`.st-step[data-step="${step}"]`).forEach((cell) => cell.classList.add("is-now"));
}

function showTransport() {
  const button = find(".st-play");
  button.setAttribute("aria-pressed", state.playing);
  button.firstChild.textContent = state.playing ? "Stop" : "Play";
}

function setStep(pad, step, velocity, what = "") {
  if (stepAt(pad, step) === velocity) return;
  const lines = patternNow().lines.map((line, n) => (n === pad ? line.map((old, m) => (m === step ? velocity : old)) : line));
  changePattern({ lines }, what);
}

// A press writes or takes away; drawn on, it does the same to what it passes; drawn up or down on a step, its velocity.
let drawing = null;

function gridPress(event, cell) {
  const pad = Number(cell.dataset.pad), step = Number(cell.dataset.step), old = stepAt(pad, step);
  choosePad(pad);
  const fresh = event.shiftKey ? ACCENT : event.altKey ? GHOST : USUAL;
  drawing = { pad, step, y: event.clientY, old, velocity: old ? 0 : fresh, shaped: false, what: `draw ${performance.now()}` };
  if (!old) {
    setStep(pad, step, fresh, drawing.what);
    if (!state.playing) strike(pad, fresh);
  }
  moveCell(pad, step);
}

function gridMove(event) {
  if (!drawing) return;
  const dy = drawing.y - event.clientY;
  const under = document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".st-step");
  const sideways = under && Number(under.dataset.step) !== drawing.step;
  if (!sideways && Math.abs(dy) > 5 && drawing.painted !== true) {
    drawing.shaped = true;
    const from = drawing.old || USUAL;
    setStep(drawing.pad, drawing.step, Math.min(127, Math.max(1, Math.round(from + dy * 1.5))), drawing.what);
  } else if (sideways && !drawing.shaped) {
    drawing.painted = true;
    if (drawing.old) setStep(drawing.pad, drawing.step, 0, drawing.what);
    setStep(drawing.pad, Number(under.dataset.step), drawing.velocity, drawing.what);
  }
}

function gridRelease() {
  if (drawing && drawing.old && !drawing.shaped && !drawing.painted) setStep(drawing.pad, drawing.step, 0, drawing.what);
  drawing = null;
}

function moveCell(pad, step) {
  cellAt(...state.cell).tabIndex = -1;
  state.cell = [pad, step];
  cellAt(pad, step).tabIndex = 0;
}

// The grid from the keyboard: arrows go, space writes, plus and minus change the velocity. After a hand has written, space
// plays as it does everywhere.
function gridKey(event, cell) {
  const pad = Number(cell.dataset.pad), step = Number(cell.dataset.step), { steps } = patternNow();
  const go = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (go) {
    moveCell((pad + go[0] + PADS) % PADS, (step + go[1] + steps) % steps);
    cellAt(...state.cell).focus();
  } else if ((event.key === " " && state.gridKeys) || event.key === "Enter") {
    setStep(pad, step, stepAt(pad, step) ? 0 : USUAL);
    if (stepAt(pad, step) && !state.playing) strike(pad, USUAL);
  } else if ((event.key === "+" || event.key === "-") && stepAt(pad, step)) {
    const velocity = Math.min(127, Math.max(1, stepAt(pad, step) + (event.key === "+" ? 9 : -9)));
    setStep(pad, step, velocity, `velocity ${pad} ${step}`);
    if (!state.playing) strike(pad, velocity);
  } else return false;
  event.preventDefault();
  return true;
}

// A written rhythm on the pads that have its instruments.
function takePreset(name) {
  const preset = setup.patterns.find((pattern) => pattern.name === name);
  if (!preset) return;
  const lines = Array.from({ length: PADS }, () => Array(preset.steps).fill(0));
  for (const [kind, line] of Object.entries(preset.lines)) {
    const pad = state.project.pads.findIndex((plan) => plan.kind === kind && !isEmpty(plan));
    if (pad >= 0) lines[pad] = line;
  }
  changePattern({ steps: preset.steps, tempo: preset.tempo, lines });
}

// Kits, projects, patterns and recordings, in and out.

// True if it was done.
async function busy(button, says, work) {
  if (button.disabled) { find(".dg-status").textContent = "One after the other: the last one is still being worked on"; return false; }
  button.disabled = true;
  find(".dg-status").textContent = says;
  try {
    const told = await work();
    hideError();
    find(".dg-status").textContent = told || "";
    return true;
  } catch (error) {
    find(".dg-status").textContent = "";
    showError(error.message, () => busy(button, says, work));
    return false;
  } finally {
    button.disabled = false;
  }
}

async function download(file, type) {
  saveBytes(await fetchFile(file), file.orig_name, type);
  return `Saved ${file.orig_name}`;
}

const exportKit = () => busy(find(".st-export"), "Writing the kit …", async () => {
  const [file] = await callServer("export_kit", [state.project, find(".st-format").value]);
  return download(file, "application/octet-stream");
});

const saveProject = () => busy(find(".st-project"), "Writing the project …", async () => {
  const [file] = await callServer("project_file", [state.project]);
  return download(file, "application/zip");
});

const saveMidi = () => busy(find(".st-midi-file"), "Writing the pattern …", async () => {
  const [file] = await callServer("midi", [state.project]);
  return download(file, "audio/midi");
});

const renderPattern = () => busy(find(".st-render"), "Playing the pattern into a file …", async () => {
  const [file] = await callServer("play_kit", [state.project, 2]);
  return download(file, "audio/wav");
});

const saveSound = () => busy(find(".st-wav"), "Writing the sound …", async () => {
  const [file] = await callServer("pad_file", [padAt(state.chosen)]);
  return download(file, "audio/wav");
});

// ---- in ----

function sendUp(file) {
  const limit = setup.uploadBytes;
  if (file.size > limit) throw new ServerError(`${file.name} has ${Math.ceil(file.size / 1048576)} MB; at most ${Math.floor(limit / 1048576)} MB can be opened here.`);
  return sendFile(file);
}

// Puts what took a while on its pad, unless another sound or another kit is there by now: then among the recent ones.
async function putLate(pad, { id, key }, fields, says) {
  if (state.id === id && soundKey(padAt(pad)) === key && !state.pending.has(pad)) {
    return (await putOn(pad, fields)) ? says : "";
  }
  noteRecent({ ...EMPTY, kind: fields.kind, ...fields });
  return `${says}. Its pad has another sound by now, so it is among the recent ones`;
}

const placeNow = (pad) => ({ id: state.id, key: soundKey(padAt(pad)) });

const putOwn = (pad, file) => busy(find(".st-own"), `Reading ${file.name} …`, async () => {
  const place = placeNow(pad);
  const [found] = await callServer("own", [await sendUp(file)]);
  if (state.id === place.id) choosePad(pad);
  const fields = { ...NO_SOUND, own: found.own, own_name: found.name, name: found.name, kind: found.kind, tune: 0, decay: 1 };
  return putLate(pad, place, fields, [`${found.name} is on pad ${pad + 1}`, ...found.notes].join("; "));
});

// What the model makes of a recording: found in the model first, which takes some seconds.
function likeOwn(button, wish) {
  const pad = state.chosen, plan = padAt(pad);
  const kind = wish === "as" ? find(".st-as").value : "";
  // What was made of a recording already goes by that one's name.
  const called = plan.origin || plan.own_name, place = placeNow(pad);
  return busy(button, "Looking for it in the model …", async () => {
    const poll = setInterval(async () => {
      const [stage] = await callServer("stage", []).catch(() => [""]);
      if (stage) find(".dg-status").textContent = stage;
    }, 700);
    try {
      const [found] = await callServer("like", [plan.own, wish, kind, rollSeed(), `${called}.wav`]);
      const fields = { ...NO_SOUND, own: found.own, root: plan.own, own_name: found.name, origin: called, distance: found.distance, name: found.name, kind: found.kind };
      return await putLate(pad, place, fields, `${found.name}: ${found.distance.toFixed(1)} dB from ${plan.own_name}${found.note ? `; ${found.note}` : ""}`);
    } finally {
      clearInterval(poll);
    }
  });
}

// A kit of its own: the one before stays among mine, and favourites are taken along.
const openFile = (file) => busy(find(".st-open"), `Opening ${file.name} …`, async () => {
  const [{ project, notes }] = await callServer("open_file", [await sendUp(file)]);
  await soundsOf(project.pads);
  await goToKit(newId());
  const { recent, favourites } = state.project;
  const both = [...project.favourites, ...favourites.filter((mine) => !project.favourites.some((other) => soundKey(other) === soundKey(mine)))];
  await exchange(() => ({ ...project, recent, favourites: both.slice(0, MOST_KEPT) }), `Opened ${file.name}`);
  return [`Opened ${file.name}. Ctrl+Z brings the old kit back.`, ...notes].join(" ");
});

const isSound = (file) => /\.(wav|wave|flac|aiff?|ogg|oga|opus|mp3|au|caf)$/i.test(file.name);

async function dropped(event) {
  const files = [...event.dataTransfer.files];
  if (!files.length) return;
  const box = event.target.closest?.(".st-pad");
  const first = box ? Number(box.dataset.pad) : state.chosen;
  const sounds = files.filter(isSound);
  // Several recordings go on pads one after the other.
  const failed = [];
  for (let n = 0; n < sounds.length && first + n < PADS; n++) {
    if (!(await putOwn(first + n, sounds[n]))) failed.push(find(".dg-error p").textContent);
  }
  if (failed.length && sounds.length > 1) showError(failed.join(" · "));
  const other = files.find((file) => !isSound(file));
  if (other) await openFile(other);
}

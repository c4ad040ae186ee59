// What all pages show alike; used by a page's own script, which stands below and has `element`, `setup`, `state` and
// `find(selector)`, the first such part of the page.

const svg = (path) => `<svg viewBox="0 0 24 24" aria-hidden="true">${path}</svg>`;
const STAR = svg('<path d="m12 3.6 2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8-4.2-4.1 5.8-.8z"/>');
const SAVE = svg('<path d="M12 4v11M7 10.5l5 5 5-5M5 20h14"/>');

// Gives a part of the page its colour, and the ink that can be read on it by day and by night.
function paint(node, hue) {
  node.style.setProperty("--hue", hue);
  node.style.setProperty("--ink-day", inkOn(hue, 0.78, 0.42));
  node.style.setProperty("--ink-night", inkOn(hue, 0.88, 0.6));
}

let retry = null;

function showError(message, again) {
  retry = again || null;
  find(".dg-error p").textContent = message;
  find(".dg-retry").hidden = !retry;
  find(".dg-error").hidden = false;
}

function hideError() {
  find(".dg-error").hidden = true;
}

// All pages share one choice of dark or light; where none was made, the system's holds.
const THEME = "creativeml.theme";
let themeRead = false;

function showTheme() {
  try {
    const chosen = themeRead ? null : localStorage.getItem(THEME);
    if (chosen) state.dark = chosen === "dark";
    else if (state.dark !== null) localStorage.setItem(THEME, state.dark ? "dark" : "light");
  } catch { /* a private window */ }
  themeRead = true;
  if (state.dark !== null) document.body.classList.toggle("dark", state.dark);
}

function showModel() {
  const { name, sha256, licence, version } = setup.model;
  const rows = [["Model", name], ["Weights", `sha256 ${sha256.slice(0, 16)}…`], ["Licence of the weights", licence || "see the model card"], ["Version", `creativeml ${version}`]];
  find(".dg-model").replaceChildren(...rows.flatMap(([term, text]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term; dd.textContent = text;
    return [dt, dd];
  }));
}

// In the studio, the way to the other pages.
function showPages() {
  if (!setup.pages?.length) return;
  const nav = find(".st-nav") || document.createElement("nav");
  nav.className = "st-nav";
  nav.setAttribute("aria-label", "Pages of the studio");
  nav.replaceChildren(...setup.pages.map(({ title, address, here }) => {
    const link = Object.assign(document.createElement("a"), { textContent: title, href: address });
    if (here) link.setAttribute("aria-current", "page");
    return link;
  }));
  find(".dg-top h1").after(nav);
}

const TO_PAD = svg('<rect x="3.500" y="9.500" width="17" height="11" rx="2.500"/><path d="M12 2v10.500M8 9l4 4 4-4"/>');

// In the studio: puts a sound on the pad that is chosen on the Kit page. `sound` is a request to the model or null, then
// `bytes` of a wav are kept as a recording. Gives the number of the pad.
async function toPad({ name, kind, sound = null, bytes = null }) {
  const base = new URL("../kit/gradio_api", window.location.href).pathname;
  const key = `creativeml.studio.${setup.model.sha256.slice(0, 12)}`;
  let known = {};
  try { known = JSON.parse(localStorage.getItem(key) || "{}") || {}; } catch { /* unreadable: as if there were none */ }
  const [kept] = known.id ? await callServer("open", [known.id], base) : [null];
  const project = kept?.project;
  if (!project) throw new ServerError("There is no kit yet: open the page Kit once.");
  const pad = known.chosen || 0;
  let fields = { name, kind, sound, own: "", own_name: "", root: "", origin: "", distance: null, layers: 1, takes: 1 };
  if (bytes) {
    const file = new File([bytes], `${name}.wav`, { type: "audio/wav" });
    const [found] = await callServer("own", [await sendFile(file, base)], base);
    fields = { ...fields, sound: null, own: found.own, own_name: name };
  }
  const pads = project.pads.map((plan, n) => (n === pad ? { ...plan, ...fields, tune: 0, decay: 1 } : plan));
  await callServer("save", [known.id, { ...project, pads }, kept.revision], base);
  return pad + 1;
}

// What is known of the model: facts, data, figures and limits. `element` and `props` come from gr.HTML; sound.js,
// picture.js, icons.js and parts.js stand above.

const setup = JSON.parse(props.setup);
const find = (selector) => element.querySelector(selector);
const deck = new Deck(setup.sampleRate);
// Shared with the Kit page: which kit this browser works on, and how loud.
const memory = `creativeml.studio.${setup.model.sha256.slice(0, 12)}`;
const state = { id: "", dark: null, volume: 0.9, data: null };

function stored() {
  try {
    const saved = JSON.parse(localStorage.getItem(memory) || "{}");
    return saved && typeof saved === "object" ? saved : {};
  } catch { return {}; } // a private window, or unreadable
}

function recall() {
  const { id, volume } = stored();
  if (typeof id === "string" && /^[0-9a-f]{32}$/.test(id)) state.id = id;
  if (volume >= 0 && volume <= 1) state.volume = volume;
}

// Only what this page changes: the kit is the other page's.
function remember() {
  try { localStorage.setItem(memory, JSON.stringify({ ...stored(), volume: state.volume })); } catch { /* a private window */ }
}

// An element with text, attributes and children; text is never markup.
function make(tag, { text = "", ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function showFacts() {
  const { name, sha256, licence, version } = setup.model;
  const facts = [
    ["Name", name], ["Version", `creativeml ${version}`],
    ["Licence of the weights", licence || "see the card"], ["Trained on", setup.trainedOn || "it does not say"],
    ["Weights", `sha256 ${sha256.slice(0, 16)}…`, sha256],
    ["Makes", `${many(setup.kinds.length, "kind")} of drum, ${(setup.lengthSamples / setup.sampleRate).toFixed(2)} s at ${(setup.sampleRate / 1000).toLocaleString("en")} kHz, mono`],
    ["Can be asked for", setup.controls.length ? setup.controls.map(controlWord).join(", ") : "kinds alone"],
  ];
  find(".ab-facts").replaceChildren(...facts.map(([term, text, title = null]) => make("div", {}, make("dt", { text: term }), make("dd", { text, title }))));
  find(".ab-yours").replaceChildren(...(setup.yours
    ? [make("strong", { text: "The sounds that you make are yours." }), " Nothing is asked for them: release them, sell them, put them into a pack."]
    : ["What may be done with its sounds is for the maker of this model to say; its card does not."]));
  find(".ab-intro .ab-card").innerHTML = setup.intro; // safe: the server leaves no markup of the card's own
  if (!setup.intro) find(".ab-intro .ab-card").append(make("p", { text: "This model came without a card, so this is not known." }));
}

const controlWord = (name) => (name === "decay_time_20" ? "decay" : name.replaceAll("_", " "));

// ---- data ----

function showData() {
  const { data } = state;
  const heard = find(".ab-heard");
  if (!data) {
    heard.textContent = "No index of its training recordings came with this model, so they cannot be listed or compared. examples/training_index.py makes one from the dataset that it was trained with.";
    return;
  }
  heard.textContent = `${many(data.recordings, "recording")} of ${many(data.drums, "different drum")} from ${many(data.sources.length, "source")}, every one with a known licence. ${data.playable === data.recordings ? "All" : data.playable.toLocaleString("en")} of them can be played here.`;
  find(".ab-sources tbody").replaceChildren(...data.sources.map(({ source, recordings, licences, credits }) => make("tr", {},
    make("th", { scope: "row", text: source }),
    make("td", { class: "ab-number", text: recordings.toLocaleString("en") }),
    make("td", { text: licences.join(", ") }),
    make("td", {}, creditsOf(credits)))));
  find(".ab-sources tfoot").replaceChildren(make("tr", {},
    make("th", { scope: "row", text: "Together" }), make("td", { class: "ab-number", text: data.recordings.toLocaleString("en") }),
    make("td", { text: many(new Set(data.sources.flatMap((s) => s.licences)).size, "licence") }),
    make("td", { text: many(new Set(data.sources.flatMap((s) => s.credits)).size, "credit") })));
  find(".ab-sources").hidden = false;
}

function creditsOf(credits) {
  if (credits.length < 3) return make("span", { text: credits.join("; ") });
  return make("details", {}, make("summary", { text: `${credits[0]} and ${credits.length - 1} more` }),
    make("ul", {}, ...credits.map((text) => make("li", { text }))));
}

// ---- the card ----

function showCard() {
  find(".ab-credits").hidden = !setup.credits;
  find(".ab-credits .ab-card").innerHTML = setup.credits; // as above
  find(".ab-figures-note").textContent = setup.figures.length
    ? "From the model card: measured by creativeml evaluate against recordings that the model has never heard."
    : "This model came without a card that tells how it was measured. creativeml evaluate measures it.";
  let group = null;
  for (const { title, level, html } of setup.figures) {
    if (level === 2) {
      group = make("section", { class: "ab-group" }, make("h3", { text: title }));
      if (html) group.append(cardOf(html));
      find(".ab-figures").append(group);
    } else {
      const details = make("details", {}, make("summary", {}, make("h4", { text: title })), cardOf(html));
      details.open = /realism|novelty/i.test(title);
      (group || find(".ab-figures")).append(details);
    }
  }
  find(".ab-limits").innerHTML = setup.limits.map(({ html }) => html).join(""); // as above
  if (!setup.limits.length) find(".ab-limits").append(make("p", { text: "This model's card names none, which does not mean that there are none." }));
}

function cardOf(html) {
  const made = make("div", { class: "ab-card" });
  made.innerHTML = html; // as above
  return made;
}

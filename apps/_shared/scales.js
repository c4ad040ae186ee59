// Controls on sliders: what they are called, and distances that are heard as equal.

const CONTROL_TITLES = {
  attack_time: "Attack", decay_time_20: "Decay", decay_time_60: "Long decay", spectral_centroid: "Centroid",
};
const controlTitle = (name) => (Object.hasOwn(CONTROL_TITLES, name) ? CONTROL_TITLES[name] : titleOf(name));
const STEPS = 200; // of a slider, from one end of the kind's range to the other

const placeOf = (control, value) => (control.logarithmic ? Math.log1p(Math.max(value, 0) / control.low) : value);
const valueAt = (control, place) => (control.logarithmic ? control.low * Math.expm1(place) : place);

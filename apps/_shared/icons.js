// Small line drawings of the kinds, 24 x 24; a kind that is not here gets a plain pad.

const ICONS = {
  kick: '<circle cx="12" cy="12" r="8.5"/><circle cx="12" cy="12" r="3"/><path d="M5.5 19.5 4 21.5M18.5 19.5 20 21.5"/>',
  snare: '<ellipse cx="12" cy="8" rx="8.5" ry="3.2"/><path d="M3.5 8v7.5c0 1.8 3.8 3.2 8.5 3.2s8.5-1.4 8.5-3.2V8M6 14.3l2.5 3.5M10 15.2l2 3.4M14 15.2l2 3"/>',
  hat_closed: '<path d="M3 11.2c3-1.7 6-2.6 9-2.6s6 .9 9 2.6M3 12.8c3 1.7 6 2.6 9 2.6s6-.9 9-2.6M3 12h18M12 4v4.6M12 15.4V21"/>',
  hat_open: '<path d="M3 9c3-2 6-3 9-3s6 1 9 3M3 9h18M3 15c3 2 6 3 9 3s6-1 9-3M3 15h18M12 2.5V6M12 18v3.5"/>',
  tom: '<ellipse cx="12" cy="7" rx="6.5" ry="2.7"/><path d="M5.5 7v9.5c0 1.6 2.9 2.9 6.5 2.9s6.5-1.3 6.5-2.9V7M8 19l-1.5 3M16 19l1.5 3"/>',
  rim: '<ellipse cx="11" cy="15" rx="8" ry="3"/><path d="M3 15v3c0 1.7 3.6 3 8 3s8-1.3 8-3v-3M21.5 5 8.5 14"/>',
  clap: '<path d="M8.5 20.5 4.8 14c-.6-1.1.9-2.1 1.7-1.1l2 2.6V6.3c0-1.5 2-1.5 2 0V12M10.5 7V4.6c0-1.5 2-1.5 2 0V12M12.5 6c0-1.5 2-1.5 2 0v6.5M14.5 8.5c0-1.5 2-1.5 2 0v6.7c0 2.3-.6 3.8-1.5 5.3M19 3.5l1.5-1.5M20.5 7.5l2-.5M18 1.5V0"/>',
  cowbell: '<path d="M8.5 6h7l3.5 13H5zM9.5 6c0-3 5-3 5 0M5 19c2 1.6 12 1.6 14 0"/>',
  crash: '<ellipse cx="12" cy="9" rx="9.5" ry="2.8" transform="rotate(-14 12 9)"/><path d="M12 9v13M8.5 22h7M4 3.5 5.5 5.5M9 1.8l.6 2.4M19.5 14.5l1.3 2"/>',
  ride: '<ellipse cx="12" cy="10" rx="9.5" ry="3"/><path d="M9 8.8c0-3 6-3 6 0M12 13v9M8.5 22h7"/>',
  perc: '<ellipse cx="8.5" cy="8" rx="5.5" ry="4.2" transform="rotate(45 8.5 8)"/><path d="M12 11.6 20.5 20M6.5 7h.01M9 6h.01M8.5 9h.01M11 9h.01"/>',
};
const PLAIN_ICON = '<rect x="4" y="4" width="16" height="16" rx="4"/>';

// One colour per kind, as on a drum machine.
const HUES = { kick: 14, snare: 38, hat_closed: 190, hat_open: 172, tom: 282, rim: 60, clap: 336, cowbell: 88, crash: 212, ride: 232, perc: 130 };

const icon = (kind) => `<svg viewBox="0 0 24 24" aria-hidden="true">${Object.hasOwn(ICONS, kind) ? ICONS[kind] : PLAIN_ICON}</svg>`;
const hueOf = (kind, index) => (Object.hasOwn(HUES, kind) ? HUES[kind] : (index * 47 + 20) % 360);

// Black or white, whichever stands out more from hsl(hue saturation lightness), by the contrast formula of WCAG.
function inkOn(hue, saturation, lightness) {
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    const v = lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * channel(0) + 0.7152 * channel(8) + 0.0722 * channel(4);
  return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}

const TITLES = { hat_closed: "Closed hat", hat_open: "Open hat", perc: "Perc" };
const titleOf = (kind) =>
  Object.hasOwn(TITLES, kind) ? TITLES[kind] : kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll("_", " ");

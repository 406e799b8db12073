// @ts-check
// The machine: its scanners and how to find out their settings, what it knows of the time, its language.

import { say } from "../words.js";
import { calibrate, forget, named } from "./calibrate.js";
import { button, facts, fill, make, name, renew, troubles } from "./make.js";
import { inWords } from "./times.js";
import { tongues } from "./tongue.js";
import { tellTime } from "./watch.js";

/** @typedef {import("./api.js").Lane} Lane */
/** @typedef {import("./api.js").State} State */

/** @returns {import("./page.js").View} */
export function setup() {
  const lanes = make("div", { id: "lanes" });
  const clock = make("div", { id: "clock" });
  const said = make("p", { class: "hint", role: "status" });
  const tell = button(say("Set the clock"), () => telling(), "plain");
  const language = make("div", { id: "language" });
  const trouble = troubles();
  /** @type {State["clock"] | null} */
  let believed = null;

  async function telling() {
    if (!believed || !(await tellTime(believed))) return;
    fill(said, say("The kiosk goes by this time now"));
    document.dispatchEvent(new Event("recorded"));
  }
  const root = make(
    "section",
    { id: "view-setup", class: "columns", "aria-labelledby": "title" },
    make("section", { class: "card column" }, make("h2", {}, say("Scanners")), lanes),
    make(
      "div",
      { class: "column" },
      make("section", { class: "card" }, make("h2", {}, say("Clock")), clock, tell, said),
      make("section", { class: "card" }, make("h2", {}, say("Language and PIN")), language, trouble, pin()),
    ),
  );
  return {
    id: "setup",
    title: say("Set-up"),
    root,
    show: () => {},
    clear: () => fill(said),
    hear: (state) => {
      renew(lanes, [state.gate, state.scanners], () => scanners(state));
      believed = state.clock;
      tell.hidden = state.clock.final !== null;
      renew(clock, { ...state.clock, time: null }, () => time(state.clock));
      renew(language, state.languages, () => [tongues(state.languages, trouble)]);
    },
  };
}

/** @param {State} state */
function scanners({ gate, scanners }) {
  if (!gate) return [make("p", { class: "notice" }, say("The gate does not answer: start `kiosk gate`"))];
  if (scanners.length === 0)
    return [make("p", { class: "hint" }, say("No scanner is configured: `kiosk devices` shows what is plugged in"))];
  return scanners.map(lane);
}

/** @param {Lane} lane */
function lane(lane) {
  return make(
    "div",
    { class: "list" },
    make("strong", {}, name(lane.name)),
    make("span", { class: "quiet" }, lane.label),
    make(
      "span",
      { class: lane.connected ? "badge in" : "badge wrong" },
      lane.connected ? say("connected") : lane.calibrating ? say("being calibrated") : say("missing"),
    ),
    lane.problem && make("p", { class: "wrong" }, name(lane.problem)),
    lane.hint && make("p", { class: "notice" }, name(lane.hint)),
    lane.calibrated.length > 0 && make("p", {}, say("Calibrated here, over kiosk.toml:")),
    lane.calibrated.length > 0 && facts(named(lane.calibrated)),
    lane.calibrate && button(say("Calibrate {name}", { name: lane.name }), () => calibrate(lane), "plain"),
    lane.calibrated.length > 0 && button(say("{name} as configured", { name: lane.name }), () => forget(lane), "plain"),
  );
}

/** @param {State["clock"]} clock */
function time({ local, zone, quality, label, final }) {
  const known = /** @type {Record<string, string>} */ ({
    synced: say("It was set by the network or by somebody who knows"),
    known: say("The network or somebody has said what time it is, whatever this machine’s clock shows"),
    rtc: say("It comes from the machine’s battery clock: nobody has said that it is right"),
    guessed: say("Nobody has said what time it is: timeslots cannot be checked, and deliveries wait"),
  });
  return [
    facts([
      [say("Time"), inWords(local)],
      [say("Time zone"), zone],
      [say("Known"), label],
    ]),
    make("p", {}, known[quality] ?? label),
    final && make("p", { class: "hint" }, final),
  ];
}

function pin() {
  return told(say("Another PIN counts at once"), "kiosk pin");
}

/** @param {string} text @param {string} command */
function told(text, command) {
  return make("p", { class: "command" }, text, make("code", {}, command));
}

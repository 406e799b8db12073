// @ts-check
// One scan, and a scanner's settings are known: its lane is no door meanwhile. The gate ends it by itself, whatever
// becomes of this page; what was found is put in force only when somebody says so.

import { say } from "../words.js";
import { Problem, ask } from "./api.js";
import { over, question } from "./ask.js";
import { attempt, button, facts, fill, make, troubles } from "./make.js";

/** @typedef {import("./api.js").Lane} Lane */
/** @typedef {import("./api.js").Setting} Setting */
/** @typedef {import("./api.js").Calibration} Calibration */
/** @typedef {import("./make.js").Child} Child */

const LOOK_MS = 400;
const RUNNING = ["opening", "listening", "receiving", "judging"];
/** What may get better by itself while it is waited for. */
const PASSING = ["connection", "gate", "busy"];

/** @param {Lane} lane */
export function calibrate(lane) {
  const trouble = troubles();
  const told = make("div", { role: "status" });
  const row = make("div", { class: "row" });
  const code = make("img", {
    class: "code column",
    src: "/staff/calibration.svg",
    alt: say("The calibration code, as QR code and as Code 128"),
  });
  const dialog = make(
    "dialog",
    { class: "question wide", "aria-labelledby": "question" },
    make("h2", { id: "question" }, say("Calibrate {name}", { name: lane.name })),
    make("div", { class: "columns" }, make("div", { class: "column" }, told, trouble), code),
    row,
  );
  let print = "";
  let running = false;

  /** @param {Calibration} facts */
  function paint(facts) {
    running = RUNNING.includes(facts.state);
    code.hidden = !running;
    const now = JSON.stringify({ ...facts, leftSeconds: null });
    if (now === print) return;
    print = now;
    fill(told, ...said(lane, facts));
    fill(row, ...buttons(facts));
    /** @type {HTMLElement | null} */ (row.querySelector("button"))?.focus();
  }

  /** @param {Calibration} facts @returns {Child[]} */
  function buttons({ state, number, changes }) {
    const leave = button(running ? say("Cancel") : say("Close"), () => dialog.close(), running ? "plain" : "main");
    if (running) return [leave];
    if (state !== "found") return [button(say("Try again"), () => void begin(), "plain"), leave];
    if (changes?.length === 0) return [leave];
    const use = button(
      say("Use these settings"),
      () =>
        attempt(use, trouble, async () => {
          await ask("calibration", { scanner: lane.calibrate, step: "use", number });
          paint({ state: "used" });
        }),
      "main",
    );
    return [use, button(say("Leave it as it is"), () => dialog.close(), "plain")];
  }

  /** @param {string} step */
  async function go(step) {
    try {
      fill(trouble);
      paint(await ask("calibration", { scanner: lane.calibrate, step }));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      fill(trouble, problem.message);
      if (!running || !PASSING.includes(problem.key)) paint({ state: "stopped" });
    }
    if (running && dialog.open) setTimeout(() => dialog.open && go("look"), LOOK_MS);
  }

  async function begin() {
    paint({ state: "opening" });
    await go("begin");
  }

  over(dialog, () => {
    if (running) ask("calibration", { scanner: lane.calibrate, step: "cancel" }).catch(() => {}); // it ends anyway
  });
  begin();
}

/** @param {Lane} lane @param {Calibration} facts @returns {Child[]} */
function said(lane, { state, text, found = [], changes = [], notes = [] }) {
  if (state === "found")
    return [
      make("p", {}, say("This is how the scanner sends its codes:")),
      facts(named(found)),
      ...notes.map((note) => make("p", { class: "notice sentence" }, note)),
      make("p", {}, changes.length > 0 ? say("This would change:") : say("Nothing is to be changed")),
      changes.length > 0 && facts(changes.map((one) => changed(one))),
    ];
  return [
    make("p", { class: text ? "notice sentence" : "large" }, text ?? sentence(state, lane)),
    RUNNING.includes(state) &&
      make("p", { class: "hint" }, say("Nobody is admitted at this scanner until this is over")),
  ];
}

/** @param {string} state @param {Lane} lane */
function sentence(state, lane) {
  const sentences = /** @type {Record<string, string>} */ ({
    opening: say("One moment"),
    listening: say("Scan one of these codes with scanner {name}", { name: lane.name }),
    receiving: say("The scanner sends: hold still"),
    judging: say("One moment"),
    used: say("In force: the lane is open again with these settings"),
  });
  return sentences[state] ?? say("This calibration is over");
}

/** The settings by what they are called here. @param {Setting[]} settings @returns {[string, Child][]} */
export function named(settings) {
  return settings.map(({ key, value }) => [called(key), quoted(key, value)]);
}

/** @param {{key: string, before: string, after: string}} change @returns {[string, Child]} */
function changed({ key, before, after }) {
  return [called(key), make("span", {}, quoted(key, before), " → ", quoted(key, after))];
}

/** @param {string} key */
function called(key) {
  const names = /** @type {Record<string, string>} */ ({
    layout: say("Keyboard layout"),
    layouts: say("Keyboard layout"),
    prefix: say("Before the code"),
    suffix: say("Behind the code"),
    terminator: say("End"),
    end: say("End"),
    idle_ms: say("Patience in ms"),
    bits: say("Data bits"),
    parity: say("Parity"),
    byNumber: say("Characters by number"),
    capsLock: say("Presses CapsLock"),
  });
  return names[key] ?? key;
}

/** What somebody's scanner adds is quoted: a space is seen, too. @param {string} key @param {string} value */
function quoted(key, value) {
  if (["prefix", "suffix"].includes(key)) return make("bdi", {}, value ? `“${value}”` : say("nothing"));
  const words = /** @type {Record<string, string>} */ ({ True: say("yes"), none: say("none"), any: say("as it comes") });
  return make("bdi", {}, words[value] ?? value);
}

/** Take back what was calibrated here. @param {Lane} lane */
export function forget(lane) {
  return question({
    title: say("{name} as configured?", { name: lane.name }),
    body: [make("p", {}, say("The scanner is read as kiosk.toml says, at once"))],
    action: say("As configured"),
    work: () => ask("calibration", { scanner: lane.calibrate, step: "forget" }),
  });
}

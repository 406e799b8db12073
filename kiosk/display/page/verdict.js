// @ts-check
// A verdict over the whole screen. Its colour comes from the device settings, its frame, word and sign from the verdict
// itself. Nothing but an approval that is as it should be is green.

import { doors, element, sign, write, writeLarge } from "./snapshot.js";
import { say } from "./words.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */
/** @typedef {import("./snapshot.js").Shown} Shown */
/** @typedef {import("./snapshot.js").Colours} Colours */

const SIGNS = /** @type {Record<string, string>} */ ({ ok: "check", out: "out", again: "repeat", staff: "look" });
const LONG = 60;

/** What wants a person to look. */
const SEE_STAFF = ["details_required", "ambiguous", "unknown_status", "unknown_stale", "not_inside", "clock_not_set"];

/** @type {Animation[]} */
let curtains = [];

/** @param {Shown} shown */
export function faceOf(shown) {
  if (shown.result !== "approved") return "declined";
  return shown.repeated || shown.reason === "not_inside" || shown.untimed ? "again" : "approved";
}

/**
 * A declined ticket that is shown again keeps its colour: it must not look any better the second time.
 * @param {Shown} shown @param {Colours} colours
 */
export function colourOf(shown, colours) {
  if (wantsStaff(shown)) return colours.actionRequired;
  if (shown.reason === "already_in") return colours.repeated;
  if (shown.result !== "approved") return colours.declined;
  return shown.repeated ? colours.repeated : colours.success;
}

/** @param {Shown} shown */
function wantsStaff(shown) {
  return shown.untimed || (shown.reason !== null && SEE_STAFF.includes(shown.reason));
}

/** @param {Shown} shown */
export function shapeOf(shown) {
  return wantsStaff(shown) ? "look" : SIGNS[shown.sign] ?? "cross";
}

/** @param {Shown} shown @param {Snapshot} snapshot */
export function paintVerdict(shown, snapshot) {
  const again = shown.repeated ? say("Same code again") : "";
  document.body.dataset.colour = colourOf(shown, snapshot.colours);
  sign("verdict-sign", shapeOf(shown));
  writeLarge("headline", shown.headline);
  write("message", shown.message);
  element("message").classList.toggle("long", shown.message.length > LONG);
  write("again", again);
  write("ticket", shown.ticketName);
  write("seat", seat(shown));
  write("holder", shown.name);
  write("note", note(shown, snapshot));
  element("verdict").dataset.practice = shown.practice ? say("Practice") : "";
  document.body.dataset.seq = String(shown.seq ?? "");
  document.body.dataset.showing = String(shown.showing);
  write("said", [shown.headline, again, shown.message, shown.ticketName].filter(Boolean).join(". "));
}

/**
 * Let the browser's compositor take the verdict away in time, should the page's own timer be stuck by then.
 * @param {number} left @param {number} whole
 */
export function drawCurtains(left, whole) {
  for (const curtain of curtains) curtain.cancel();
  const options = /** @type {KeyframeAnimationOptions} */ ({ duration: left, fill: "forwards" });
  curtains = [
    element("verdict").animate([{ opacity: 1 }, { opacity: 1, offset: 0.999 }, { opacity: 0 }], options),
    element("left").animate([{ transform: `scaleX(${left / whole})` }, { transform: "scaleX(0)" }], options),
  ];
}

/** @param {Shown} shown */
export function seat({ area, row, seat }) {
  return [area, row && say("Row {row}", { row }), seat && say("Seat {seat}", { seat })].filter(Boolean).join(" · ");
}

/** @param {Shown} shown @param {Snapshot} snapshot */
function note({ lane, codeEnd }, { gate }) {
  return [doors(gate).length > 1 && lane, codeEnd && `… ${codeEnd}`].filter(Boolean).join(" · ");
}

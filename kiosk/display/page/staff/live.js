// @ts-check
// What happens at the door while staff look at their own page: a line for each verdict, as long as it stands there.

import { language, say } from "../words.js";
import { colourOf, faceOf } from "../verdict.js";
import { element } from "../snapshot.js";
import { fill, name } from "./make.js";

/** @typedef {import("../snapshot.js").Snapshot} Snapshot */

const PLAIN = {
  success: "green",
  declined: "red",
  repeated: "orange",
  highlighted: "orange",
  actionRequired: "orange",
};

/** @type {import("../snapshot.js").Colours} */
let known = PLAIN;
/** @type {number | null} */
let showing = null;
/** @type {number | undefined} */
let timer;

/** The colours that the device settings give verdicts. */
export function colours() {
  return known;
}

export function listen() {
  const source = new EventSource("/events");
  source.onmessage = (event) => hear(JSON.parse(event.data));
}

/** @param {Snapshot} snapshot */
function hear(snapshot) {
  if (snapshot.language !== language && !document.querySelector("dialog.question")) location.reload();
  known = snapshot.colours;
  const { shown } = snapshot;
  if (shown?.showing === showing) return;
  showing = shown?.showing ?? null;
  const left = shown ? snapshot.revealSeconds * 1000 - shown.ageMs : 0;
  if (!shown || left <= 0 || byHand(snapshot)) return clear();
  const strip = element("live");
  Object.assign(strip.dataset, { face: faceOf(shown), colour: colourOf(shown, known) });
  fill(strip, say("Door"), ": ", shown.headline, " · ", name(shown.message));
  clearTimeout(timer);
  timer = setTimeout(clear, left);
}

/** What staff did themselves stands on their page already. @param {Snapshot} snapshot */
function byHand({ gate, shown }) {
  return gate.scanners.some((scanner) => scanner.name === shown?.lane && scanner.kind === "socket");
}

function clear() {
  clearTimeout(timer);
  fill(element("live"));
}

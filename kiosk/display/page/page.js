// @ts-check
// The page trusts nobody to tell it that something has ended: a verdict ends by its own timer, and when nothing is heard
// for three seconds it turns grey. It comes back by itself when something is heard again.

import { write } from "./snapshot.js";
import { language, say, translate } from "./words.js";
import { paintReady } from "./ready.js";
import { silenced, sound } from "./sound.js";
import { drawCurtains, faceOf, paintVerdict } from "./verdict.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */

const SILENT_MS = 3000;
const TICK_MS = 100;

/** @type {Snapshot | null} */
let latest = null;
let heardAt = -Infinity;
let calledAt = -Infinity;
/** @type {EventSource | null} */
let source = null;
/** @type {number | null} */
let showing = null;
let endsAt = -Infinity;
let verdictFace = "declined";

function call() {
  source?.close();
  calledAt = performance.now();
  source = new EventSource("/events");
  source.onmessage = (event) => hear(JSON.parse(event.data));
}

/** @param {Snapshot} snapshot */
function hear(snapshot) {
  if (snapshot.language !== language || (latest && latest.version !== snapshot.version)) location.reload();
  const news = latest !== null;
  latest = snapshot;
  heardAt = performance.now();
  stage(snapshot, news);
  paint();
  paintReady(snapshot, snapshot.sound && silenced());
}

/** @param {Snapshot} snapshot @param {boolean} news */
function stage(snapshot, news) {
  const { shown, revealSeconds } = snapshot;
  if (!shown) {
    endsAt = -Infinity;
  } else if (shown.showing !== showing) {
    const left = revealSeconds * 1000 - shown.ageMs;
    endsAt = performance.now() + left;
    verdictFace = faceOf(shown);
    paintVerdict(shown, snapshot);
    drawCurtains(Math.max(0, left), revealSeconds * 1000);
    sound(shown, snapshot.sound, news);
  }
  showing = shown?.showing ?? null;
}

function face() {
  const now = performance.now();
  if (!latest || !latest.gate.alive || now - heardAt > SILENT_MS) return "lost";
  return now < endsAt ? verdictFace : "ready";
}

function paint() {
  const next = face();
  document.body.dataset.heard = String(performance.now() - heardAt <= SILENT_MS);
  if (document.body.dataset.face === next) return;
  document.body.dataset.face = next;
  if (next === "lost") write("said", `${say("No connection to the gate")}. ${say("Please see staff")}.`);
  if (next === "ready") write("said", "");
}

function tick() {
  const now = performance.now();
  if (now - heardAt > SILENT_MS && now - calledAt > SILENT_MS) call();
  paint();
}

translate();
call();
setInterval(tick, TICK_MS);

// @ts-check
// The page trusts nobody to tell it that something has ended: a verdict ends by its own timer, and when nothing is heard
// for three seconds it turns grey. It comes back by itself when something is heard again.

import { write } from "./snapshot.js";
import { language, say, translate } from "./words.js";
import { paintReady } from "./ready.js";
import * as screen from "./screen.js";
import { silenced } from "./sound.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */

const SILENT_MS = 3000;
const TICK_MS = 100;

/** @type {Snapshot | null} */
let latest = null;
let heardAt = -Infinity;
let calledAt = -Infinity;
/** @type {EventSource | null} */
let source = null;

function call() {
  source?.close();
  calledAt = performance.now();
  source = new EventSource("/events");
  source.onmessage = (event) => hear(JSON.parse(event.data));
}

/** @param {Snapshot} snapshot */
function hear(snapshot) {
  if (snapshot.language !== language || (latest && isOther(latest, snapshot))) location.reload();
  const news = latest !== null;
  latest = snapshot;
  heardAt = performance.now();
  screen.hear(snapshot, news);
  paint();
  paintReady(snapshot, snapshot.sound && silenced());
}

/** Whether another display speaks, to which this page does not fit. @param {Snapshot} before @param {Snapshot} now */
function isOther(before, now) {
  return before.version !== now.version || before.halves.length !== now.halves.length;
}

function face() {
  const { gate } = latest ?? {};
  return gate?.alive && performance.now() - heardAt <= SILENT_MS ? screen.face() : "lost";
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

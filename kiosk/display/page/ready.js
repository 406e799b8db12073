// @ts-check
// What the door shows between two guests: whether it is ready, what wants attention, and some numbers.

import { doors, element, part, sign, write, writeLarge } from "./snapshot.js";
import { number, say } from "./words.js";

/** @typedef {import("./snapshot.js").Snapshot} Snapshot */
/** @typedef {import("./snapshot.js").Scanner} Scanner */
/** @typedef {{word: string, hint: string, shape: string, bad?: boolean}} Prompt */
/** @typedef {{text: string, bad: boolean, reason?: boolean}} Banner */
/** @typedef {{label: string, value: string, more?: string, bad?: boolean}} Tile */

const LONG = 50;

/** @param {Snapshot} snapshot @param {boolean} silenced */
export function paintReady(snapshot, silenced) {
  const { word, hint, shape, bad } = prompt(snapshot, doors(snapshot.gate));
  element("ready").dataset.mood = bad ? "bad" : "good";
  writeLarge("word", word);
  writeLarge("hint", hint);
  sign(element("call-sign"), shape);
  write("device", snapshot.deviceId);
  write("names", snapshot.eventNames.join(" · "));
  write("clock", snapshot.time);
  paintList("banners", banners(snapshot, silenced), banner);
  paintList("types", types(snapshot), tile);
  paintList("tiles", tiles(snapshot), tile);
}

/** What a lane's half shows while there is no verdict of it. @param {HTMLElement} half @param {Snapshot} snapshot @param {string[]} lanes */
export function paintRest(half, snapshot, lanes) {
  const own = snapshot.gate.scanners.filter(({ name }) => lanes.includes(name));
  const { word, hint, shape, bad } = prompt(snapshot, own);
  half.dataset.mood = bad ? "bad" : "good";
  write(part(half, "lane"), lanes.join(" · "));
  writeLarge(part(half, "word"), word);
  writeLarge(part(half, "hint"), hint);
  sign(part(half, "shape"), shape);
}

/**
 * Paint a list again only when it has changed, so that a screen reader says news and nothing else.
 * @template T
 * @param {string} id @param {T[]} items @param {(item: T) => HTMLElement} build
 */
function paintList(id, items, build) {
  const place = element(id);
  const print = JSON.stringify(items);
  if (place.dataset.print === print) return;
  place.dataset.print = print;
  place.replaceChildren(...items.map(build));
}

/** @param {string} tag @param {string} text */
function made(tag, text) {
  const element = document.createElement(tag);
  element.style.setProperty("--length", String(text.length));
  element.textContent = text;
  return element;
}

/** @param {Banner} banner */
function banner({ text, bad, reason }) {
  const item = made("li", text);
  item.classList.toggle("bad", bad);
  if (text.length > LONG && !reason) item.dataset.long = "";
  item.classList.toggle("reason", reason ?? false);
  return item;
}

/** @param {Tile} tile */
function tile({ label, value, more, bad }) {
  const item = document.createElement("div");
  item.append(made("dt", label), made("dd", value));
  if (more) item.append(made("dd", more));
  item.classList.toggle("bad", bad ?? false);
  return item;
}

/** @param {Snapshot} snapshot @param {Scanner[]} hands @returns {Prompt} */
function prompt({ gate }, hands) {
  if (gate.fault) return { word: say("See staff"), hint: say("Scans cannot be recorded"), shape: "cross", bad: true };
  if (gate.events.length === 0) return { word: say("Closed"), hint: say("Please see staff"), shape: "cross", bad: true };
  if (hands.length > 0 && !hands.some((scanner) => scanner.connected || scanner.kind === "replay")) {
    if (hands.some((scanner) => scanner.calibrating))
      return { word: say("Being set up"), hint: say("Please see staff"), shape: "cut", bad: true };
    return { word: say("No scanner"), hint: say("Please see staff"), shape: "cut", bad: true };
  }
  return { word: say("Ready"), hint: say("Hold your ticket to the scanner"), shape: "code" };
}

/** @param {Snapshot} snapshot @param {boolean} silenced @returns {Banner[]} */
function banners({ gate, tickets, outbox, disk, syncAlive, online, cloudProblem, deliveryRefused }, silenced) {
  const away = gate.scanners.filter((scanner) => !scanner.connected && scanner.kind !== "replay");
  const missing = away.filter((scanner) => !scanner.calibrating);
  const calibrating = away.filter((scanner) => scanner.calibrating);
  const open = gate.events.length > 0;
  const bad = [
    gate.fault && say("Fault: {fault}", { fault: gate.fault }),
    gate.notice,
    !open && say("The gate is closed: no event is selected"),
    ...gate.missed.map(({ lane, seq }) => say("Admitted, did not pass: “{lane}”, scan {seq}", { lane, seq: String(seq) })),
    ...gate.outputs.map((name) => say("“{name}” does not work", { name })),
    ...missing.map(({ name }) => say("Scanner “{name}” is missing", { name })),
    ...calibrating.map(({ name }) => say("Scanner “{name}” is being calibrated", { name })),
    outbox?.refused &&
      say(["{count} scan was refused by the cloud", "{count} scans were refused by the cloud"], { count: outbox.refused }),
    !tickets && say("The ticket list cannot be read"),
    tickets?.refused.length &&
      say("The cloud’s ticket list shrank to {number}: it is kept as it was. See “kiosk tickets”", {
        number: tickets.shrunkTo ?? "?",
      }),
  ];
  const worth = [
    open && tickets && !tickets.complete && say("The ticket list is incomplete"),
    gate.practice && say("Practice is on: the codes of the sheet play"),
    disk,
    silenced && say("No sound: the browser wants --autoplay-policy=no-user-gesture-required"),
    tickets?.complete && tickets.old && say("The ticket list is {age} old", { age: age(tickets.ageSeconds) }),
    !gate.clockKnown && say("The clock is not set: nothing is checked by time. See “kiosk clock”"),
    !syncAlive && say("Deliveries have stopped: scans are kept here"),
    syncAlive && !online && say("Off-line: scans are kept here and delivered later"),
  ];
  const hints = said(gate.scanners.map((scanner) => scanner.hint), true);
  const refused = said([deliveryRefused && say("Deliveries have stopped: {reason}", { reason: deliveryRefused })], true);
  const reason = said([cloudProblem !== deliveryRefused && cloudProblem], false);
  return [...said(bad, true), ...reasons(hints), ...reasons(refused), ...said(worth, false), ...reasons(reason)];
}

/** What a technician can act on: long, and for reading close by. @param {Banner[]} found @returns {Banner[]} */
function reasons(found) {
  return found.map((banner) => ({ ...banner, reason: true }));
}

/** @param {unknown[]} texts @param {boolean} bad @returns {Banner[]} */
function said(texts, bad) {
  return texts.filter(Boolean).map((text) => ({ text: String(text), bad }));
}

/** @param {Snapshot} snapshot @returns {Tile[]} */
function tiles({ counts, outbox, tickets, online }) {
  const waiting = outbox && outbox.pending + outbox.inflight + outbox.unknown;
  const refused = outbox?.refused ? [{ label: say("Refused"), value: number(outbox.refused), bad: true }] : [];
  const state = !tickets?.complete ? say("incomplete") : say("{age} old", { age: age(tickets.ageSeconds) });
  return [
    { label: say("Inside"), value: number(counts.inside) },
    { label: say("In"), value: number(counts.checkin) },
    { label: say("Out"), value: number(counts.checkout) },
    { label: say("Declined"), value: number(counts.declined) },
    { label: say("Tickets"), value: number(tickets?.total), more: state, bad: !tickets?.complete || tickets.old },
    { label: say("Cloud"), value: online ? say("On-line") : say("Off-line"), bad: !online },
    { label: say("To deliver"), value: number(waiting) },
    ...refused,
  ];
}

/** How many were admitted of each type; what is not named here, or no longer kept, is the rest. @param {Snapshot} snapshot @returns {Tile[]} */
function types({ types, counts }) {
  if (!types || types.length === 0) return [];
  const others = counts.checkin - types.reduce((sum, [, admitted]) => sum + admitted, 0);
  const named = types.map(([label, admitted]) => ({ label, value: number(admitted) }));
  return others > 0 ? [...named, { label: say("Others"), value: number(others) }] : named;
}

/** @param {number | null} seconds */
function age(seconds) {
  if (seconds === null) return "?";
  if (seconds < 90) return say("{count} s", { count: seconds });
  if (seconds < 5400) return say("{count} min", { count: Math.round(seconds / 60) });
  if (seconds < 172800) return say("{count} h", { count: Math.round(seconds / 3600) });
  return say(["{count} day", "{count} days"], { count: Math.round(seconds / 86400) });
}

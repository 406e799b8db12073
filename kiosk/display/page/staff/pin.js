// @ts-check
// The keypad. It lies over everything, so that what was being typed is still there afterwards, and there is no field in
// which a browser could keep a PIN.

import { say } from "../words.js";
import { element, write } from "../snapshot.js";
import { ask } from "./api.js";
import { attempt, button, fill, make, sign } from "./make.js";
import { countdown } from "./times.js";

/** @typedef {import("./api.js").Session} Session */

const LONGEST = 12;
const RETURN_MS = 120_000;

let digits = "";
let waitUntil = -Infinity;
let touchedAt = 0;
/** @type {(session: Session) => void} */
let signedIn = () => {};
let leave = () => {};

/** @param {(session: Session) => void} opened @param {() => void} left back to the door */
export function prepare(opened, left) {
  signedIn = opened;
  leave = left;
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map((digit) => button(digit, () => type(digit), "key"));
  const wipe = button("", () => retype(digits.slice(0, -1)), "key");
  wipe.append(sign("wipe")); // few fonts have one
  wipe.setAttribute("aria-label", say("Delete the last digit"));
  const go = make("button", { type: "submit", class: "key main", id: "enter" }, say("Enter"));
  fill(
    element("keys"),
    ...keys,
    wipe,
    button("0", () => type("0"), "key"),
    go,
  );
  element("pad").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(go, element("pin-trouble"), enter);
  });
  dialog().addEventListener("cancel", (event) => event.preventDefault());
  dialog().addEventListener("keydown", press);
  dialog().addEventListener("pointerdown", touch);
  element("pin-again").addEventListener("click", look);
  element("pin-door").addEventListener("click", () => leave());
  setInterval(tick, 500);
}

/** Cover the page and ask for the PIN. */
export async function cover() {
  if (dialog().open) return;
  retype("");
  touch();
  fill(element("pin-trouble"));
  dialog().showModal();
  element("pin-title").focus();
  await look();
}

/** Look how it is: nobody may be asked for a PIN that there is not, or that is not looked at for now. */
export async function look() {
  await attempt(null, element("pin-trouble"), async () => take(await ask("session")));
}

/** @param {Session} session */
function take(session) {
  const set = session.pin === "set";
  element("keys").hidden = element("digits").hidden = !set;
  element("pin-again").hidden = set;
  write("pin-title", set ? say("Enter the PIN") : say("No PIN"));
  write("pin-how", session.howTo);
  wait(session.waitSeconds);
  if (session.signedIn) uncover(session);
}

async function enter() {
  if (!digits || waiting() > 0) return;
  const tried = digits;
  try {
    take(await ask("session", { pin: tried }));
  } catch (problem) {
    wait(problem instanceof Object && "waitSeconds" in problem ? Number(problem.waitSeconds) : 0);
    throw problem;
  } finally {
    retype("");
    touch();
  }
}

/** @param {Session} session */
function uncover(session) {
  dialog().close();
  signedIn(session);
}

/** @param {KeyboardEvent} event */
function press(event) {
  touch();
  if (/^[0-9]$/.test(event.key)) type(event.key);
  else if (event.key === "Backspace") retype(digits.slice(0, -1));
  else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) {
    /** @type {HTMLFormElement} */ (element("pad")).requestSubmit();
  }
}

/** @param {string} digit */
function type(digit) {
  touch();
  if (waiting() <= 0) retype((digits + digit).slice(0, LONGEST));
}

/** @param {string} typed */
function retype(typed) {
  digits = typed;
  write("digits", "●".repeat(digits.length));
  element("digits").setAttribute("aria-label", say(["{count} digit", "{count} digits"], { count: digits.length }));
}

/** @param {number} seconds */
function wait(seconds) {
  waitUntil = performance.now() + seconds * 1000;
  tick();
}

function waiting() {
  return (waitUntil - performance.now()) / 1000;
}

function touch() {
  touchedAt = performance.now();
}

function tick() {
  const left = waiting();
  dialog().toggleAttribute("data-waiting", left > 0);
  write("pin-wait", left > 0 ? say("No PIN is taken for {time}", { time: countdown(left) }) : "");
  for (const key of dialog().querySelectorAll(".key")) key.toggleAttribute("disabled", left > 0);
  if (dialog().open && performance.now() - touchedAt > RETURN_MS) leave();
}

function dialog() {
  return /** @type {HTMLDialogElement} */ (element("pin"));
}

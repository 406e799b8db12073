// @ts-check
// The staff page: who may use it, for how long, and which of its views is open.

import { say, translate } from "../words.js";
import { element, write } from "../snapshot.js";
import { ask, whenSignedOut } from "./api.js";
import { attempt, fill, make } from "./make.js";
import * as keyboard from "./keyboard.js";
import * as pin from "./pin.js";
import { listen } from "./live.js";
import { countdown } from "./times.js";
import { scan } from "./scan.js";
import { guests } from "./guests.js";
import { choices } from "./choices.js";
import { deliveries } from "./deliveries.js";
import { setup } from "./setup.js";
import { numbers } from "./numbers.js";

/** @typedef {import("./api.js").State} State */
/**
 * @typedef {{id: string, title: string, root: HTMLElement, show: () => unknown, hear?: (state: State) => void,
 *   clear: () => void}} View `clear` forgets what was typed and found
 */

const LOOK_MS = 3000;
const WARN_S = 60;

/** @type {View[]} */
let views = [];
let signedIn = false;
let goodUntil = -Infinity;

function begin() {
  translate();
  views = [scan(), guests(), choices(), deliveries(), setup(), numbers()];
  fill(element("views"), ...views.map((view) => view.root));
  fill(element("tabs"), ...views.map((view) => make("a", { href: `#${view.id}` }, view.title)));
  keyboard.prepare();
  pin.prepare(open, leave);
  whenSignedOut(close);
  addEventListener("hashchange", () => turn(true));
  element("lock").addEventListener("click", lock);
  element("door-page").addEventListener("click", leave);
  element("stay").addEventListener("click", stay);
  document.addEventListener("recorded", look);
  turn(false);
  listen();
  close();
  setInterval(look, LOOK_MS);
  setInterval(tick, 250);
}

/** @param {import("./api.js").Session} session */
function open(session) {
  signedIn = true;
  goodUntil = performance.now() + session.leftSeconds * 1000;
  look();
  current().show();
}

function close() {
  signedIn = false;
  pin.cover();
}

/** Open the view that the address names. @param {boolean} moved whether somebody went there */
function turn(moved) {
  for (const view of views) view.root.hidden = view !== current();
  for (const link of element("tabs").querySelectorAll("a")) {
    if (link.hash === `#${current().id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  write("title", current().title);
  document.title = `${current().title} · ${say("Staff")}`;
  if (moved) {
    element("title").focus({ preventScroll: true });
    element("main").scrollTop = 0;
  }
  if (signedIn) current().show();
}

function current() {
  return views.find((view) => `#${view.id}` === location.hash) ?? views[0];
}

async function look() {
  if (!signedIn) return;
  await attempt(null, element("trouble"), async () => {
    /** @type {State} */
    const state = await ask("state");
    goodUntil = performance.now() + state.leftSeconds * 1000;
    write("silence", silence(state));
    for (const view of views) view.hear?.(state);
  });
}

/** @param {State} state */
function silence({ gate, sync }) {
  const texts = [
    !gate && say("The gate does not answer: start `kiosk gate`"),
    !sync && say("Sync does not answer: start `kiosk sync`"),
  ];
  return texts.filter(Boolean).join(" · ");
}

function tick() {
  if (!signedIn) return;
  const left = (goodUntil - performance.now()) / 1000;
  write("left", countdown(left));
  element("leaving").hidden = left > WARN_S;
  if (left <= 0) close();
}

/** Anything that is asked for but the state begins the time anew. */
async function stay() {
  await attempt(null, element("trouble"), async () => void (await ask("outbox")));
  await look();
}

async function lock() {
  await attempt(/** @type {HTMLButtonElement} */ (element("lock")), element("trouble"), async () => {
    await ask("lock");
    for (const view of views) view.clear();
    close();
  });
}

/** Go back to the door, locked: guests stand there. A browser that finds nothing there would show no way back. */
async function leave() {
  const place = element(signedIn ? "trouble" : "pin-trouble");
  await attempt(/** @type {HTMLButtonElement} */ (element("door-page")), place, async () => {
    await ask("lock");
    location.assign("/");
  });
}

begin();

// @ts-check
// A sound for each verdict, once: not for one that the page found there when it began, nor for the same code held before
// its scanner. The stream to the loudspeaker stays open, so that nothing of a short sound is swallowed.

/** @typedef {import("./snapshot.js").Shown} Shown */

const NAMES = ["approved", "checkout", "repeated", "declined", "see_staff"];
const NEWS_MS = 1000;
const SETTLED_MS = 2000;

const context = new AudioContext();
/** @type {Map<string, AudioBuffer>} */
const sounds = new Map();
/** What each place of the screen showed last, and when. @type {Map<string, {print: string, at: number}>} */
const last = new Map();

/** @param {string} name */
async function load(name) {
  try {
    const answer = await fetch(`/sounds/${name}.wav`);
    sounds.set(name, await context.decodeAudioData(await answer.arrayBuffer()));
  } catch (error) {
    console.warn(`no sound for ${name}: ${error}`);
  }
}

/** @param {string} place @param {Shown} shown @param {boolean} audible @param {boolean} news */
export function sound(place, shown, audible, news) {
  const print = `${shown.seq} ${shown.repeated}`;
  const now = performance.now();
  const before = last.get(place);
  const soon = before && now - before.at < NEWS_MS;
  if (before?.print === print && ((shown.seq !== null && !shown.repeated) || soon)) return;
  last.set(place, { print, at: now });
  const buffer = sounds.get(shown.signal ?? "");
  if (!audible || !news || shown.ageMs > NEWS_MS || !buffer) return;
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start();
}

/** Whether the browser keeps the page silent until somebody touches it. */
export function silenced() {
  return context.state === "suspended" && performance.now() > SETTLED_MS;
}

NAMES.forEach(load);
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => context.resume());

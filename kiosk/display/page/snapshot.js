// @ts-check
// The shape of what is heard, and how it is put on the page: texts become text nodes and nothing else.

/**
 * @typedef {{name: string, kind: string, connected: boolean, calibrating: boolean, hint: string | null}} Scanner
 * @typedef {{alive: boolean, scanners: Scanner[], events: string[], fault: string | null, notice?: string | null,
 *   practice: boolean, clockKnown: boolean, outputs: string[], missed: {lane: string, seq: number}[]}} Gate
 * @typedef {{showing: number, ageMs: number, seq: number | null, lane: string, headline: string, sign: string, result: string,
 *   reason: string | null, message: string, ticketName: string | null, name: string | null, area: string | null,
 *   row: string | null, seat: string | null, type: string | null, codeEnd: string | null, repeated: boolean,
 *   untimed: boolean, practice: boolean, signal: string | null}} Shown
 * @typedef {{total: number, complete: boolean, ageSeconds: number | null, old: boolean,
 *   refused: string[], shrunkTo: number | null}} Tickets
 * @typedef {{pending: number, inflight: number, unknown: number, refused: number}} Outbox
 * @typedef {{checkin: number, checkout: number, declined: number, inside: number}} Counts
 * @typedef {{success: string, declined: string, repeated: string, highlighted: string,
 *   actionRequired: string}} Colours
 * @typedef {{lanes: string[], shown: Shown | null}} Half
 * @typedef {{version: string, language: string, deviceId: string, time: string, revealSeconds: number, sound: boolean, colours: Colours,
 *   gate: Gate, shown: Shown | null, elsewhere: Shown | null, halves: Half[], types: [string, number][] | null, online: boolean, syncAlive: boolean, cloudProblem: string | null,
 *   deliveryRefused: string | null, outbox: Outbox | null, tickets: Tickets | null, counts: Counts,
 *   disk: string | null, eventNames: string[]}} Snapshot
 */

/** @param {string} id */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {Element} root @param {string} name */
export function part(root, name) {
  return /** @type {HTMLElement} */ (root.querySelector(`.${name}`));
}

/** @param {string | HTMLElement} where @param {string | null} text */
export function write(where, text) {
  const place = typeof where === "string" ? element(where) : where;
  if (place.textContent !== (text ?? "")) place.textContent = text ?? "";
}

/**
 * Write what is to be as large as it can be in any language: the styles reckon with its lengths.
 * @param {string | HTMLElement} where @param {string} text
 */
export function writeLarge(where, text) {
  const words = text.split(" ");
  const { style } = typeof where === "string" ? element(where) : where;
  style.setProperty("--letters", String(Math.max(...words.map((word) => word.length))));
  style.setProperty("--words", String(words.length));
  style.setProperty("--length", String(text.length));
  write(where, text);
}

/** @param {Element} place @param {string} shape */
export function sign(place, shape) {
  place.setAttribute("href", `#${shape}`);
}

/** The ways in that guests stand at: manual entry is not one of them. @param {Gate} gate */
export function doors(gate) {
  return gate.scanners.filter((scanner) => scanner.kind !== "socket");
}

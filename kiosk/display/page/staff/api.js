// @ts-check
// What is asked of the kiosk, and what it answers: kiosk/display/staff/routes.py says all of it.

import { say } from "../words.js";

/**
 * @typedef {{seq: number, time: string, lane: string, type: string | null, scanResult: string, reason: string | null,
 *   headline: string, sign: string, message: string, name: string | null, ticketName: string | null, ticketId: string | null,
 *   area: string | null, row: string | null, seat: string | null, codeEnd: string | null, overridable: boolean, admittedSince?: string | null,
 *   untimed: boolean, practice: boolean, signal: string | null, deliveryError?: string | null}} Scan
 * @typedef {{scan: Scan, repeated: boolean}} Judged
 * @typedef {{ticketId: string, name: string | null, ticketName: string | null, eventId: string, event: string | null,
 *   status: string | null, statusLabel: string | null, area: string | null, row: string | null, seat: string | null,
 *   codeEnd: string, inside: boolean}} Guest
 * @typedef {{time: string, type: string, scanResult: string, reason: string | null, message: string, gate: string | null,
 *   lane: string | null, seq: number | null, delivery: string | null, deliveryLabel: string | null,
 *   deliveryError: string | null, why: string | null, by: string | null}} Past
 * @typedef {{scanType?: string | null, events?: string[] | null,
 *   ticketTypes?: Record<string, string[]> | null}} Chosen
 * @typedef {{choices: Chosen, locked: boolean,
 *   configured: {scanType: string, events: Record<string, string[] | null>},
 *   events: {id: string, name: string, types: {id: string, name: string | null}[]}[]}} Choices
 * @typedef {{name: string, kind: string, label: string, connected: boolean, problem: string | null, hint: string | null,
 *   calibrate: string | null, calibrating: boolean, calibrated: Setting[]}} Lane
 * @typedef {{key: string, value: string}} Setting
 * @typedef {{state: string, number?: number, leftSeconds?: number, text?: string, found?: Setting[],
 *   changes?: {key: string, before: string, after: string}[], notes?: string[]}} Calibration
 * @typedef {{pending: number, inflight: number, unknown: number, refused: number, local: number}} Outbox
 * @typedef {{time: string, local: string, zone: string, quality: string, label: string, final: string | null}} Clock
 * @typedef {{chosen: string | null, configured: string, known: string[]}} Languages
 * @typedef {{gate: boolean, sync: boolean, scanType: string, events: {id: string, name: string}[], locked: boolean,
 *   scanners: Lane[], clock: Clock, language: string, languages: Languages,
 *   counts: {checkin: number, checkout: number, declined: number, inside: number},
 *   tickets: {total: number, complete: boolean, ageSeconds: number | null} | null, outbox: Outbox | null,
 *   lastDeclined: Scan | null, leftSeconds: number}} State
 * @typedef {{id: string, name: string, tickets: number, complete: boolean, ageSeconds: number | null,
 *   shrunkTo: number | null}} List
 * @typedef {{begins: string, minutes: number}} Course
 * @typedef {{name: string, number: number}} Bar
 * @typedef {{since: string, until: string, checkin: number, checkout: number, declined: number, insideNow: number,
 *   perMinute: Course & {admitted: number[], declined: number[]}, inside: Course & {people: number[]},
 *   perLane: Bar[], perType: Bar[], declines: Bar[]}} Figures
 * @typedef {{pin: string, signedIn: boolean, leftSeconds: number, waitSeconds: number, howTo: string | null}} Session
 */

const PATIENCE_MS = 40_000;

/** Why something was not done, in a sentence to be shown as it is. */
export class Problem extends Error {
  /** @param {string} key @param {string} message @param {number} [waitSeconds] */
  constructor(key, message, waitSeconds = 0) {
    super(message);
    this.key = key;
    this.waitSeconds = waitSeconds;
  }
}

let signedOut = () => {};

/** @param {() => void} listener */
export function whenSignedOut(listener) {
  signedOut = listener;
}

/**
 * Ask for something by its name. Rejects with a Problem and nothing else.
 * @param {string} name @param {object} [asked]
 */
export async function ask(name, asked = {}) {
  const { status, facts } = await post(name, asked);
  if (status < 400) return facts;
  if (status === 401) signedOut();
  throw new Problem(String(facts.error), String(facts.message), Number(facts.waitSeconds ?? 0));
}

/** @param {string} name @param {object} asked @returns {Promise<{status: number, facts: any}>} */
async function post(name, asked) {
  try {
    const answer = await fetch(`/staff/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: answer.status, facts: await answer.json() };
  } catch {
    throw new Problem("connection", say("No connection"));
  }
}

/** A random text for one thing that a person decides to do: the same one again does nothing. */
export function token() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// @ts-check
// When something was, and for how long, in this machine's own time.

import { language, say } from "../words.js";

/** @param {string} stamp */
export function at(stamp) {
  const when = new Date(stamp);
  if (Number.isNaN(when.getTime())) return stamp;
  const time = when.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = when.toLocaleDateString(language, { weekday: "short", day: "numeric", month: "short" });
  return when.toDateString() === new Date().toDateString() ? time : `${day} ${time}`;
}

/** A time without a zone, as a watch on the kiosk's wall shows it: as of 2026-06-01T19:30. @param {string} local */
export function inWords(local) {
  const when = new Date(`${local}:00Z`);
  /** @type {Intl.DateTimeFormatOptions} */
  const day = { timeZone: "UTC", weekday: "long", day: "numeric", month: "long", year: "numeric" };
  return `${when.toLocaleDateString(language === "en" ? "en-GB" : language, day)}, ${local.slice(-5)}`;
}

/** @param {number} seconds */
export function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** @param {number | null | undefined} seconds */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return "?";
  if (seconds < 90) return say("{count} s", { count: seconds });
  if (seconds < 5400) return say("{count} min", { count: Math.round(seconds / 60) });
  if (seconds < 172800) return say("{count} h", { count: Math.round(seconds / 3600) });
  return say(["{count} day", "{count} days"], { count: Math.round(seconds / 86400) });
}

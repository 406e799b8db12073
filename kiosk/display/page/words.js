// @ts-check
// What a page says. The texts stand in English where they are used, in calls of `say` and as data-say in the page.

/** @typedef {Record<string, string | number | null | undefined>} Facts */

export const language = "en";

/**
 * Say a text with its facts; of a plural, the form that its count takes.
 * @param {string | [one: string, many: string]} text @param {Facts} [facts]
 */
export function say(text, facts = {}) {
  const [one, many] = typeof text === "string" ? [text, text] : text;
  return (facts.count === 1 ? one : many).replace(/\{(\w+)\}/g, (_, name) => number(facts[name]));
}

/** @param {string | number | null | undefined} value */
export function number(value) {
  return typeof value === "number" ? value.toLocaleString(language) : value ?? "?";
}

/** Say what the page itself holds. */
export function translate() {
  document.documentElement.lang = language;
  document.title = say(document.title);
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = say(place.textContent ?? "");
  for (const place of document.querySelectorAll("[aria-label]")) {
    place.setAttribute("aria-label", say(place.getAttribute("aria-label") ?? ""));
  }
}

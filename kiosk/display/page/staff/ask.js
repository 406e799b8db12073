// @ts-check
// A question that lies over the page: what is about to be done, and nothing is done before somebody says so.

import { say } from "../words.js";
import { token } from "./api.js";
import { attempt, button, make, troubles } from "./make.js";

/**
 * @template T
 * @typedef {{title: string, body?: Node[], action: string, kind?: string, calm?: boolean,
 *   work: (token: string) => Promise<T>}} Question `calm`: what is not to be done in passing
 */

/**
 * Ask, and do it when that is wanted: with one token however often it is tried. Returns what the work returned, null
 * where nothing was done.
 * @template T
 * @param {Question<T>} question @returns {Promise<T | null>}
 */
export function question({ title, body = [], action, kind = "main", calm = false, work }) {
  const own = token();
  const trouble = troubles();
  /** @type {T | null} */
  let answer = null;
  const go = button(
    action,
    () =>
      attempt(go, trouble, async () => {
        answer = await work(own);
        dialog.close();
      }),
    kind,
  );
  const leave = button(say("Cancel"), () => dialog.close(), "plain");
  const dialog = make(
    "dialog",
    { class: "question", "aria-labelledby": "question" },
    make("h2", { id: "question" }, title),
    ...body,
    trouble,
    make("div", { class: "row" }, go, leave),
  );
  return new Promise((resolve) => {
    over(dialog, () => resolve(answer));
    (calm ? leave : go).focus();
  });
}

/** Lay a dialog over the page until it is closed. @param {HTMLDialogElement} dialog @param {() => void} [closed] */
export function over(dialog, closed = () => {}) {
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
}

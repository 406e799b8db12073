"""The staff page's API. The display writes nothing: orders go to the gate and to sync, over their Unix sockets.

Everything is `POST /staff/api/NAME` with a JSON object, `{}` where nothing is asked, and answers a JSON object. Names
and codes are in bodies only, never in an address. A request needs `Content-Type: application/json`, an `Origin` that is
the page's own, at most 16 kB, and (but for `session` and `lock`) the cookie of a session. Nothing is kept by a browser.

An error has a status of 400 and more and `{"error": KEY, "message": SENTENCE}`, to be shown as it is:

    400 malformed · 401 signed_out, no_pin · 403 foreign, network, wrong_pin · 404 unknown · 409 (refused by the gate or
    sync, the key says why: `desk.py`, `errands.py`) · 413 too_long · 415 not_json · 429 locked, with `waitSeconds`
    503 gate, sync, busy, not_readable

| name | asked | answered |
|---|---|---|
| session | {} or {pin} | {pin: "set"/"missing"/"unreadable", signedIn, leftSeconds, waitSeconds, howTo}: with a PIN
  signs in, else tells how it is. `leftSeconds` of the session, `waitSeconds` until a PIN is taken again |
| lock | {} | {}: ends the session |
| state | {} | {gate, sync: running or not, scanType, events: [{id, name}], locked, choices, scanners: [{name, kind,
  connected, problem, hint, calibrate: what to type}], clock: {time, quality}, language, counts: {checkin, checkout,
  declined, inside}, tickets: {total, complete, ageSeconds}, outbox: {pending, …, refused}, lastDeclined: SCAN or null,
  leftSeconds}. Asking again and again keeps no session open: this, and pictures, are no use of it |
| scan | {code, type?} | {scan: SCAN, repeated}: a code that was typed, as the gate judges it |
| find | {text} | {guests: [GUEST], more, ready}: at least three letters, words in any order; at most 50. `ready` false:
  the names are still being read, ask again in a second |
| ticket | {ticketId} | {guest: GUEST, history: [{time, type, scanResult, reason, message, gate, lane, seq, delivery,
  deliveryError, why, by}]}: newest first, other doors' scans among them, at most 50 |
| check | {ticketId, type, token} | {scan: SCAN, repeated}: in or out by hand, judged by all rules |
| override | {seq, reason, token} | {scan: SCAN, repeated}: admit against a verdict that is `overridable` |
| choices | {} or {choices: {scanType?, events?, ticketTypes?}} | {choices, locked, configured: {scanType, events:
  {id: [type] or null}}, events: [{id, name, types: [{id, name}]}]}: with `choices` sets them all, what is left out is as
  configured; `{"choices": {}}` is as configured altogether |
| outbox | {} | {states: {…}, refused: [SCAN with deliveryError]}: oldest first, at most 50 |
| retry | {numbers} | {again: [seq]}: [] for all that were refused |
| lists | {} | {events: [{id, name, tickets, complete, ageSeconds, shrunkTo}]} |
| accept | {eventId} | {accepted: {eventId: tickets taken off}} |
| statistics | {} | `figures.py`: {since, until, checkin, …, perMinute, perLane, perType, declines, inside} |

`token` is a random text that the page makes anew for each thing that a person decides to do; the same one again, from a
double click or after an answer that was lost, gets the first answer and does nothing. Nothing is green before it has
`scan.scanResult == "approved"`: then it is on disk.

SCAN: {seq, time, lane, type, scanResult, reason, headline, message, name, ticketName, ticketId, area, row, seat,
codeEnd, overridable}. GUEST: {ticketId, name, ticketName, eventId, event, status, area, row, seat, codeEnd, inside}.

`GET /staff/pictures/NAME.svg`, for an <img>: admissions, lanes, types, declines, inside. They need the session's cookie,
hold no guest's name, and are drawn here: `pictures.py`. A page cannot put an SVG into itself, because it trusts no
markup at all.
"""

// A late look at the server must not undo what was done here since it began.

import { ApiError } from './api.js';

const DELAY = 60; // ms; several tidings of one change are one look

/**
 * Looks at something of the server's, one look at a time.  What is seen counts only if nothing changed here while it
 * was on its way; otherwise it is thrown away and looked again.
 *
 * of: {see(): a promise, isHeld(): no look now, taken(seen), failed(ApiError)}.  Returns {soon(), changed(), close()}:
 * changed() is called at every change here, and when a request that makes one begins and ends.
 */
export function createLook(of) {
  let changes = 0;
  let timer = 0;
  let looking = false;
  let wanted = false;
  let closed = false;

  function soon() {
    wanted = true;
    if (timer || looking || closed) return;
    timer = setTimeout(look, DELAY);
  }

  async function look() {
    timer = 0;
    if (of.isHeld()) return; // changed() will come
    wanted = false;
    looking = true;
    const before = changes;
    let seen = null;
    let failure = null;
    try {
      seen = await of.see();
    } catch (error) {
      failure = error;
    }
    looking = false;
    if (closed) return;
    if (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      of.failed(failure);
    } else if (changes === before && !of.isHeld()) {
      of.taken(seen);
    } else {
      wanted = true;
    }
    if (wanted) soon();
  }

  return {
    soon,
    changed() {
      changes += 1;
      if (wanted) soon();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

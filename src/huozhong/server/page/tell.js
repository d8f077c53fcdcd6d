// Tells the server what was changed here of a conversation: one request at a time, the latest word for each thing.

import { ApiError, ask } from './api.js';

/**
 * of: {path(): where, or null as long as the server does not know it, changed(), failed(ApiError, what is not told)}.  What could not be
 * told because the server was not there is told with the next flush().
 */
export function createTeller(of) {
  let untold = {};
  let timer = 0;
  let sending = null;

  async function send() {
    while (of.path() && Object.keys(untold).length) {
      const sent = Object.assign({}, untold);
      let failure = null;
      try {
        await ask('PATCH', of.path(), sent);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        failure = error;
      }
      const again = failure && (failure.kind === 'offline' || failure.kind === 'busy');
      if (!again) Object.keys(sent).forEach((name) => untold[name] === sent[name] && delete untold[name]);
      of.changed();
      // What was changed while this was on its way waits with it, and is as untold.
      if (failure) of.failed(failure, again ? Object.assign({}, untold) : sent);
      if (again) return;
    }
  }

  /** Resolves when all is told, or the server cannot be reached. */
  function flush() {
    clearTimeout(timer);
    if (!sending) sending = send().finally(() => { sending = null; });
    return sending;
  }

  return {
    flush,
    /** Tells these values after so many ms, unless newer ones come. */
    tell(values, delay) {
      Object.assign(untold, values);
      of.changed();
      clearTimeout(timer);
      timer = setTimeout(flush, delay || 0);
    },
    isUntold: (name) => name in untold,
    /** What is told in another way needs no telling. */
    forget() {
      untold = {};
      clearTimeout(timer);
    },
  };
}

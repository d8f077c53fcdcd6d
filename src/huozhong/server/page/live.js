// The answer that is growing on the page: one at a time.

import { follow } from './follow.js';

const PAINT_INTERVAL = 40; // ms; an old phone keeps up with this

/** on: {grew(message), finished(message), failed(message, ApiError)}. */
export function createLive(on) {
  let message = null;
  let handle = null;
  let painting = 0;

  function stop() {
    if (handle) handle.close();
    message = handle = null;
    clearTimeout(painting);
    painting = 0;
  }

  return {
    message: () => message,
    stop,
    start(growing) {
      stop();
      message = growing;
      handle = follow(growing, {
        changed() {
          if (painting || message !== growing) return;
          painting = setTimeout(() => {
            painting = 0;
            on.grew(growing);
          }, PAINT_INTERVAL);
        },
        done() {
          if (message !== growing) return;
          stop();
          on.finished(growing);
        },
        failed(error) {
          if (message !== growing) return;
          stop();
          on.failed(growing, error);
        },
      });
    },
  };
}

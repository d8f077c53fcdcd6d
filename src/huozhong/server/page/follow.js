// Follows an answer that the server is writing, from wherever it is to its end.

import { listen } from './api.js';

const PAINT_INTERVAL = 40; // ms; an old phone keeps up with this
const SPEED_WINDOW = 3000; // ms over which the live speed is taken

/**
 * message: the page's own, changed in place.  on: {changed(), done(), failed(ApiError)}.  Returns {close()}: to look
 * away, which ends nothing.
 */
function follow(message, on) {
  let pieces = []; // [time, characters] of the last seconds

  function grew(count) {
    const now = Date.now();
    pieces.push([now, count]);
    pieces = pieces.filter(([time]) => now - time < SPEED_WINDOW);
    const span = now - pieces[0][0];
    const sum = pieces.slice(1).reduce((total, piece) => total + piece[1], 0);
    message.speed = span > 500 ? (1000 * sum) / span : 0;
  }

  function event(name, data) {
    if (name === 'snapshot') {
      Object.assign(message, data);
      message.content = message.content.replace(/^\s+/, '');
    } else if (name === 'delta') {
      message.reasoning += data.reasoning;
      message.content += message.content ? data.content : data.content.replace(/^\s+/, '');
      grew(data.reasoning.length + data.content.length);
    } else if (name === 'waiting') {
      message.waiting = data;
    } else if (name === 'done') {
      Object.assign(message, data.message);
      return;
    }
    on.changed();
  }

  return listen('/house/messages/' + encodeURIComponent(message.id) + '/events', {
    event,
    lost() {
      message.isLost = true;
      on.changed();
    },
    back() {
      message.isLost = false;
      on.changed();
    },
    end() {
      message.isLost = false;
      on.done();
    },
    failed: on.failed,
  });
}

/** The answer that is growing on the page, one at a time.  on: {grew(message), finished(message), failed(message, ApiError)}. */
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
